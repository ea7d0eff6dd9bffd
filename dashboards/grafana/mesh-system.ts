/** Panels of what the mesh does itself: retries and refusals, configuration, and the pipeline. */
import { TABLES } from '#contracts/tables.ts';
import type { Panel } from './model.ts';
import { SERVICES_FROM } from './mesh-source.ts';
import { POINT, POINT_SECONDS, REVISION, named, sql } from './sql.ts';

export const refusals: Panel[] = [
  {
    kind: 'timeseries',
    title: 'Retries',
    description: 'Further tries per second towards each service.',
    width: 8,
    height: 8,
    unit: 'cps',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, ${named('destination', 'none')} AS service,`,
          `  sum(retries) / ${POINT_SECONDS} AS rate`,
          `${SERVICES_FROM} GROUP BY point, service ORDER BY point, service`,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Ended otherwise than by the upstream',
    description: 'Requests per second by reason: limits, circuits, time-outs, injected faults, …',
    width: 8,
    height: 8,
    unit: 'reqps',
    stacked: true,
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, reason, sum(requests) / ${POINT_SECONDS} AS rate`,
          `${SERVICES_FROM} AND reason != 'ok' GROUP BY point, reason ORDER BY point, reason`,
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Reasons by service',
    description: 'The same in numbers. A request that met no service has none.',
    width: 8,
    height: 8,
    units: { Requests: 'short' },
    bars: ['Requests'],
    queries: [
      {
        sql: sql(
          'SELECT reason AS "Reason", ' + `${named('destination', '-')} AS "Service",`,
          '  source AS "From", sum(requests) AS "Requests"',
          `${SERVICES_FROM} AND reason != 'ok' GROUP BY "Reason", "Service", "From"`,
          'ORDER BY "Requests" DESC, "Reason", "Service", "From" LIMIT 200',
        ),
      },
    ],
  },
];

