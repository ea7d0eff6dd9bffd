import { METRIC_COLUMNS } from '#contracts/metrics.ts';
import { type Column, RECORD_COLUMNS, recordColumns } from '#contracts/record.ts';
import {
  LEDGER_KEEP_DAYS,
  RECORDS_KEEP_DAYS,
  ROLLUPS,
  type Rollup,
  TABLES,
  errorSql,
} from '#contracts/tables.ts';
import { type Layout, ONE_SERVER, quoted } from './layout.ts';

const mergeTree = (
  layout: Layout,
  options: {
    table: string;
    engine?: 'AggregatingMergeTree';
    partitionBy: string;
    orderBy: string;
    ttl: string;
  },
): string =>
  [
    `ENGINE = ${layout.engine(options.engine ?? 'MergeTree', options.table)}`,
    `PARTITION BY ${options.partitionBy}`,
    `ORDER BY (${options.orderBy})`,
    `TTL ${options.ttl}`,
    `SETTINGS ${layout.deduplication}, ttl_only_drop_parts = 1`,
  ].join('\n');

/** Of a table that holds rows. */
function createTable({ local, onCluster }: Layout, table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${local(table)}${onCluster}`;
}

/** When rows of a table end: a TTL takes no time as fine as that of records and of the ledger. */
export function ttlSql(table: string, days: number): string {
  const isFiner = table === TABLES.records || table === TABLES.blocks;
  return `${isFiner ? 'toDateTime(time)' : 'time'} + INTERVAL ${days} DAY`;
}

const columnSql = (column: Column): string =>
  `  ${column.name} ${column.type ?? column.wire} ` +
  `COMMENT '${column.meaning.replaceAll("'", "''")}'` +
  (column.codec === undefined ? '' : ` CODEC(${column.codec})`);

/**
 * Ids are hexadecimal text, which LZ4 keeps as long as it is and an entropy coder halves; numbers
 * of a part need few of their bits. A record is half as large as with LZ4 (bench analytics).
 */
function recordCodec({ codec, wire }: Column): string {
  return codec ?? (wire === 'UInt32' || wire === 'UInt64' ? 'T64, ZSTD(1)' : 'ZSTD(1)');
}

/** Those of the table as migration 1 made it before there were others. */
const FIRST_COLUMNS = recordColumns(1) ?? [];

/** Columns that a table made before does not have; a table made since has them. */
export function recordFields({ local, onCluster }: Layout = ONE_SERVER): string[] {
  const changes = RECORD_COLUMNS.slice(FIRST_COLUMNS.length).map(
    (column) => `ADD COLUMN IF NOT EXISTS ${columnSql({ ...column, codec: recordCodec(column) })}`,
  );
  const tables = new Set([local(TABLES.records), TABLES.records]);
  return [...tables].map((table) => `ALTER TABLE ${table}${onCluster} ${changes.join(', ')}`);
}

/** Changes a table that was made before; parts are written so from then on. */
export function recordCodecs({ local, onCluster }: Layout = ONE_SERVER): string {
  const changes = FIRST_COLUMNS.map(
    (column) => `MODIFY COLUMN ${column.name} CODEC(${recordCodec(column)})`,
  );
  return `ALTER TABLE ${local(TABLES.records)}${onCluster} ${changes.join(', ')}`;
}

/**
 * How many times larger than the largest of them the result of a merge is to be. ClickHouse's own
 * choice is 5; a merge of records costs as much processor time as storing them did, and fewer of
 * them leave a table of a few parts more, which are read side by side.
 */
const MERGE_BASE = 10;

/** Fewer merges, and what an empty id means, of a table that was made before. */
export function recordMerges({ local, onCluster }: Layout = ONE_SERVER): string[] {
  const alter = `ALTER TABLE ${local(TABLES.records)}${onCluster}`;
  return [
    `${alter} MODIFY SETTING merge_selector_base = ${MERGE_BASE}`,
    ...FIRST_COLUMNS.filter(({ name }) => name === 'request_id').map(
      ({ name, meaning }) => `${alter} COMMENT COLUMN ${name} ${quoted(meaning)}`,
    ),
  ];
}

/** Raw records, a part per day, dropped by the day. */
export function recordsTable(layout: Layout = ONE_SERVER): string {
  const indexes = [
    '  INDEX time_range time TYPE minmax GRANULARITY 1',
    '  INDEX by_trace trace_id TYPE bloom_filter GRANULARITY 4',
    '  INDEX by_request request_id TYPE bloom_filter GRANULARITY 4',
  ];
  const columns = RECORD_COLUMNS.map((column: Column) =>
    columnSql({ ...column, codec: recordCodec(column) }),
  );
  return `${createTable(layout, TABLES.records)} (
${[...columns, ...indexes].join(',\n')}
)
${mergeTree(layout, {
  table: TABLES.records,
  partitionBy: 'toYYYYMMDD(time)',
  // The hour first: most questions are about the last minutes, of any service.
  orderBy: 'toStartOfHour(time), direction, destination, time',
  ttl: ttlSql(TABLES.records, RECORDS_KEEP_DAYS),
})}`;
}

/** The metric stream passes through here into the rollups; nothing is kept. */
export function metricsTable(layout: Layout = ONE_SERVER): string {
  const plain = METRIC_COLUMNS.map((column: Column) => {
    const { codec: _codec, ...kept } = column;
    return columnSql(kept);
  });
  return `${createTable(layout, TABLES.metrics)} (
${plain.join(',\n')}
)
ENGINE = Null`;
}

const MEASURES = `  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  retries SimpleAggregateFunction(sum, UInt64),
  bytes_in SimpleAggregateFunction(sum, UInt64),
  bytes_out SimpleAggregateFunction(sum, UInt64),
  duration_us_sum SimpleAggregateFunction(sum, UInt64),
  durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))`;

function keyColumn(name: string): string {
  const column = METRIC_COLUMNS.find((each) => each.name === name);
  if (column === undefined) throw new Error(`the metric stream has no column ${name}`);
  return columnSql(column);
}

export function rollupTable(rollup: Rollup, layout: Layout = ONE_SERVER): string {
  return `${createTable(layout, rollup.table)} (
  time DateTime('UTC') COMMENT 'start of ${rollup.stepSeconds} s' CODEC(Delta, ZSTD(1)),
${rollup.keys.map(keyColumn).join(',\n')},
${MEASURES}
)
${mergeTree(layout, {
  table: rollup.table,
  engine: 'AggregatingMergeTree',
  // A day of hours is a few rows; parts are dropped whole.
  partitionBy: rollup.stepSeconds < 3_600 ? 'toYYYYMMDD(time)' : 'toYYYYMM(time)',
  orderBy: `time, ${rollup.keys.join(', ')}`,
  ttl: ttlSql(rollup.table, rollup.keepDays),
})}`;
}

function createView({ local, onCluster }: Layout, { table }: Rollup): string {
  const view = `${table}_view${onCluster}`;
  return `CREATE MATERIALIZED VIEW IF NOT EXISTS ${view} TO ${local(table)} AS`;
}

/** From the stream itself: counts errors and cuts time into rows. */
function rollupView(rollup: Rollup, layout: Layout): string {
  const keys = rollup.keys.join(', ');
  const stream = layout.local(TABLES.metrics);
  return `${createView(layout, rollup)}
SELECT
  toStartOfInterval(${stream}.time, INTERVAL ${rollup.stepSeconds} SECOND) AS time,
  ${keys},
  sum(requests) AS requests,
  sumIf(${stream}.requests, ${errorSql()}) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM ${stream}
WHERE ${rollup.where}
GROUP BY time, ${keys}`;
}

/** From a finer rollup: the same sums over longer rows. */
function coarserView(rollup: Rollup, finer: Rollup, layout: Layout): string {
  return `${createView(layout, rollup)}
${coarserRows(rollup, layout.local(finer.table))}`;
}

/** What is older than the view; an hour that has rows is left alone, so that it may run twice. */
function backfill(rollup: Rollup, finer: Rollup): string {
  const begun = `toStartOfInterval(${finer.table}.time, INTERVAL ${rollup.stepSeconds} SECOND)`;
  return `INSERT INTO ${rollup.table}
  (time, ${rollup.keys.join(', ')}, requests, errors, retries, bytes_in, bytes_out,
   duration_us_sum, durations)
${coarserRows(
  rollup,
  finer.table,
  `WHERE ${begun} < toStartOfHour(now('UTC'))
  AND ${begun} NOT IN (SELECT DISTINCT time FROM ${rollup.table})`,
)}`;
}

function coarserRows(rollup: Rollup, finer: string, where = ''): string {
  const keys = rollup.keys.join(', ');
  return `SELECT
  toStartOfInterval(${finer}.time, INTERVAL ${rollup.stepSeconds} SECOND) AS time,
  ${keys},
  sum(requests) AS requests,
  sum(errors) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM ${finer}
${where}
GROUP BY time, ${keys}`;
}

/** Targets before their views, finer before coarser. */
export function rollupStatements(layout: Layout = ONE_SERVER): string[] {
  const { routes, routesMinute, edges, edgesMinute, inbound } = ROLLUPS;
  const rollups = [routes, routesMinute, edges, edgesMinute, inbound];
  return [
    ...rollups.map((each) => rollupTable(each, layout)),
    ...rollups.flatMap(({ table }) => layout.spread(table)),
    rollupView(routes, layout),
    rollupView(edges, layout),
    rollupView(inbound, layout),
    coarserView(routesMinute, routes, layout),
    coarserView(edgesMinute, edges, layout),
  ];
}

/** Who lives, from heartbeats. */
export function proxiesStatements(layout: Layout = ONE_SERVER): string[] {
  const { proxies } = ROLLUPS;
  return [
    rollupTable(proxies, layout),
    ...layout.spread(proxies.table),
    rollupView(proxies, layout),
  ];
}

/**
 * With the hours that are over already. That of the change itself counts from then on: what comes
 * in while this runs is not to be counted twice.
 */
export function hourStatements(layout: Layout = ONE_SERVER): string[] {
  const { routesHour, routesMinute, edgesHour, edgesMinute } = ROLLUPS;
  const rollups = [routesHour, edgesHour];
  const made = [
    ...rollups.map((each) => rollupTable(each, layout)),
    ...rollups.flatMap(({ table }) => layout.spread(table)),
    coarserView(routesHour, routesMinute, layout),
    coarserView(edgesHour, edgesMinute, layout),
  ];
  if (!layout.mayHoldOlder) return made;
  return [...made, backfill(routesHour, routesMinute), backfill(edgesHour, edgesMinute)];
}

/**
 * The ledger. Its rows are inserted after their block's rows were stored, so what stands here is
 * stored; `time` is the broker's, so that a repeated insert falls into the same part.
 */
export function blocksTable(layout: Layout = ONE_SERVER): string {
  return `${createTable(layout, TABLES.blocks)} (
  stream LowCardinality(String) COMMENT 'access or metrics',
  proxy LowCardinality(String),
  instance LowCardinality(String),
  worker UInt16,
  seq UInt64 COMMENT 'number of the block among those of its instance, worker and stream, from 1',
  schema UInt16,
  log_epoch UInt32,
  rows UInt32,
  served UInt64 COMMENT 'running totals of the worker when the block was closed',
  sampled_out UInt64,
  dropped UInt64,
  min_time DateTime64(3, 'UTC'),
  max_time DateTime64(3, 'UTC'),
  end UInt8 COMMENT '0 more follow, 1 ended cleanly, 2 crashed',
  bound UInt32 COMMENT 'after a crash: most rows that the open block may have held',
  topic LowCardinality(String),
  generation UInt64 COMMENT 'tells topics of one name apart',
  partition UInt16,
  offset UInt64,
  time DateTime64(3, 'UTC') COMMENT 'when Kafka stored the message',
  stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
${mergeTree(layout, {
  table: TABLES.blocks,
  partitionBy: 'toYYYYMMDD(time)',
  orderBy: 'stream, instance, worker, seq',
  ttl: ttlSql(TABLES.blocks, LEDGER_KEEP_DAYS),
})}`;
}
