/** Board *Pipeline health*: how old the data is, what of it is missing, and where it waits. */
import { CALLER_SIDE_SQL } from '#contracts/record.ts';
import { ROLLUPS, TABLES } from '#contracts/tables.ts';
import { TO_PROXY } from './links.ts';
import type { Board, Panel } from './model.ts';
import { BLOCK, pipelinePanels } from './pipeline-panels.ts';
import { IN_RANGE as ROWS_IN_RANGE, POINT, RANGE_SECONDS, chosen, sql } from './sql.ts';

/** Of the ledger's column: a plain `proxy` would mean what a query calls so. */
const CHOSEN = chosen('b.proxy', 'proxy');
const IN_RANGE = `FROM ${TABLES.blocks} AS b WHERE $__timeFilter_ms(b.time) AND ${CHOSEN}`;

const seconds = (from: string, to: string): string => `dateDiff('millisecond', ${from}, ${to})`;

/** Seconds of the way of each block: in the proxy and its queue, and from Kafka to ClickHouse. */
const WAY = sql(
  'SELECT any(proxy) AS proxy, any(b.stream) AS stream, min(b.time) AS time,',
  `  any(rows) AS rows, min(${seconds('max_time', 'b.time')}) / 1000 AS to_kafka,`,
  `  min(${seconds('b.time', 'stored_at')}) / 1000 AS to_clickhouse`,
  `${IN_RANGE} GROUP BY ${BLOCK}`,
);

const lag: Panel[] = [
  {
    kind: 'timeseries',
    title: 'Lag by proxy',
    description:
      'From the newest row of a block to its line in the ledger, the worst block of each proxy. ' +
      'One line that rises is a proxy in trouble; all of them is the pipeline.',
    width: 12,
    height: 8,
    unit: 's',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, proxy, max(to_kafka + to_clickhouse) AS lag`,
          `FROM (${WAY}) WHERE rows > 0`,
          'GROUP BY point, proxy ORDER BY point, proxy',
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Where data waits',
    description:
      'The worst block: until Kafka has it (the proxy, its queue), and from there until ' +
      'ClickHouse has it (the analytics service).',
    width: 12,
    height: 8,
    unit: 's',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, max(to_kafka) AS "until Kafka",`,
          '  max(to_clickhouse) AS "until ClickHouse"',
          `FROM (${WAY}) WHERE rows > 0 GROUP BY point ORDER BY point`,
        ),
      },
    ],
  },
];

/** What each worker had counted when it closed its last block of the range. */
const TOTALS = sql(
  'SELECT any(proxy) AS proxy, stream, instance, worker, count() AS lines,',
  '  max(served) AS served, max(sampled_out) AS sampled_out, max(dropped) AS dropped',
  `${IN_RANGE} GROUP BY stream, instance, worker`,
);

const proxies: Panel[] = [
  {
    kind: 'table',
    title: 'Proxies and streams',
    description:
      'Of the blocks in the range. Shares are of all that the workers seen in it have served ' +
      'since their start.',
    width: 24,
    height: 9,
    units: {
      Workers: 'short',
      Blocks: 'short',
      'Stored twice': 'short',
      Rows: 'short',
      'Rows per second': 'cps',
      'Sampled out': 'percentunit',
      Dropped: 'percentunit',
      'Mean lag': 's',
      'Worst lag': 's',
    },
    bars: ['Rows'],
    links: { Proxy: TO_PROXY },
    queries: [
      {
        sql: sql(
          'SELECT way.proxy AS "Proxy", way.stream AS "Stream", total.workers AS "Workers",',
          '  way.blocks AS "Blocks", total.lines - way.blocks AS "Stored twice",',
          '  way.stored AS "Rows",',
          `  way.stored / ${RANGE_SECONDS} AS "Rows per second",`,
          '  total.sampled / greatest(1, total.all) AS "Sampled out",',
          '  total.lost / greatest(1, total.all) AS "Dropped",',
          '  way.mean AS "Mean lag", way.worst AS "Worst lag", way.newest AS "Newest block"',
          'FROM (',
          '  SELECT proxy, stream, count() AS blocks, sum(rows) AS stored, max(time) AS newest,',
          '    avgIf(to_kafka + to_clickhouse, rows > 0) AS mean,',
          '    maxIf(to_kafka + to_clickhouse, rows > 0) AS worst',
          `  FROM (${WAY}) GROUP BY proxy, stream`,
          ') AS way INNER JOIN (',
          '  SELECT proxy, stream, count() AS workers, sum(served) AS all, sum(lines) AS lines,',
          '    sum(sampled_out) AS sampled, sum(dropped) AS lost',
          `  FROM (${TOTALS}) GROUP BY proxy, stream`,
          ') AS total ON total.proxy = way.proxy AND total.stream = way.stream',
          'ORDER BY "Rows" DESC, "Proxy", "Stream" LIMIT 1000',
        ),
      },
    ],
  },
];

