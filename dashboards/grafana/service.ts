/** Board *Service*: one service from both of its sides, who calls it, and what it calls. */
import { CALLER_SIDE_SQL } from '#contracts/record.ts';
import { OF_STATUS, ROLLUPS, TABLES } from '#contracts/tables.ts';
import { TO_PROXY, TO_RESILIENCE, TO_SERVICE } from './links.ts';
import {
  EDGE_TOTALS,
  SERVICES_FROM,
  SERVICE_CHOSEN,
  SERVICE_TOTALS_FROM,
  SERVICE_VARIABLE,
} from './mesh-source.ts';
import type { Board, Panel, TimeSeries } from './model.ts';
import {
  ERROR_RATE,
  IN_RANGE,
  POINT,
  POINT_SECONDS,
  REQUESTS,
  REQUESTS_PER_SECOND,
  chosen,
  quantileMs,
  sql,
} from './sql.ts';

const CALLED = `${SERVICES_FROM} AND destination != ''`;
const CALLED_TOTALS = `${SERVICE_TOTALS_FROM} AND destination != ''`;
const CALLING_TOTALS = sql(
  `FROM ${EDGE_TOTALS}`,
  `WHERE destination != '' AND ${chosen('source', 'service')}`,
);
/** What the service's own sidecars saw: shown beside, never added. */
const OWN = sql(
  `FROM ${ROLLUPS.inbound.table}`,
  `WHERE ${IN_RANGE} AND destination != '' AND ${SERVICE_CHOSEN}`,
);

const now: Panel[] = [
  {
    kind: 'stat',
    title: 'Call rate',
    description: 'Mean calls per second over the range, from the callers’ side.',
    width: 6,
    height: 4,
    unit: 'reqps',
    queries: [{ sql: sql(`SELECT ${REQUESTS_PER_SECOND} AS rate`, CALLED_TOTALS) }],
  },
  {
    kind: 'stat',
    title: 'Errors of calls',
    description: 'Share of calls answered with 5xx, broken off, or never answered.',
    width: 6,
    height: 4,
    unit: 'percentunit',
    thresholds: { amber: 0.005, red: 0.02 },
    queries: [{ sql: sql(`SELECT ${ERROR_RATE} AS error_rate`, CALLED_TOTALS) }],
  },
  {
    kind: 'stat',
    title: 'Latency of calls',
    description: 'As the callers wait, with retries; off by 1 % at most.',
    width: 8,
    height: 4,
    unit: 'ms',
    queries: [
      {
        sql: sql(
          `SELECT ${quantileMs(0.5)} AS p50, ${quantileMs(0.95)} AS p95,`,
          `  ${quantileMs(0.99)} AS p99`,
          CALLED_TOTALS,
        ),
      },
    ],
  },
  {
    kind: 'stat',
    title: 'Callers',
    description: 'Different services and Gateways that call; unknown: from outside of the mesh.',
    width: 4,
    height: 4,
    unit: 'short',
    queries: [{ sql: sql('SELECT uniqExact(source) AS callers', CALLED_TOTALS) }],
  },
];

const bothSides = (
  title: string,
  description: string,
  unit: TimeSeries['unit'],
  value: string,
): Panel => ({
  kind: 'timeseries',
  title,
  description,
  width: 8,
  height: 9,
  unit,
  queries: [
    {
      sql: sql(
        'SELECT point, side, value FROM (',
        `  SELECT ${POINT}, 'callers' AS side, ${value} AS value ${CALLED} GROUP BY point`,
        '  UNION ALL',
        `  SELECT ${POINT}, 'itself' AS side, ${value} AS value ${OWN} GROUP BY point`,
        ') ORDER BY point, side',
      ),
    },
  ],
});

