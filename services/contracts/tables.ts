import { HEARTBEAT_SQL } from './metrics.ts';
import { CALLER_SIDE_SQL } from './record.ts';
import { REASONS } from './reasons.ts';

/** The ClickHouse database of one mesh. A mesh's name has no underscore, so no two meshes meet. */
export function meshDatabase(mesh: string): string {
  return `windrose_${mesh.replaceAll('-', '_')}`;
}

export const TABLES = {
  /** Raw access log, RECORD_COLUMNS, kept for days. */
  records: 'records',
  /** Landing of the metric stream, METRIC_COLUMNS; it keeps nothing, its views fill the rollups. */
  metrics: 'metrics',
  /** Ledger: one row for each stored block of either stream. */
  blocks: 'blocks',
  /** Versions of this schema that were applied. */
  migrations: 'migrations',
} as const;

/** What every rollup sums up; read them with `sum(…)`, `durations` with `sumMap(durations)`. */
export const ROLLUP_MEASURES = [
  'requests',
  'errors',
  'retries',
  'bytes_in',
  'bytes_out',
  'duration_us_sum',
  'durations',
] as const;

export interface Rollup {
  table: string;
  /** Width of a row in seconds; `time` (DateTime, UTC) is its start. */
  stepSeconds: number;
  /** What tells one row from another, besides `time`, in the order of the table's key. */
  keys: readonly string[];
  /** Rows of the metric stream that it counts. */
  where: string;
  /** Days that rows are kept, unless the analytics service is told another number (`--keep`). */
  keepDays: number;
}

const ROUTE_KEYS = [
  'route',
  'destination',
  'backend',
  'consumer',
  'direction',
  'status_class',
  'reason',
  'log_epoch',
  'revision',
] as const;
const EDGE_KEYS = [
  'destination',
  'source',
  'direction',
  'status_class',
  'reason',
  'log_epoch',
  'revision',
] as const;
const INBOUND_KEYS = ['destination', 'proxy', 'status_class', 'reason'] as const;

/**
 * The rollups. `routes` and `edges` hold the caller's side only, so that summing one of them never
 * counts a request at two proxies; `inbound` is the callee's own view, to be shown beside, never
 * added.
 */
export const ROLLUPS = {
  routes: {
    table: 'routes_10s',
    stepSeconds: 10,
    keys: ROUTE_KEYS,
    where: CALLER_SIDE_SQL,
    keepDays: 14,
  },
  routesMinute: {
    table: 'routes_1m',
    stepSeconds: 60,
    keys: ROUTE_KEYS,
    where: CALLER_SIDE_SQL,
    keepDays: 90,
  },
  routesHour: {
    table: 'routes_1h',
    stepSeconds: 3_600,
    keys: ROUTE_KEYS,
    where: CALLER_SIDE_SQL,
    keepDays: 400,
  },
  edges: {
    table: 'edges_10s',
    stepSeconds: 10,
    keys: EDGE_KEYS,
    where: CALLER_SIDE_SQL,
    keepDays: 14,
  },
  edgesMinute: {
    table: 'edges_1m',
    stepSeconds: 60,
    keys: EDGE_KEYS,
    where: CALLER_SIDE_SQL,
    keepDays: 90,
  },
  edgesHour: {
    table: 'edges_1h',
    stepSeconds: 3_600,
    keys: EDGE_KEYS,
    where: CALLER_SIDE_SQL,
    keepDays: 400,
  },
  inbound: {
    table: 'services_inbound_10s',
    stepSeconds: 10,
    keys: INBOUND_KEYS,
    where: "direction = 'inbound'",
    keepDays: 14,
  },
  /** Which proxies live: their heartbeats, so all measures are 0. `source` is their workload. */
  proxies: {
    table: 'proxies_10s',
    stepSeconds: 10,
    keys: ['source', 'role', 'zone', 'proxy'],
    where: HEARTBEAT_SQL,
    keepDays: 14,
  },
} as const satisfies Record<string, Rollup>;

/** Of routes and of edges: from fine to coarse. */
export const ROLLUP_TIERS = {
  routes: [ROLLUPS.routes, ROLLUPS.routesMinute, ROLLUPS.routesHour],
  edges: [ROLLUPS.edges, ROLLUPS.edgesMinute, ROLLUPS.edgesHour],
} as const satisfies Record<string, readonly Rollup[]>;

/**
 * Beyond this much time, or older than a rollup reaches, the next coarser one answers: rows of 10 s
 * for the one, of a minute for the other.
 */
export const FINE_RANGE_MAX_MS = 6 * 3_600_000;
export const MINUTE_RANGE_MAX_MS = 14 * 86_400_000;

/** Days of the tables that are no rollups. */
export const RECORDS_KEEP_DAYS = 7;
export const LEDGER_KEEP_DAYS = 90;

/**
 * Names of tables with the days that their rows are kept; every TTL of ours is one of days. On a
 * cluster the rows of a table stand in that of the server itself, `…_local`.
 */
export const KEPT_DAYS_SQL =
  "SELECT replaceRegexpOne(name, '_local$', '') AS name, " +
  "extract(engine_full, 'TTL .*toIntervalDay[(]([0-9]+)[)]') AS days " +
  "FROM system.tables WHERE database = currentDatabase() AND days != ''";

const BLAMED = Object.entries(REASONS)
  .filter(([, entry]) => entry.status >= 500)
  .map(([reason]) => `'${reason}'`)
  .join(', ');

/** SQL of a status class: that it is 5xx, and that there was no status at all. */
export interface StatusClassSql {
  is5xx: string;
  isNone: string;
}

const OF_CLASS: StatusClassSql = { is5xx: "status_class = '5xx'", isNone: "status_class = 'none'" };
/** Of `records`, by their `status`; the metric stream has its class (statusClassOf). */
export const OF_STATUS: StatusClassSql = {
  is5xx: 'status BETWEEN 500 AND 599',
  isNone: 'status NOT BETWEEN 100 AND 599',
};

/**
 * SQL condition and meaning in one place: what counts as an error of the called side. An answer of
 * 5xx; an answer that broke off after its head; or no answer at all where the reason lies with the
 * upstream or the proxy. A client that went away is no error. `of`: the rollups and the metric
 * stream, which have a status class, or `OF_STATUS`.
 */
export function errorSql({ is5xx, isNone }: StatusClassSql = OF_CLASS): string {
  return `(${is5xx} OR reason = 'upstream_aborted' OR (${isNone} AND reason IN (${BLAMED})))`;
}

/** The two streams of blocks, as `blocks.stream` names them. */
export const STREAMS = ['access', 'metrics'] as const;
export type Stream = (typeof STREAMS)[number];
