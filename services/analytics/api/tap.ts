import type { ServerResponse } from 'node:http';
import type { ClickHouse } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { type RecordFilters, type RecordItem, selectRecords } from './records.ts';

const EVERY_MS = 1_000;
/** A record comes in this late at most: its block, Kafka, and the linger of the consumer. */
const LATE_MS = 10_000;
/** Records of one look: more pass than anyone reads, and the newest are shown. */
const EVENTS_MAX = 200;
/** A reader that takes nothing for so many bytes is let go. */
const UNREAD_BYTES_MAX = 1024 * 1024;

export interface TapOptions {
  clickhouse: ClickHouse;
  clock: Clock;
  filters: RecordFilters;
  /** Aborted when the client goes or the service stops. */
  signal: AbortSignal;
  log: Log;
}

/**
 * Writes fresh records as server-sent events until the signal: each one once, about in the order
 * in which they were stored. Best effort: a burst is thinned out, which a comment says.
 */
export async function streamTap(response: ServerResponse, options: TapOptions): Promise<void> {
  const { clickhouse, clock, filters, signal, log } = options;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': records as they are stored\n\n');
  const sinceMs = clock.wallMs();
  const shown = new Map<string, number>();
  while (!signal.aborted) {
    const nowMs = clock.wallMs();
    const range = { fromMs: Math.max(sinceMs, nowMs - LATE_MS), toMs: nowMs + LATE_MS };
    try {
      const limit = EVENTS_MAX + shown.size;
      const rows = await selectRecords(clickhouse, { filters, range, limit });
      const fresh = rows.filter((row) => !shown.has(keyOf(row)));
      for (const row of fresh) shown.set(keyOf(row), nowMs);
      write(response, fresh.slice(0, EVENTS_MAX).toReversed(), rows.length === limit);
    } catch (error) {
      log.debug({ error: sentenceOf(error) }, 'a look for fresh records failed');
      response.write(`: ${sentenceOf(error).replaceAll(/\s+/g, ' ')}\n\n`);
    }
    for (const [key, atMs] of shown) if (nowMs - atMs > 2 * LATE_MS) shown.delete(key);
    if (response.writableLength > UNREAD_BYTES_MAX) {
      // Ending it politely would keep all that is unread until the reader takes it: never, perhaps.
      response.destroy();
      return;
    }
    await pause(clock, signal);
  }
  response.end();
}

function write(response: ServerResponse, rows: readonly RecordItem[], thinned: boolean): void {
  if (thinned) response.write(': more passed than are shown\n\n');
  for (const { cursor_us: _, ...item } of rows) {
    response.write(`data: ${JSON.stringify(item)}\n\n`);
  }
  // Tells both ends that the other one is there.
  if (rows.length === 0) response.write(':\n\n');
}

function keyOf(row: RecordItem): string {
  return JSON.stringify([row['cursor_us'], row['proxy'], row['request_id'], row['span_id']]);
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = clock.after(EVERY_MS, wake);
    signal.addEventListener('abort', wake);
    if (signal.aborted) wake();
  });
}
