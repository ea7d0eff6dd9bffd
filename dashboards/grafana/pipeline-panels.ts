/** Panels of the ledger of blocks: is the data whole, and how old is it? */
import { TABLES } from '#contracts/tables.ts';
import { TO_PROXY } from './links.ts';
import type { Panel } from './model.ts';
import { POINT, POINT_SECONDS, sql } from './sql.ts';

/** The ledger keeps 90 days; a day back is enough to see a stream that has fallen silent. */
const LAST_DAY = 'time <= $__toTime AND time >= $__toTime - INTERVAL 1 DAY';
/**
 * Of the ledger, named b: a block that was stored twice has two lines and counts once. By one
 * number, since grouping by these four takes three times as long: of a million blocks no two meet
 * in 64 bits.
 */
export const BLOCK = 'cityHash64(b.stream, instance, worker, seq)';
const BLOCKS_IN_RANGE = `FROM ${TABLES.blocks} AS b WHERE $__timeFilter_ms(time)`;

/** Of all blocks, or of those for which a further condition holds; the ledger's name in it is b. */
export function pipelinePanels(condition?: string): Panel[] {
  const also = condition === undefined ? '' : ` AND ${condition}`;
  return [agePanel, delayPanel, ratePanel, workersPanel, droppedPanel].map((make) => make(also));
}

const agePanel = (also: string): Panel => ({
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
        `FROM ${TABLES.blocks} AS b WHERE ${LAST_DAY}${also}`,
      ),
    },
  ],
});

const delayPanel = (also: string): Panel => ({
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
        `  ${BLOCKS_IN_RANGE}${also} AND rows > 0`,
        ') GROUP BY point, stream ORDER BY point, stream',
      ),
    },
  ],
});

const ratePanel = (also: string): Panel => ({
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
        '  SELECT any(b.stream) AS stream, min(b.time) AS time, any(rows) AS rows',
        `  FROM ${TABLES.blocks} AS b WHERE $__timeFilter_ms(b.time)${also}`,
        `  GROUP BY ${BLOCK}`,
        ') GROUP BY point, stream ORDER BY point, stream',
      ),
    },
  ],
});

const workersPanel = (also: string): Panel => ({
  kind: 'table',
  title: 'Accounting by worker',
  description:
    'served = stored + sampled out + dropped + lost in a crash. Unaccounted is what is left of ' +
    'the sum for a worker that lives; `windrose audit` also counts the rows themselves.',
  width: 24,
  height: 9,
  units: {
    Worker: 'none',
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
  links: { Proxy: TO_PROXY },
  queries: [{ sql: accounting(also) }],
});

const droppedPanel = (also: string): Panel => ({
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
        `  ${BLOCKS_IN_RANGE}${also} GROUP BY point, proxy, instance, worker, stream`,
        ') GROUP BY point, proxy ORDER BY point, proxy',
      ),
    },
  ],
});

/** Seconds from the newest stored row to the end of the range: now, unless the past is shown. */
function ageOf(condition: string): string {
  const newest = `maxIf(max_time, ${condition})`;
  const age = `dateDiff('millisecond', ${newest}, toDateTime64($__toTime, 3, 'UTC')) / 1000`;
  return `if(countIf(${condition}) = 0, NULL, ${age})`;
}

/** As `GET /v1/audit` sums up the ledger of records. */
function accounting(also: string): string {
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
    `  FROM ${TABLES.blocks} AS b WHERE stream = 'access' AND time <= $__toTime${also}`,
    '  GROUP BY instance, worker',
    `  HAVING max(time) >= $__fromTime`,
    ') ORDER BY "Proxy", "Instance", "Worker" LIMIT 1000',
  );
}
