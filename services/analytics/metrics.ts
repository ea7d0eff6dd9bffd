import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { SqlLimit } from './api/quota.ts';
import type { IngestEvents } from './ingest/outcome.ts';

/**
 * The service's own series and the log lines that go with them. A part that is away makes one
 * line when it goes and one when it is back, however often it is tried.
 */
export function ingestEvents(registry: Registry, log: Log, clock: Clock): IngestEvents {
  const series = seriesIn(registry);
  const away = new Set<string>();
  return {
    stored(stream, blocks, rows, tookMs) {
      series.blocks.inc({ stream }, blocks);
      series.rows.inc({ stream }, rows);
      series.inserts.observe({ stream }, tookMs / 1_000);
      series.storedAt.set({ stream }, clock.wallMs() / 1_000);
    },
    repeats(stream, blocks) {
      series.repeats.inc({ stream }, blocks);
    },
    clamped(stream, blocks) {
      series.clamped.inc({ stream }, blocks);
      log.warn({ stream, blocks }, 'rows with a time far off were brought within bounds');
    },
    deadLetter({ topic, partition, offset }, reason) {
      series.dead.inc({ topic });
      const where = { topic, partition, offset: offset.toString() };
      log.error({ ...where, reason }, 'a block could not be read and was put aside');
    },
    gap({ topic, partition }, messages) {
      series.gaps.inc({ topic }, Number(messages));
      log.error(
        { topic, partition, messages: messages.toString() },
        'Kafka dropped messages before they were read: retention is too short for the lag',
      );
    },
    generation({ topic, partition }, why) {
      log.warn({ topic, partition, why }, 'the partition is read anew; stored blocks are left out');
    },
    lag({ topic, partition }, messages) {
      series.lag.set({ topic, partition: String(partition) }, Number(messages));
    },
    waiting(part, why) {
      if (away.has(part)) return;
      away.add(part);
      series.up.set({ part }, 0);
      log.warn({ part, why }, 'storing waits; nothing is lost meanwhile');
    },
    working(part) {
      series.up.set({ part }, 1);
      if (away.delete(part)) log.info({ part }, 'storing goes on');
    },
  };
}

/** Counts statements of `POST /v1/query` beyond a caller's quota. */
export function sqlRefusals(registry: Registry): (limit: SqlLimit) => void {
  const counter = new Counter({
    name: 'windrose_analytics_sql_refused_total',
    help: 'statements of POST /v1/query refused because of a quota',
    labelNames: ['limit'],
    registers: [registry],
  });
  for (const limit of ['queries', 'seconds'] satisfies SqlLimit[]) counter.inc({ limit }, 0);
  return (limit) => counter.inc({ limit });
}

function seriesIn(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string, label: string): Counter =>
    new Counter({ name: `windrose_analytics_${name}`, help, labelNames: [label], registers });
  const gauge = (name: string, help: string, ...labelNames: string[]): Gauge =>
    new Gauge({ name: `windrose_analytics_${name}`, help, labelNames, registers });
  return {
    rows: counter('rows_total', 'rows stored in ClickHouse', 'stream'),
    blocks: counter('blocks_total', 'blocks stored in ClickHouse', 'stream'),
    repeats: counter('repeats_total', 'blocks left out because they are stored already', 'stream'),
    clamped: counter('clamped_blocks_total', 'blocks with rows whose time was far off', 'stream'),
    dead: counter('dead_letters_total', 'messages that could not be read', 'topic'),
    gaps: counter('gap_messages_total', 'messages that Kafka dropped unread', 'topic'),
    lag: gauge('lag_messages', 'messages not yet stored', 'topic', 'partition'),
    storedAt: gauge('stored_timestamp_seconds', 'when rows were stored last', 'stream'),
    up: gauge('part_up', '0 while storing waits for this part', 'part'),
    inserts: new Histogram({
      name: 'windrose_analytics_insert_seconds',
      help: 'duration of an insert with its retries',
      labelNames: ['stream'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
  };
}
