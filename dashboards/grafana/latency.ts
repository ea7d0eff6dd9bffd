/** Board *Latency*: the whole distribution of durations, and where the time goes. */
import { BUCKET_BASE } from '#contracts/metrics.ts';
import { CALLER_SIDE_SQL } from '#contracts/record.ts';
import { TABLES } from '#contracts/tables.ts';
import {
  FROM as ROUTES_FROM,
  TOTALS_FROM as ROUTE_TOTALS_FROM,
  ROUTE,
  WHERE,
} from './api-source.ts';
import { CONSUMER_VARIABLE, DIRECTION, ROUTE_VARIABLE } from './api-variables.ts';
import { SERVICE_CHOSEN, SERVICE_VARIABLE } from './mesh-source.ts';
import { TO_RESILIENCE, TO_ROUTE } from './links.ts';
import type { Board, Panel } from './model.ts';
import { POINT, REQUESTS, named, quantileMs, sql } from './sql.ts';

const FROM = `${ROUTES_FROM} AND ${SERVICE_CHOSEN}`;
const TOTALS_FROM = `${ROUTE_TOTALS_FROM} AND ${SERVICE_CHOSEN}`;
const RECORDS_FROM = sql(
  `FROM ${TABLES.records}`,
  `WHERE $__timeFilter_ms(time) AND ${CALLER_SIDE_SQL} AND ${WHERE} AND ${SERVICE_CHOSEN}`,
);
const MEAN_MS = 'if(sum(requests) = 0, 0, sum(duration_us_sum) / sum(requests) / 1000)';

/**
 * Buckets of one line of the heat map: as many as double a duration. A line holds whole buckets,
 * so that no request is counted in the wrong one.
 */
const DOUBLING = Math.round(Math.log(2) / Math.log(BUCKET_BASE));
/** The lines between half a millisecond and half a minute; the ends take what lies beyond. */
const FIRST_LINE = 8;
const LAST_LINE = 24;

function boundName(line: number): string {
  const us = BUCKET_BASE ** (DOUBLING * (line + 1));
  const ms = Number((us / 1_000).toPrecision(2));
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

function lineSql(line: number): string {
  const conditions = [
    ...(line > FIRST_LINE ? [`bucket >= ${line * DOUBLING}`] : []),
    ...(line <= LAST_LINE ? [`bucket < ${(line + 1) * DOUBLING}`] : []),
  ];
  const name = line <= LAST_LINE ? boundName(line) : 'more';
  return (
    `arraySum((bucket, n) -> if(${conditions.join(' AND ')}, n, 0), ` +
    `mapKeys(durations), mapValues(durations)) AS "${name}"`
  );
}

const LINES = Array.from({ length: LAST_LINE - FIRST_LINE + 2 }, (_, i) => lineSql(FIRST_LINE + i));

const distribution: Panel[] = [
  {
    kind: 'heatmap',
    title: 'Requests by duration',
    description:
      'How many requests took up to so long: each line is twice as long as the one below. Two ' +
      'bands are two kinds of requests, which no quantile shows.',
    width: 24,
    height: 12,
    unit: 'short',
    queries: [
      {
        sql: sql(
          `SELECT point,\n  ${LINES.join(',\n  ')}`,
          `FROM (SELECT ${POINT}, sumMap(durations) AS durations ${FROM} GROUP BY point)`,
          'ORDER BY point',
        ),
      },
    ],
  },
];

const QUANTILES: readonly [number, string][] = [
  [0.5, 'p50'],
  [0.9, 'p90'],
  [0.95, 'p95'],
  [0.99, 'p99'],
  [0.999, 'p99.9'],
];
const QUANTILE_COLUMNS = QUANTILES.map(([share, name]) => `${quantileMs(share)} AS "${name}"`);

const overTime: Panel[] = [
  {
    kind: 'timeseries',
    title: 'Quantiles over time',
    description: 'Of exact histograms, so off by 1 % at most: never an average of quantiles.',
    width: 12,
    height: 9,
    unit: 'ms',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT},\n  ${QUANTILE_COLUMNS.join(',\n  ')}`,
          `${FROM} GROUP BY point ORDER BY point`,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Mean by route',
    description: 'Exact: the sum of all durations by the number of requests.',
    width: 12,
    height: 9,
    unit: 'ms',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, ${ROUTE} AS route_name, ${MEAN_MS} AS mean`,
          `${FROM} GROUP BY point, route_name ORDER BY point, route_name`,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Where the time goes',
    description:
      'Mean per request, from records: waiting (limits, delays, before another try), connecting, ' +
      'until the head of the answer, and the rest: bodies, and the proxy itself.',
    width: 24,
    height: 9,
    unit: 'ms',
    stacked: true,
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, sum(queue_us * weight) / sum(weight) / 1000 AS waiting,`,
          '  sum(connect_us * weight) / sum(weight) / 1000 AS connecting,',
          '  sum(upstream_us * weight) / sum(weight) / 1000 AS upstream,',
          '  sum(greatest(0, duration_us - queue_us - connect_us - upstream_us) * weight)',
          '    / sum(weight) / 1000 AS rest',
          `${RECORDS_FROM} GROUP BY point ORDER BY point`,
        ),
      },
    ],
  },
];

const each: Panel[] = [
  {
    kind: 'table',
    title: 'Latency by route and service',
    description: 'The slowest first, by p99.',
    width: 24,
    height: 10,
    units: {
      Requests: 'short',
      Mean: 'ms',
      ...Object.fromEntries(QUANTILES.map(([, name]) => [name, 'ms' as const])),
    },
    bars: ['p99'],
    links: { Route: TO_ROUTE, Service: TO_RESILIENCE },
    queries: [
      {
        sql: sql(
          `SELECT ${ROUTE} AS "Route", ${named('destination', '-')} AS "Service",`,
          `  ${REQUESTS} AS "Requests", ${MEAN_MS} AS "Mean",`,
          `  ${QUANTILE_COLUMNS.join(',\n  ')}`,
          `${TOTALS_FROM} GROUP BY "Route", "Service"`,
          'ORDER BY "p99" DESC, "Route", "Service" LIMIT 200',
        ),
      },
    ],
  },
];

export const LATENCY: Board = {
  uid: 'windrose-latency',
  title: 'Latency',
  description: 'How long requests take: the whole distribution, quantiles, and where time goes.',
  variables: [DIRECTION, ROUTE_VARIABLE, SERVICE_VARIABLE, CONSUMER_VARIABLE],
  rows: [
    { title: 'Distribution', panels: distribution },
    { title: 'Over time', panels: overTime },
    { title: 'By route', panels: each },
  ],
};
