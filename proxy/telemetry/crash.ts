import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type BlockHeaders, encodeBlockHeaders, meshTopics } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import { sentenceOf } from '#platform/log.ts';
import { type BlockMessage, type Kafka, connectKafka } from '#platform/kafka.ts';
import { CRASH_BOUND_ROWS, STARTING_BOUND_ROWS } from './limits.ts';
import { Destination } from './shipper/destination.ts';
import {
  Ledger,
  type LedgerState,
  SUFFIX,
  fileOf,
  isLedger,
  ledgerDirOf,
  readLedger,
} from './shipper/ledger.ts';
import { blockHeaders } from './shipper/shipper.ts';
import { Spool, dropOrphans, spoolDirOf } from './shipper/spool.ts';
import type { CrashReportOptions } from './types.ts';

/**
 * Tells Kafka of workers that died: for each ledger the blocks that are in its spool, under their
 * own numbers, and the last message of its stream, from which the audit knows how many rows were
 * closed and not stored (exactly), and how many more there may have been at most (`bound`). A
 * ledger is deleted once Kafka has its message. Waits for Kafka, and for its topics, until the
 * signal. The caller makes sure that the workers are dead.
 */
export async function reportCrash(options: CrashReportOptions): Promise<void> {
  const dir = ledgerDirOf(options.dataDir);
  const found = ledgersOf(options, dir);
  dropUnknownSpools(options, dir);
  if (found.length === 0 || options.kafkaBrokers.length === 0) return;
  const kafka = connectKafka({
    brokers: options.kafkaBrokers,
    access: options.kafkaAccess,
    clientId: 'windrose-proxy-crash-report',
    log: options.log,
  });
  try {
    for (const { owner } of found) {
      const ledger = Ledger.open(dir, owner, (error) => {
        options.log('warn', 'the disk does not take the ledger of telemetry', {
          why: sentenceOf(error),
        });
      });
      try {
        if (!(await settle(options, kafka, ledger))) return;
      } finally {
        ledger.close();
      }
      rmSync(fileOf(dir, owner), { force: true });
      const { state } = ledger;
      options.log('warn', 'a worker had ended without a goodbye; its rows are accounted for', {
        ...state.owner,
        lostRows: sumOf(state.waiting),
        boundRows: boundOf(state),
      });
    }
  } finally {
    await kafka.close();
  }
}

/** What a ledger that is gone once told of. */
function dropUnknownSpools({ dataDir, log }: CrashReportOptions, dir: string): void {
  const ledgers = new Set(namesIn(dir));
  const dropped = dropOrphans(spoolDirOf(dataDir), (name) => ledgers.has(`${name}${SUFFIX}`));
  if (dropped.length > 0) log('warn', 'spools without a ledger are deleted', { dropped });
}

function ledgersOf(options: CrashReportOptions, dir: string): LedgerState[] {
  const { instance, worker, exceptInstance, log } = options;
  return namesIn(dir).flatMap((name) => {
    const file = path.join(dir, name);
    const state = readLedger(file);
    if (state === undefined) {
      // Cut off in its first line: the worker died while it started, before it served.
      log('warn', 'a ledger that says nothing is deleted', { file: name });
      rmSync(file, { force: true });
      return [];
    }
    const { owner } = state;
    const wanted =
      owner.mesh === options.mesh &&
      owner.instance !== exceptInstance &&
      (instance === undefined || owner.instance === instance) &&
      (worker === undefined || owner.worker === worker);
    return wanted ? [state] : [];
  });
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter(isLedger).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** False when the signal came first. */
async function settle(options: CrashReportOptions, kafka: Kafka, ledger: Ledger): Promise<boolean> {
  const { clock, log, dataDir } = options;
  const { state } = ledger;
  const { owner } = state;
  const destination = new Destination({
    topic: meshTopics(owner.mesh)[owner.stream],
    ...{ identity: owner, kafka, producer: kafka.createProducer(), clock, log },
  });
  const spool = new Spool(spoolDirOf(dataDir), owner);
  for (const seq of spool.list()) {
    const block = state.waiting.has(seq) ? spool.read(seq) : undefined;
    // Acknowledged already, or cut off while it was written: the ledger has it among the lost.
    if (block === undefined) continue;
    const headers = encodeBlockHeaders(blockHeaders(owner, block.meta, state.dropped));
    const sent = await send(options, destination, { value: block.bytes, headers });
    if (sent === 'aborted') return false;
    if (sent === 'stored') ledger.acked(seq, block.meta.rows);
    else ledger.dropped(seq, block.meta.rows);
    spool.delete(seq);
  }
  const headers = encodeBlockHeaders(headersOf(state, clock.wallMs()));
  const last = await send(options, destination, { value: new Uint8Array(0), headers });
  if (last === 'refused') {
    throw new Error(`Kafka refuses the last message of instance ${owner.instance}`);
  }
  if (last === 'stored') spool.remove();
  return last === 'stored';
}

async function send(
  { clock, signal }: CrashReportOptions,
  destination: Destination,
  message: BlockMessage,
): Promise<'stored' | 'refused' | 'aborted'> {
  while (signal?.aborted !== true) {
    const result = await destination.send(message);
    if (result !== 'later') return result;
    await pause(clock, destination.readyAtMs - clock.nowMs(), signal);
  }
  return 'aborted';
}

/** Ends early when the signal comes. */
function pause(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.after(delayMs, end);
    signal?.addEventListener('abort', end);
  });
}

function headersOf(state: LedgerState, nowMs: number): BlockHeaders {
  const { proxy, instance, worker } = state.owner;
  const { schema, lastSeq, logEpoch, served, sampledOut, dropped } = state;
  return {
    ...{ schema, proxy, instance, worker, seq: lastSeq + 1, logEpoch, rows: 0 },
    ...{ served, sampledOut, dropped, minTs: nowMs, maxTs: nowMs },
    ...{ end: 2, bound: boundOf(state) },
  };
}

/** Metric blocks count the same requests again: what of them is unknown has the same bound. */
function boundOf(state: LedgerState): number {
  if (state.ended) return 0;
  return state.steady ? CRASH_BOUND_ROWS : STARTING_BOUND_ROWS;
}

function sumOf(waiting: ReadonlyMap<number, number>): number {
  return [...waiting.values()].reduce((sum, rows) => sum + rows, 0);
}
