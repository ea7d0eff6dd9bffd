import { bucketMiddleUs } from '#contracts/metrics.ts';

/** Counts by log bucket (bucketOf), as ClickHouse gives a Map(UInt16, UInt64) in JSON. */
export type Buckets = Readonly<Record<string, number>>;

/**
 * Quantiles of durations in ms, one for each of `shares` (ascending or not), 0 without any count.
 * The value at nearest rank, off by 1 % at most.
 */
export function quantilesMs<const S extends readonly number[]>(
  buckets: Buckets,
  shares: S,
): { [K in keyof S]: number } {
  const sorted = Object.entries(buckets)
    .map(([bucket, count]) => ({ bucket: Number(bucket), count }))
    .sort((a, b) => a.bucket - b.bucket);
  const total = sorted.reduce((sum, { count }) => sum + count, 0);
  const at = (share: number): number => {
    const rank = Math.max(1, Math.ceil(share * total));
    let seen = 0;
    for (const { bucket, count } of sorted) {
      seen += count;
      if (seen >= rank) return bucketMiddleUs(bucket) / 1_000;
    }
    return 0;
  };
  return shares.map(at) as { [K in keyof S]: number };
}

/**
 * Apdex (Apdex Alliance, specification 1.1): those that took up to T, and half of those that took
 * up to 4 T, of all. `fine` leaves out errors, which frustrate however fast they are; undefined
 * without requests.
 */
export function apdex(fine: Buckets, requests: number, satisfiedMs: number): number | undefined {
  if (requests === 0) return undefined;
  let points = 0;
  for (const [bucket, count] of Object.entries(fine)) {
    const ms = bucketMiddleUs(Number(bucket)) / 1_000;
    if (ms <= satisfiedMs) points += count;
    else if (ms <= 4 * satisfiedMs) points += count / 2;
  }
  return points / requests;
}
