import type { Column } from './record.ts';

/**
 * The columns of the metric stream: exact counters and a latency histogram for each combination of
 * labels, counted per worker for a few seconds. Never sampled; rollups, SLOs and dashboards are
 * made of these.
 */
export const METRIC_SCHEMA = 1;
/** A window is closed on this interval, aligned to the clock. */
export const METRIC_WINDOW_MS = 2_000;
/** The finest rollup: what alerts and dashboards can tell apart. */
export const ROLLUP_STEP_MS = 10_000;
/**
 * At the end of each step of the finest rollup a worker says that it lives, requests or none: one
 * row of 0 requests without a direction, whose source is the proxy's own workload (empty for a
 * gateway). So no traffic is told from no data, and nobody waits for a worker that is idle.
 */
export const HEARTBEAT_SQL = "direction = ''";

const word = <N extends string>(
  name: N,
  meaning: string,
): Column & { name: N; wire: 'String' } => ({
  name,
  wire: 'String',
  type: 'LowCardinality(String)',
  meaning,
});
const count = <N extends string>(
  name: N,
  meaning: string,
): Column & { name: N; wire: 'UInt64' } => ({ name, wire: 'UInt64', meaning });

export const METRIC_COLUMNS = [
  {
    name: 'time',
    wire: "DateTime64(6, 'UTC')",
    codec: 'Delta, ZSTD(1)',
    meaning: 'start of the window',
  },
  word('proxy', 'name of the proxy'),
  word('instance', 'random id of this start of the proxy'),
  { name: 'worker', wire: 'UInt16', meaning: 'number of the worker' },
  word('role', 'gateway, sidecar or fused'),
  word('direction', 'edge, inbound or outbound; empty in a heartbeat'),
  word('zone', 'zone of the proxy'),
  { name: 'log_epoch', wire: 'UInt32', meaning: 'epoch of the revision' },
  { name: 'revision', wire: 'UInt64', meaning: 'sequence of the revision that decided' },
  word('source', 'calling service, as in a record'),
  word('destination', 'called service'),
  word('route', 'namespace/name of the route'),
  word('backend', 'namespace/name:port of the backend'),
  word('consumer', 'namespace/name of the Consumer'),
  word('status_class', '1xx, 2xx, 3xx, 4xx, 5xx, or none when nothing was sent'),
  word('reason', 'a word of reasons.ts'),
  count('requests', 'requests that ended in the window'),
  count('retries', 'further tries'),
  count('bytes_in', 'body bytes from clients'),
  count('bytes_out', 'body bytes to clients'),
  count('duration_us_sum', 'sum of durations, µs'),
  {
    name: 'durations',
    wire: 'Map(UInt16, UInt64)',
    meaning: 'log buckets of durations (bucketOf) and their counts',
  },
] as const satisfies readonly Column[];

/**
 * Width of a bucket: each is 2 % wider than the one before, so a quantile is off by 1 % at most.
 */
export const BUCKET_BASE = 1.02;
const LN_BASE = Math.log(BUCKET_BASE);

/**
 * Bucket of a duration in µs: bucket `i` holds [1.02^i, 1.02^(i+1)); everything below 1 µs is in
 * bucket 0.
 */
export function bucketOf(durationUs: number): number {
  return durationUs <= 1 ? 0 : Math.floor(Math.log(durationUs) / LN_BASE);
}

/** The duration in µs that stands for a bucket: its geometric middle. */
export function bucketMiddleUs(bucket: number): number {
  return BUCKET_BASE ** (bucket + 0.5);
}

/** Shares that `quantileMsSql` knows: one aggregate for all, whichever of them a query asks for. */
const SHARES = [0.5, 0.9, 0.95, 0.99, 0.999];

/**
 * SQL: milliseconds below which this share of the requests lie, over the rows of a group: the
 * middle of the bucket at nearest rank, as the API has it; off by 1 % at most. `durations`: the
 * column; `condition`: of the rows that count. It takes half the time of the same from a `sumMap`.
 */
export function quantileMsSql(share: number, durations = 'durations', condition?: string): string {
  const at = SHARES.indexOf(share);
  if (at < 0) throw new Error(`${share} is none of the shares ${SHARES.join(', ')}`);
  const suffix = condition === undefined ? 'Array' : 'ArrayIf';
  const also = condition === undefined ? '' : `, ${condition}`;
  const buckets =
    `quantilesExactWeighted${suffix}(${SHARES.join(', ')})` +
    `(mapKeys(${durations}), mapValues(${durations})${also})`;
  return (
    `if(count${suffix}(mapKeys(${durations})${also}) = 0, 0, ` +
    `pow(${BUCKET_BASE}, ${buckets}[${at + 1}] + 0.5) / 1000)`
  );
}

export function statusClassOf(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : 'none';
}
