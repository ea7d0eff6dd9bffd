/** Panels of the edges of the graph and of its services. */
import { ROLLUPS } from '#contracts/tables.ts';
import { SERVICES_FROM, SERVICE_CHOSEN } from './mesh-source.ts';
import { TO_SERVICE } from './links.ts';
import type { Panel } from './model.ts';
import {
  ERROR_RATE,
  IN_RANGE,
  POINT,
  POINT_SECONDS,
  REQUESTS,
  REQUESTS_PER_SECOND,
  quantileMs,
  sql,
} from './sql.ts';

const INBOUND = ROLLUPS.inbound.table;
/** Requests that were sent to no Service (no route, refused at the edge) have no edge. */
const FROM = `${SERVICES_FROM} AND destination != ''`;

/** Both ends of every edge: the panel draws no edge to a node that is not there. */
const nodes = sql(
  'SELECT id, id AS title, sum(rate) AS mainstat,',
  '  if(sum(calls) = 0, 0, sum(failed) / sum(calls)) AS secondarystat,',
  '  1 - secondarystat AS arc__ok, secondarystat AS arc__error',
  'FROM (',
  `  SELECT destination AS id, ${REQUESTS_PER_SECOND} AS rate,`,
  '    sum(requests) AS calls, sum(errors) AS failed',
  `  ${FROM} GROUP BY id`,
  '  UNION ALL',
  `  SELECT DISTINCT source AS id, 0 AS rate, 0 AS calls, 0 AS failed ${FROM}`,
  ') GROUP BY id ORDER BY id',
);

const edges = sql(
  "SELECT concat(source, ' -> ', destination) AS id, source, destination AS target,",
  `  ${REQUESTS_PER_SECOND} AS mainstat, ${quantileMs(0.99)} AS secondarystat,`,
  `  ${ERROR_RATE} AS detail__error_rate,`,
  "  if(detail__error_rate >= 0.02, 'red', if(detail__error_rate > 0, 'orange', 'green')) AS color",
  `${FROM} GROUP BY source, destination ORDER BY id`,
);

export const graph: Panel[] = [
  {
    kind: 'nodeGraph',
    title: 'Service graph',
    description:
      'An arrow for each caller and called service: requests per second and p99. A ring shows ' +
      'the share of errors. From the callers’ records.',
    width: 14,
    height: 16,
    queries: [
      { refId: 'nodes', sql: nodes },
      { refId: 'edges', sql: edges },
    ],
  },
  {
    kind: 'table',
    title: 'Edges',
    description: 'The same as a table, the busiest first.',
    width: 10,
    height: 16,
    units: { Requests: 'short', Rate: 'reqps', 'Error rate': 'percentunit', p50: 'ms', p99: 'ms' },
    links: { From: TO_SERVICE, To: TO_SERVICE },
    queries: [
      {
        sql: sql(
          'SELECT source AS "From", destination AS "To",',
          `  ${REQUESTS} AS "Requests", ${REQUESTS_PER_SECOND} AS "Rate",`,
          `  ${ERROR_RATE} AS "Error rate", ${quantileMs(0.5)} AS "p50",`,
          `  ${quantileMs(0.99)} AS "p99"`,
          `${FROM} GROUP BY "From", "To" ORDER BY "Requests" DESC, "From", "To" LIMIT 500`,
        ),
      },
    ],
  },
];

const byService = (value: string): string =>
  sql(
    `SELECT ${POINT}, destination AS service, ${value}`,
    `${FROM} GROUP BY point, service ORDER BY point, service`,
  );

const CALLER_COLUMNS = [
  ['calls', 'Requests'],
  ['rate', 'Rate'],
  ['error_rate', 'Error rate'],
  ['p50', 'p50'],
  ['p95', 'p95'],
  ['p99', 'p99'],
  ['further', 'Retries'],
] as const;

/** A value of one side of the join, or nothing where that side has no row. */
function known(side: 'caller' | 'own', value: string, otherwise = 'NULL'): string {
  return `if(${side}.service = '', ${otherwise}, ${value})`;
}

export const services: Panel[] = [
  {
    kind: 'table',
    title: 'Services',
    description:
      'Numbers of the callers, who also see refused connections; beside them what the sidecar of ' +
      'the service saw, which are never added. A Service that a mesh route splits is called by ' +
      'its own name and sees itself by the names of its backends.',
    width: 24,
    height: 9,
    units: {
      Requests: 'short',
      Rate: 'reqps',
      'Error rate': 'percentunit',
      p50: 'ms',
      p95: 'ms',
      p99: 'ms',
      Retries: 'short',
      'Seen by itself': 'short',
      'Own error rate': 'percentunit',
    },
    links: { Service: TO_SERVICE },
    queries: [
      {
        sql: sql(
          `SELECT ${known('caller', 'caller.service', 'own.service')} AS "Service",`,
          ...CALLER_COLUMNS.map(
            ([column, name]) => `  ${known('caller', `caller.${column}`)} AS "${name}",`,
          ),
          `  ${known('own', 'own.calls')} AS "Seen by itself",`,
          `  ${known('own', 'own.error_rate')} AS "Own error rate"`,
          'FROM (',
          `  SELECT destination AS service, ${REQUESTS} AS calls, ${REQUESTS_PER_SECOND} AS rate,`,
          `    ${ERROR_RATE} AS error_rate, ${quantileMs(0.5)} AS p50, ${quantileMs(0.95)} AS p95,`,
          `    ${quantileMs(0.99)} AS p99, sum(retries) AS further`,
          `  ${FROM} GROUP BY service`,
          ') AS caller FULL JOIN (',
          `  SELECT destination AS service, ${REQUESTS} AS calls, ${ERROR_RATE} AS error_rate`,
          `  FROM ${INBOUND} WHERE ${IN_RANGE} AND destination != '' AND ${SERVICE_CHOSEN}`,
          '  GROUP BY service',
          ') AS own ON own.service = caller.service',
          'ORDER BY "Requests" DESC, "Service" LIMIT 500',
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Requests per second',
    description: 'Calls of each service, as its callers count them.',
    width: 8,
    height: 9,
    unit: 'reqps',
    queries: [{ sql: byService(`sum(requests) / ${POINT_SECONDS} AS rate`) }],
  },
  {
    kind: 'timeseries',
    title: 'Error rate',
    description: 'Share of calls answered with 5xx, broken off, or never answered.',
    width: 8,
    height: 9,
    unit: 'percentunit',
    queries: [{ sql: byService(`${ERROR_RATE} AS error_rate`) }],
  },
  {
    kind: 'timeseries',
    title: 'p99 latency',
    description: 'As the callers wait, with retries.',
    width: 8,
    height: 9,
    unit: 'ms',
    queries: [{ sql: byService(`${quantileMs(0.99)} AS p99`) }],
  },
];
