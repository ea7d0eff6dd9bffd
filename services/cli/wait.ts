import type { ReceiptBoard } from '#contracts/api/config.ts';
import type { Client } from './client.ts';
import { CliError, EXIT } from './errors.ts';
import { type Io, line, styleOf } from './io.ts';
import { count, some } from './output/format.ts';
import { problemsText } from './output/problems.ts';
import { createTicker } from './output/ticker.ts';
import { pause } from './pause.ts';

/** The default of `--wait` and of `windrose wait`. */
export const WAIT_DEFAULT = '30s';
const RECONNECT_MS = 250;

export interface WaitOptions {
  client: Client;
  revision: string;
  timeoutMs: number;
}

/** What the proxies said, and why that is not what was waited for. */
export interface Waited {
  /** As it was last seen; absent when no word came. */
  board: ReceiptBoard | undefined;
  /** Status 1 when a proxy applied it in part or refused it, 5 when time ran out. */
  failure: CliError | undefined;
}

/**
 * Follows the receipts of a revision until every proxy of its audience has spoken, and says so
 * while they come in. A failure is handed back, so that the caller can print what it has first.
 */
export async function waitForReceipts(io: Io, options: WaitOptions): Promise<Waited> {
  const startedMs = io.wallMs();
  const ticker = createTicker(io.err);
  let board: ReceiptBoard | undefined;
  try {
    board = await follow(io, options, (next) => {
      if (next.items.length > 0) ticker.show(progressText(next));
    });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { board: undefined, failure: error };
  } finally {
    ticker.end();
  }
  return { board, failure: failureOf(io, options, board, io.wallMs() - startedMs) };
}

async function follow(
  io: Io,
  options: WaitOptions,
  show: (board: ReceiptBoard) => void,
): Promise<ReceiptBoard | undefined> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([deadline, io.signal]);
  const path = `/v1/revisions/${encodeURIComponent(options.revision)}/receipts`;
  let board: ReceiptBoard | undefined;
  let connected = false;
  while (!signal.aborted) {
    try {
      for await (const next of options.client.events<ReceiptBoard>(path, {}, signal)) {
        connected = true;
        board = next;
        show(next);
        if (next.done) return next;
      }
    } catch (error) {
      if (signal.aborted) break;
      // A config service that restarts while we wait is no reason to stop waiting: a stream that
      // breaks is asked for again. But one that could not be had at all is the user's to hear of.
      connected ||= !(error instanceof CliError);
      if (!connected) throw error;
    }
    await pause(RECONNECT_MS, signal);
  }
  return board;
}

type Item = ReceiptBoard['items'][number];

function named(board: ReceiptBoard, state: Item['state']): string[] {
  return board.items.filter((item) => item.state === state).map((item) => item.proxy);
}

function progressText(board: ReceiptBoard): string {
  const gone = named(board, 'gone').length;
  const waiting = named(board, 'pending');
  const heard = board.items.length - gone - waiting.length;
  const tail = waiting.length === 0 ? '' : `; waiting for ${some(waiting)}`;
  return `${heard} of ${count(board.items.length - gone, 'proxy', 'proxies')} answered${tail}`;
}

function failureOf(
  io: Io,
  options: WaitOptions,
  board: ReceiptBoard | undefined,
  tookMs: number,
): CliError | undefined {
  const seconds = `${(tookMs / 1_000).toFixed(1)} s`;
  if (board === undefined) {
    return new CliError(EXIT.timeout, `no word of revision ${options.revision} within ${seconds}`);
  }
  const gone = named(board, 'gone');
  if (gone.length > 0) {
    line(io.err, `${count(gone.length, 'proxy', 'proxies')} gone, not waited for: ${some(gone)}`);
  }
  const failed = board.items.filter(
    (item) => item.state === 'partial' || item.state === 'rejected',
  );
  const late = named(board, 'pending');
  for (const item of failed) sayFailure(io, item);
  if (failed.length > 0) {
    return new CliError(
      EXIT.failed,
      `revision ${board.revision} is not in effect everywhere: ` +
        `${some(failed.map((item) => `${item.proxy} (${item.state})`))}`,
    );
  }
  if (late.length > 0) {
    return new CliError(
      EXIT.timeout,
      `time ran out after ${seconds}: ${count(late.length, 'proxy has', 'proxies have')} not ` +
        `applied revision ${board.revision}: ${some(late, 20)}`,
    );
  }
  return undefined;
}

function sayFailure(io: Io, item: Item): void {
  const style = styleOf(io, io.err);
  line(io.err, `${style.red(item.state)} on ${style.bold(item.proxy)}`);
  const problems = item.receipt?.problems ?? [];
  if (problems.length > 0) line(io.err, problemsText(problems, style));
}

/** `revision 1-42 applied by 7 proxies`. */
export function appliedText(board: ReceiptBoard): string {
  const applied = named(board, 'applied').length;
  return applied === 0
    ? `revision ${board.revision}: no proxy was up when it was written; see \`windrose status\``
    : `revision ${board.revision} applied by ${count(applied, 'proxy', 'proxies')}`;
}
