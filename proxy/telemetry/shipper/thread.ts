import { Worker } from 'node:worker_threads';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { sentenceOf } from '#platform/log.ts';
import { SPANS_WAITING_MAX, STARTING_BLOCKS_MAX, UNWRITTEN_BLOCKS_MAX } from '../limits.ts';
import type { TelemetryLog } from '../types.ts';
import {
  type BlockSink,
  type ClosedBlock,
  type Counters,
  type FromShipper,
  type NumberedBlock,
  STREAMS,
  type ShipperSettings,
  type Stream,
  type ToShipper,
} from './protocol.ts';
import { spanCount } from './span-exporter.ts';

type BlockMeta = Omit<NumberedBlock, 'bytes'>;

/** What the request thread knows of one stream. */
interface StreamState {
  seq: number;
  served: number;
  sampledOut: number;
  /** Blocks handed over; the counter tells how many of them are in the ledger. */
  posted: number;
  /** The newest of them, at least those not yet in the ledger. */
  recent: BlockMeta[];
  /** Dropped here and not yet told to the shipper: one line for all of them. */
  dropped: BlockMeta | undefined;
}

export interface ShipperThreadOptions {
  settings: ShipperSettings;
  counters: Counters;
  clock: Clock;
  random: Random;
  log: TelemetryLog;
}

const RESTART_FIRST_MS = 500;
const RESTART_LAST_MS = 30_000;
/** Beyond the time that the shipper has for its end. */
const CLOSE_GRACE_MS = 2_000;

/**
 * The request thread's side of the shipper: numbers the blocks, hands them over without a copy,
 * never waits. A thread that dies is started anew and finds in the ledger what was lost with it.
 */
export class ShipperThread implements BlockSink {
  restarts = 0;
  spansDropped = 0;
  readonly #options: ShipperThreadOptions;
  readonly #streams: Record<Stream, StreamState> = { access: freshState(), metrics: freshState() };
  #worker: Worker | undefined;
  #restart: Timer | undefined;
  #spansHanded = 0;
  #unwrittenMax = STARTING_BLOCKS_MAX;
  #closing = false;
  #closed: () => void = () => undefined;

  constructor(options: ShipperThreadOptions) {
    this.#options = options;
    this.#start();
  }

  block(stream: Stream, closed: ClosedBlock): void {
    this.#settle();
    const state = this.#streams[stream];
    const { bytes, ...rest } = closed;
    const meta = this.#number(stream, rest);
    if (!this.#hasRoom(stream)) {
      state.dropped = mergedDrop(state.dropped, meta);
      return;
    }
    this.#tellDropped(stream);
    state.posted++;
    state.recent.push(meta);
    while (state.recent.length > this.#unwrittenMax + 1) state.recent.shift();
    this.#post({ kind: 'block', block: { ...meta, bytes } }, [bytes.buffer]);
  }

  lost(stream: Stream, rows: Omit<ClosedBlock, 'bytes'>): void {
    const state = this.#streams[stream];
    state.dropped = mergedDrop(state.dropped, this.#number(stream, rows));
  }

  droppedHere(stream: Stream): number {
    return this.#streams[stream].dropped?.rows ?? 0;
  }

  spans(fields: (string | number)[]): void {
    const count = spanCount(fields);
    const waiting = this.#spansHanded - this.#options.counters.get('spansTaken');
    if (this.#worker === undefined || waiting + count > SPANS_WAITING_MAX) {
      this.spansDropped += count;
      return;
    }
    this.#spansHanded += count;
    this.#post({ kind: 'spans', fields, count });
  }

  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    this.#restart?.cancel();
    const worker = this.#worker;
    if (worker === undefined) return;
    for (const stream of STREAMS) this.#tellDropped(stream);
    const ended = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    worker.ref();
    this.#post({ kind: 'close', timeoutMs });
    const timer = this.#options.clock.after(timeoutMs + CLOSE_GRACE_MS, () => this.#closed());
    await ended;
    timer.cancel();
    await worker.terminate();
  }

  #start(): void {
    const worker = new Worker(new URL('./main.ts', import.meta.url), {
      workerData: this.#options.settings,
      name: 'shipper',
      execArgv: [],
    });
    this.#worker = worker;
    worker.unref();
    worker.on('message', (message: FromShipper) => this.#hear(message));
    let why = 'it ended';
    worker.on('error', (error) => {
      why = sentenceOf(error);
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#ended(why);
    });
  }

  #hear(message: FromShipper): void {
    if (message.kind === 'closed') this.#closed();
    else if (message.kind === 'up') this.#settle();
    else this.#options.log(message.level, message.message, message.fields);
  }

  #ended(why: string): void {
    this.#worker = undefined;
    this.#closed();
    if (this.#closing) return;
    const { clock, random, log, counters } = this.#options;
    // Spread, so that the workers of a proxy do not start theirs at once.
    const most = Math.min(RESTART_LAST_MS, RESTART_FIRST_MS * 2 ** this.restarts);
    const delayMs = Math.round(most * (0.5 + random() / 2));
    this.restarts++;
    log('error', 'the telemetry thread ended and is started again', { why, delayMs });
    this.#spansHanded = counters.get('spansTaken');
    for (const stream of STREAMS) {
      const state = this.#streams[stream];
      const unwritten = this.#unwritten(stream);
      const metas = unwritten > 0 ? state.recent.slice(-unwritten) : [];
      // Older than what was dropped here since.
      const since = state.dropped;
      state.dropped = undefined;
      for (const meta of since === undefined ? metas : [...metas, since]) {
        state.dropped = mergedDrop(state.dropped, meta);
      }
      state.posted -= Math.max(0, unwritten);
      state.recent = [];
    }
    this.#restart = clock.after(delayMs, () => this.#start());
  }

  #number(stream: Stream, { skipped, ...rest }: Omit<ClosedBlock, 'bytes'>): BlockMeta {
    const state = this.#streams[stream];
    state.seq++;
    state.served += rest.rows + skipped;
    state.sampledOut += skipped;
    return { ...rest, stream, seq: state.seq, served: state.served, sampledOut: state.sampledOut };
  }

  #hasRoom(stream: Stream): boolean {
    return this.#worker !== undefined && this.#unwritten(stream) < this.#unwrittenMax;
  }

  #unwritten(stream: Stream): number {
    return this.#streams[stream].posted - this.#options.counters.get(`${stream}WrittenBlocks`);
  }

  /** Once the thread is up and has caught up, little may be on its way; it is told behind that. */
  #settle(): void {
    if (this.#unwrittenMax === UNWRITTEN_BLOCKS_MAX) return;
    if (this.#options.counters.get('up') === 0) return;
    if (STREAMS.some((stream) => this.#unwritten(stream) >= UNWRITTEN_BLOCKS_MAX)) return;
    this.#unwrittenMax = UNWRITTEN_BLOCKS_MAX;
    this.#post({ kind: 'steady' });
  }

  #tellDropped(stream: Stream): void {
    const state = this.#streams[stream];
    if (state.dropped === undefined) return;
    state.posted++;
    state.recent.push(state.dropped);
    this.#post({ kind: 'dropped', block: state.dropped });
    state.dropped = undefined;
  }

  #post(message: ToShipper, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }
}

function freshState(): StreamState {
  return { seq: 0, served: 0, sampledOut: 0, posted: 0, recent: [], dropped: undefined };
}

/** Several dropped blocks as one: the number and totals of the last, the rows of all. */
function mergedDrop(before: BlockMeta | undefined, last: BlockMeta): BlockMeta {
  return { ...last, rows: last.rows + (before?.rows ?? 0) };
}
