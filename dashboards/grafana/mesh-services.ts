/** Panels of services over time, as their callers see them. */
import { ROLLUPS } from '#contracts/tables.ts';
import { CALLS_FROM, CALL_TOTALS_FROM } from './mesh-graph.ts';
import { SERVICE_CHOSEN } from './mesh-source.ts';
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
const byService = (value: string): string =>
  sql(
    `SELECT ${POINT}, destination AS service, ${value}`,
    `${CALLS_FROM} GROUP BY point, service ORDER BY point, service`,
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
          `  ${CALL_TOTALS_FROM} GROUP BY service`,
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