export const rollout: Panel[] = [
  {
    kind: 'timeseries',
    title: 'Calls per second by revision',
    description: 'Two lines for long after a change: a part of the mesh runs the old revision.',
    width: 12,
    height: 8,
    unit: 'reqps',
    stacked: true,
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, ${REVISION} AS revision_name, sum(requests) / ${POINT_SECONDS} AS rate`,
          `${SERVICES_FROM} GROUP BY point, revision_name ORDER BY point, revision_name`,
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Revision that each proxy last decided with',
    description:
      'From records, so only of proxies with traffic; `windrose status` shows receipts of all.',
    width: 12,
    height: 8,
    units: { Requests: 'short' },
    queries: [
      {
        sql: sql(
          'SELECT proxy AS "Proxy", role AS "Role",',
          "  concat(toString(argMax(log_epoch, time)), '-', toString(argMax(revision, time)))",
          '    AS "Revision", max(time) AS "Last request", sum(weight) AS "Requests"',
          `FROM ${TABLES.records} WHERE $__timeFilter_ms(time)`,
          'GROUP BY "Proxy", "Role" ORDER BY "Proxy", "Role" LIMIT 1000',
        ),
      },
    ],
  },
];

/** The ledger keeps 90 days; a day back is enough to see a stream that has fallen silent. */
const LAST_DAY = 'time <= $__toTime AND time >= $__toTime - INTERVAL 1 DAY';
const LEDGER = `FROM ${TABLES.blocks} WHERE ${LAST_DAY}`;
const BLOCKS_IN_RANGE = `FROM ${TABLES.blocks} WHERE $__timeFilter_ms(time)`;

export const pipeline: Panel[] = [
  {
    kind: 'stat',
    title: 'Age of the newest data',
    description: 'From the newest stored request or metric window to the end of the range.',
    width: 6,
    height: 6,
    unit: 's',
    thresholds: { amber: 15, red: 60 },
    queries: [
      {
        sql: sql(
          `SELECT ${ageOf("stream = 'access'")} AS records,`,
          `  ${ageOf("stream = 'metrics'")} AS metrics`,
          LEDGER,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'From the proxy to ClickHouse',
    description: 'Between the newest row of a block and its line in the ledger: mean and worst.',
    width: 9,
    height: 6,
    unit: 's',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, stream, avg(delay) AS mean, max(delay) AS worst FROM (`,
          "  SELECT time, stream, dateDiff('millisecond', max_time, stored_at) / 1000 AS delay",
          `  ${BLOCKS_IN_RANGE} AND rows > 0`,
          ') GROUP BY point, stream ORDER BY point, stream',
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Rows stored per second',
    description: 'Rows of each stream; blocks that were stored twice count once.',
    width: 9,
    height: 6,
    unit: 'cps',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, stream, sum(rows) / ${POINT_SECONDS} AS rate FROM (`,
          '  SELECT stream, instance, worker, seq, min(time) AS time, any(rows) AS rows',
          `  FROM ${TABLES.blocks} AS b WHERE $__timeFilter_ms(b.time)`,
          '  GROUP BY stream, instance, worker, seq',
          ') GROUP BY point, stream ORDER BY point, stream',
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Accounting by worker',
    description:
      'served = stored + sampled out + dropped + lost in a crash. Unaccounted is what is left of ' +
      'the sum for a worker that lives; `windrose audit` also counts the rows themselves.',
    width: 24,
    height: 9,
    units: {
      Blocks: 'short',
      'Blocks missing': 'short',
      Served: 'short',
      Stored: 'short',
      'Sampled out': 'short',
      Dropped: 'short',
      'Lost in a crash': 'short',
      Unaccounted: 'short',
      Silent: 's',
    },
    queries: [{ sql: accounting() }],
  },
  {
    kind: 'timeseries',
    title: 'Dropped rows',
    description: 'Running total of what each proxy gave up because Kafka did not take it.',
    width: 24,
    height: 6,
    unit: 'short',
    queries: [
      {
        sql: sql(
          'SELECT point, proxy, sum(lost) AS dropped FROM (',
          `  SELECT ${POINT}, proxy, instance, worker, stream, max(dropped) AS lost`,
          `  ${BLOCKS_IN_RANGE} GROUP BY point, proxy, instance, worker, stream`,
          ') GROUP BY point, proxy ORDER BY point, proxy',
        ),
      },
    ],
  },
];

/** Seconds from the newest stored row to the end of the range: now, unless the past is shown. */
function ageOf(condition: string): string {
  const newest = `maxIf(max_time, ${condition})`;
  const age = `dateDiff('millisecond', ${newest}, toDateTime64($__toTime, 3, 'UTC')) / 1000`;
  return `if(countIf(${condition}) = 0, NULL, ${age})`;
}

/** As `GET /v1/audit` sums up the ledger of records. */
function accounting(): string {
  return sql(
    'SELECT proxy AS "Proxy", instance AS "Instance", worker AS "Worker",',
    '  blocks AS "Blocks", newest - blocks AS "Blocks missing", total AS "Served",',
    '  stored AS "Stored", sampled AS "Sampled out", given_up AS "Dropped",',
    '  if(last = 2, rest, 0) AS "Lost in a crash", if(last = 2, 0, rest) AS "Unaccounted",',
    "  multiIf(last = 1, 'ended', last = 2, 'crashed', 'lives') AS \"State\", age AS \"Silent\"",
    'FROM (',
    '  SELECT any(proxy) AS proxy, instance, worker, uniqExact(seq) AS blocks,',
    '    max(seq) AS newest, argMax(served, seq) AS total, sum(rows) AS stored,',
    '    argMax(sampled_out, seq) AS sampled, argMax(dropped, seq) AS given_up,',
    '    argMax(end, seq) AS last, toInt64(total) - stored - sampled - given_up AS rest,',
    `    ${ageOf('1')} AS age`,
    `  FROM ${TABLES.blocks} WHERE stream = 'access' AND time <= $__toTime`,
    '  GROUP BY instance, worker',
    `  HAVING max(time) >= $__fromTime`,
    ') ORDER BY "Proxy", "Instance", "Worker" LIMIT 1000',
  );
}
