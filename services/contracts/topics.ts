/** Kafka topics of one mesh and what each of their messages carries. */
export interface MeshTopics {
  access: string;
  metrics: string;
  dead: string;
}

export function meshTopics(mesh: string): MeshTopics {
  return {
    access: `windrose.${mesh}.access`,
    metrics: `windrose.${mesh}.metrics`,
    dead: `windrose.${mesh}.dead`,
  };
}

export const ACCESS_PARTITIONS = 8;
export const METRICS_PARTITIONS = 4;

/**
 * Headers of a block's message; every value is text. A worker's number is never used twice within
 * an instance: the one that replaces a dead worker gets the next number. A message of 0 rows has
 * an empty body (see `end`). `seq` counts the blocks of one (instance, worker, stream) from 1.
 * `served`, `sampledOut` and `dropped` are running totals of that worker's rows in this stream:
 * the first two as of the moment the block was closed, `dropped` as of the moment it was sent,
 * which are rows of blocks before it, since the oldest is dropped first. So the newest block of a
 * worker accounts for all up to it: served = stored + sampledOut + dropped + crashLost.
 */
export interface BlockHeaders {
  schema: number;
  proxy: string;
  instance: string;
  worker: number;
  seq: number;
  logEpoch: number;
  rows: number;
  served: number;
  sampledOut: number;
  dropped: number;
  /** Milliseconds since 1970 of the oldest and newest row. */
  minTs: number;
  maxTs: number;
  /**
   * 0: more blocks follow. 1: the worker ended cleanly, this is its last message. 2: the worker
   * crashed and its supervisor, or the proxy's next start, says so from the worker's ledger:
   * `served` is the total at its last closed block, so what is not stored of it was lost.
   */
  end: number;
  /** Most rows that may have been in the open block when the worker crashed; 0 otherwise. */
  bound: number;
}

const NUMBERS = [
  'schema',
  'worker',
  'seq',
  'logEpoch',
  'rows',
  'served',
  'sampledOut',
  'dropped',
  'minTs',
  'maxTs',
  'end',
  'bound',
] as const;

export function encodeBlockHeaders(headers: BlockHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** Reads a message's headers back; undefined with any of them absent or not a whole number. */
export function decodeBlockHeaders(
  raw: Readonly<Record<string, unknown>>,
): BlockHeaders | undefined {
  const text = (name: string): string | undefined => {
    const value = raw[name];
    if (typeof value === 'string') return value;
    return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined;
  };
  const numbers: Partial<Record<(typeof NUMBERS)[number], number>> = {};
  for (const name of NUMBERS) {
    const value = Number(text(name) ?? Number.NaN);
    if (!Number.isSafeInteger(value)) return undefined;
    numbers[name] = value;
  }
  const proxy = text('proxy');
  const instance = text('instance');
  if (proxy === undefined || instance === undefined) return undefined;
  return { ...(numbers as Record<(typeof NUMBERS)[number], number>), proxy, instance };
}

/**
 * The partition of every block of one worker: FNV-1a over its identity, so that a busy gateway
 * spreads.
 */
export function partitionOf(instance: string, worker: number, partitions: number): number {
  let hash = 0x811c9dc5;
  for (const char of `${instance}/${worker}`) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash % partitions;
}