const sides: Panel[] = [
  bothSides(
    'Calls per second from both sides',
    'More from the callers: calls that never arrived. The two are never added.',
    'reqps',
    `sum(requests) / ${POINT_SECONDS}`,
  ),
  bothSides(
    'Error rate from both sides',
    'More from the callers: the network, limits, time-outs. The same on both: the service.',
    'percentunit',
    ERROR_RATE,
  ),
  bothSides(
    'p99 latency from both sides',
    'The gap between the lines is the network, queues and retries.',
    'ms',
    quantileMs(0.99),
  ),
  {
    kind: 'timeseries',
    title: 'Calls by status class',
    description: 'Calls per second from the callers’ side; none: nothing was sent.',
    width: 24,
    height: 7,
    unit: 'reqps',
    stacked: true,
    colors: { '2xx': 'green', '3xx': 'blue', '4xx': 'orange', '5xx': 'red', none: 'dark-red' },
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, status_class, sum(requests) / ${POINT_SECONDS} AS rate`,
          `${CALLED} GROUP BY point, status_class ORDER BY point, status_class`,
        ),
      },
    ],
  },
];

const edgesTable = (title: string, description: string, from: string): Panel => ({
  kind: 'table',
  title,
  description,
  width: 12,
  height: 10,
  units: { Requests: 'short', 'Error rate': 'percentunit', p99: 'ms', Retries: 'short' },
  bars: ['Requests'],
  links: { Caller: TO_SERVICE, Called: TO_SERVICE },
  queries: [
    {
      sql: sql(
        `SELECT source AS "Caller", destination AS "Called", ${REQUESTS} AS "Requests",`,
        `  ${ERROR_RATE} AS "Error rate", ${quantileMs(0.99)} AS "p99",`,
        '  sum(retries) AS "Retries"',
        `${from} GROUP BY "Caller", "Called"`,
        'ORDER BY "Requests" DESC, "Caller", "Called" LIMIT 200',
      ),
    },
  ],
});

const neighbours: Panel[] = [
  edgesTable(
    'Who calls it',
    'Every caller of the chosen services, the busiest first.',
    CALLED_TOTALS,
  ),
  edgesTable(
    'What it calls',
    'What the chosen services call themselves: where their own errors may come from.',
    CALLING_TOTALS,
  ),
];

const instances: Panel[] = [
  {
    kind: 'table',
    title: 'Endpoints',
    description:
      'From the callers’ records: the endpoint that was tried last. One that is slower or fails ' +
      'more than the others is what to look at.',
    width: 14,
    height: 9,
    units: { Requests: 'short', '5xx': 'percentunit', Upstream: 'ms', Ejections: 'short' },
    bars: ['Requests'],
    links: { Service: TO_RESILIENCE },
    queries: [
      {
        sql: sql(
          'SELECT endpoint AS "Endpoint", destination AS "Service", sum(weight) AS "Requests",',
          `  sumIf(weight, ${OF_STATUS.is5xx}) / sum(weight) AS "5xx",`,
          '  sum(upstream_us * weight) / sum(weight) / 1000 AS "Upstream",',
          '  sumIf(weight, ejected = 1) AS "Ejections"',
          `FROM ${TABLES.records}`,
          `WHERE $__timeFilter_ms(time) AND ${CALLER_SIDE_SQL} AND endpoint != ''`,
          `  AND ${SERVICE_CHOSEN}`,
          'GROUP BY "Endpoint", "Service"',
          'ORDER BY "Requests" DESC, "Endpoint", "Service" LIMIT 200',
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Its own sidecars',
    description: 'What each of them saw arrive, beside the numbers of the callers.',
    width: 10,
    height: 9,
    units: { Requests: 'short', 'Error rate': 'percentunit', p99: 'ms' },
    bars: ['Requests'],
    links: { Proxy: TO_PROXY },
    queries: [
      {
        sql: sql(
          `SELECT proxy AS "Proxy", destination AS "Service", ${REQUESTS} AS "Requests",`,
          `  ${ERROR_RATE} AS "Error rate", ${quantileMs(0.99)} AS "p99"`,
          `${OWN} GROUP BY "Proxy", "Service"`,
          'ORDER BY "Requests" DESC, "Proxy", "Service" LIMIT 200',
        ),
      },
    ],
  },
];

export const SERVICE: Board = {
  uid: 'windrose-service',
  title: 'Service',
  description: 'A service from its callers’ side and beside it from its own; its neighbours.',
  variables: [SERVICE_VARIABLE],
  rows: [
    { title: 'Now', panels: now },
    { title: 'From both sides', panels: sides },
    { title: 'Neighbours', panels: neighbours },
    { title: 'Endpoints and sidecars', panels: instances },
  ],
};
