/**
 * What this consumer writes into the metadata of its Kafka commits, so that whoever reads a
 * partition next can repeat an unfinished insert exactly.
 */
export interface Position {
  /**
   * Tells topics of one name apart in deduplication tokens. A number of ours, given when a
   * partition has none or when its offsets fell behind what the ledger has seen: kafkajs cannot
   * tell Kafka's topic id.
   */
  generation: number;
  /**
   * Set: the rows from the committed offset up to, not including, this one may have been inserted
   * already.
   */
  to?: bigint;
}

const VERSION = 1;

/** Fits Kafka's limit on commit metadata (4 KiB) many times over. */
export function encodePosition(position: Position): string {
  const { generation, to } = position;
  return JSON.stringify({
    v: VERSION,
    g: generation,
    ...(to === undefined ? {} : { to: to.toString() }),
  });
}

/** Undefined when the commit carries nothing of ours, such as one made with Kafka's own tools. */
export function decodePosition(metadata: string): Position | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(metadata);
  } catch {
    return undefined; // Not ours.
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { v, g, to } = parsed as { v?: unknown; g?: unknown; to?: unknown };
  if (v !== VERSION || typeof g !== 'number' || !Number.isSafeInteger(g)) return undefined;
  if (to === undefined) return { generation: g };
  if (typeof to !== 'string' || !/^[0-9]{1,18}$/.test(to)) return undefined;
  return { generation: g, to: BigInt(to) };
}

/** Consecutive messages of a partition: from `from` up to, not including, `to`. */
export interface Range {
  topic: string;
  partition: number;
  generation: number;
  from: bigint;
  to: bigint;
}

/** Names one insert for ever: equal only for the same messages of the same topic. */
export function tokenOf(range: Range): string {
  const { topic, generation, partition, from, to } = range;
  return `${topic}/${generation}/${partition}/${from}-${to}`;
}