const { routes, edges, inbound } = ROLLUPS;

function tableSql(table: string, inRange: string, requests: string): string {
  return sql(
    `SELECT '${table}' AS "Table", ${requests} AS "Requests",`,
    '  if(count() = 0, NULL, toDateTime(max(time), \'UTC\')) AS "Newest",',
    '  if(count() = 0, NULL, dateDiff(\'second\', max(time), $__toTime)) AS "Age"',
    `FROM ${table} WHERE ${inRange}`,
  );
}

const storage: Panel[] = [
  {
    kind: 'table',
    title: 'Tables',
    description:
      'The newest row of each, and the requests that its rows stand for. Routes and edges count ' +
      'the same calls from their callers’ side; inbound is what the callees saw of them.',
    width: 12,
    height: 8,
    units: { Requests: 'short', Age: 's' },
    queries: [
      {
        sql: sql(
          'SELECT * FROM (',
          [
            tableSql(TABLES.records, '$__timeFilter_ms(time)', `sumIf(weight, ${CALLER_SIDE_SQL})`),
            ...[routes, edges, inbound].map(({ table }) =>
              tableSql(table, ROWS_IN_RANGE, 'sum(requests)'),
            ),
          ].join('\nUNION ALL\n'),
          ') ORDER BY "Table"',
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Partitions',
    description:
      'Of Kafka’s topics: the newest message that is stored, and the longest that one of the ' +
      'range waited there.',
    width: 12,
    height: 8,
    units: { Partition: 'none', 'Newest offset': 'none', Messages: 'short', 'Longest wait': 's' },
    bars: ['Messages'],
    queries: [
      {
        sql: sql(
          'SELECT topic AS "Topic", partition AS "Partition",',
          '  argMax(offset, (generation, offset)) AS "Newest offset",',
          '  uniqExact((generation, offset)) AS "Messages",',
          `  max(${seconds('b.time', 'stored_at')}) / 1000 AS "Longest wait"`,
          `${IN_RANGE} GROUP BY "Topic", "Partition"`,
          'ORDER BY "Topic", "Partition" LIMIT 500',
        ),
      },
    ],
  },
];

export const PIPELINE_HEALTH: Board = {
  uid: 'windrose-pipeline-health',
  title: 'Pipeline health',
  description: 'From the proxies through Kafka into ClickHouse: how old, how whole, and where.',
  variables: [
    {
      kind: 'query',
      name: 'proxy',
      label: 'Proxy',
      description: 'names of proxies that sent blocks',
      sql: sql(
        `SELECT DISTINCT proxy FROM ${TABLES.blocks}`,
        'WHERE $__timeFilter_ms(time) ORDER BY proxy LIMIT 1000',
      ),
    },
  ],
  rows: [
    { title: 'Is the data whole?', panels: pipelinePanels(CHOSEN) },
    { title: 'Where does it wait?', panels: lag },
    { title: 'By proxy', panels: proxies },
    { title: 'Tables and partitions', panels: storage },
  ],
};
