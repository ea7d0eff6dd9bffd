import type { KafkaAccess } from '#platform/kafka.ts';
import type { TelemetryIdentity } from '../types.ts';

/** What crosses between the request thread and the shipper thread. */
export type Stream = 'access' | 'metrics';
export const STREAMS: readonly Stream[] = ['access', 'metrics'];

/** A block as its encoder closes it; the bytes own their whole ArrayBuffer. */
export interface ClosedBlock {
  schema: number;
  rows: number;
  /** Requests since the block before whose records were not to be kept. */
  skipped: number;
  logEpoch: number;
  minTs: number;
  maxTs: number;
  bytes: Uint8Array<ArrayBuffer>;
}

/** A closed block with its place among its stream's blocks, and the totals after it. */
export interface NumberedBlock extends Omit<ClosedBlock, 'skipped'> {
  stream: Stream;
  seq: number;
  served: number;
  sampledOut: number;
}

/** What the request thread hands its telemetry to; nothing of it waits but `close`. */
export interface BlockSink {
  block(stream: Stream, closed: ClosedBlock): void;
  /** Rows that were recorded and could not be made a block. */
  lost(stream: Stream, rows: Omit<ClosedBlock, 'bytes'>): void;
  /** Rows dropped on this side that the shipper does not know of yet. */
  droppedHere(stream: Stream): number;
  spans(fields: (string | number)[]): void;
  close(timeoutMs: number): Promise<void>;
  readonly spansDropped: number;
  readonly restarts: number;
}

export type ToShipper =
  | { kind: 'block'; block: NumberedBlock }
  /** A block that was closed and dropped before it got here; its number is used up. */
  | { kind: 'dropped'; block: Omit<NumberedBlock, 'bytes'> }
  /** Spans, each SPAN_FIELDS values in a row (trace/spans.ts). */
  | { kind: 'spans'; fields: (string | number)[]; count: number }
  /** All blocks from before the thread was up are in front of this: see STARTING_BLOCKS_MAX. */
  | { kind: 'steady' }
  | { kind: 'close'; timeoutMs: number };

export type FromShipper =
  | {
      kind: 'log';
      level: 'debug' | 'info' | 'warn' | 'error';
      message: string;
      fields?: Record<string, unknown>;
    }
  /** The thread hears messages (and the counter `up` is set). */
  | { kind: 'up' }
  | { kind: 'closed' };

/** Given to the thread when it starts. */
export interface ShipperSettings {
  identity: TelemetryIdentity;
  kafkaBrokers: string[];
  kafkaAccess: KafkaAccess | undefined;
  otlpEndpoint: string | undefined;
  ledgerDir: string;
  queueBytesMax: number;
  spool: { root: string; bytesMax: number } | undefined;
  counters: SharedArrayBuffer;
}

/** Totals that the shipper writes and the request thread reads, without messages. */
const COUNTER_NAMES = [
  /** 1 once the thread hears messages. */
  'up',
  'accessWrittenBlocks',
  'metricsWrittenBlocks',
  'accessAckedRows',
  'metricsAckedRows',
  'accessDroppedRows',
  'metricsDroppedRows',
  'queueBytes',
  'spoolBytes',
  'spoolBlocks',
  'spansTaken',
  'spansExported',
  'spansDropped',
] as const;
export type CounterName = (typeof COUNTER_NAMES)[number];

export class Counters {
  readonly buffer: SharedArrayBuffer;
  readonly #values: BigInt64Array;

  constructor(buffer = new SharedArrayBuffer(COUNTER_NAMES.length * 8)) {
    this.buffer = buffer;
    this.#values = new BigInt64Array(buffer);
  }

  get(name: CounterName): number {
    return Number(Atomics.load(this.#values, COUNTER_NAMES.indexOf(name)));
  }

  add(name: CounterName, by: number): void {
    Atomics.add(this.#values, COUNTER_NAMES.indexOf(name), BigInt(by));
  }

  set(name: CounterName, value: number): void {
    Atomics.store(this.#values, COUNTER_NAMES.indexOf(name), BigInt(value));
  }
}
