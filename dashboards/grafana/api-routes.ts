/** Panels of all routes together, and of each over time. */
import { FROM, ROUTE, TOTALS_FROM } from './api-source.ts';
import type { Panel } from './model.ts';
import {
  ERROR_RATE,
  POINT,
  POINT_SECONDS,
  REQUESTS,
  REQUESTS_PER_SECOND,
  REVISION,
  quantileMs,
  sql,
} from './sql.ts';

export const overview: Panel[] = [
  {
    kind: 'stat',
    title: 'Requests',
    description: 'Requests in the range, counted where the direction decides them.',
    width: 4,
    height: 4,
    unit: 'short',
    queries: [{ sql: sql(`SELECT ${REQUESTS} AS requests`, TOTALS_FROM) }],
  },
  {
    kind: 'stat',
    title: 'Rate',
    description: 'Mean requests per second over the range.',
    width: 4,
    height: 4,
    unit: 'reqps',
    queries: [{ sql: sql(`SELECT ${REQUESTS_PER_SECOND} AS rate`, TOTALS_FROM) }],
  },
  {
    kind: 'stat',
    title: 'Error rate',
    description: 'Share of requests answered with 5xx, broken off, or never answered.',
    width: 4,
    height: 4,
    unit: 'percentunit',
    thresholds: { amber: 0.005, red: 0.02 },
    queries: [{ sql: sql(`SELECT ${ERROR_RATE} AS error_rate`, TOTALS_FROM) }],
  },
  {
    kind: 'stat',
    title: 'Latency',
    description: 'From the request head to the last byte out; off by 1 % at most.',
    width: 8,
    height: 4,
    unit: 'ms',
    queries: [
      {
        sql: sql(
          `SELECT ${quantileMs(0.5)} AS p50, ${quantileMs(0.95)} AS p95, ` +
            `${quantileMs(0.99)} AS p99`,
          TOTALS_FROM,
        ),
      },
    ],
  },
  {
    kind: 'stat',
    title: 'Consumers',
    description: 'Different consumers that called with a credential of theirs.',
    width: 4,
    height: 4,
    unit: 'short',
    queries: [
      { sql: sql("SELECT uniqExactIf(consumer, consumer != '') AS consumers", TOTALS_FROM) },
    ],
  },
];

export const overTime: Panel[] = [
  {
    kind: 'timeseries',
    title: 'Requests per second by route',
    description: 'Each route that decided requests; what no route matched is its own line.',
    width: 12,
    height: 9,
    unit: 'reqps',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, ${ROUTE} AS route_name, sum(requests) / ${POINT_SECONDS} AS rate`,
          `${FROM} GROUP BY point, route_name ORDER BY point, route_name`,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Error rate by route',
    description: 'Share of requests answered with 5xx, broken off, or never answered.',
    width: 12,
    height: 9,
    unit: 'percentunit',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, ${ROUTE} AS route_name, ${ERROR_RATE} AS error_rate`,
          `${FROM} GROUP BY point, route_name ORDER BY point, route_name`,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Latency over time',
    description: 'Quantiles over all chosen routes, of exact histograms: never an average of them.',
    width: 12,
    height: 9,
    unit: 'ms',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, ${quantileMs(0.5)} AS p50, ${quantileMs(0.95)} AS p95, ` +
            `${quantileMs(0.99)} AS p99`,
          `${FROM} GROUP BY point ORDER BY point`,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'p99 latency by route',
    description: 'The slowest hundredth of each route begins here.',
    width: 12,
    height: 9,
    unit: 'ms',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, ${ROUTE} AS route_name, ${quantileMs(0.99)} AS p99`,
          `${FROM} GROUP BY point, route_name ORDER BY point, route_name`,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Status classes',
    description: 'Requests per second by class of the status; none: nothing was sent.',
    width: 12,
    height: 9,
    unit: 'reqps',
    stacked: true,
    colors: { '2xx': 'green', '3xx': 'blue', '4xx': 'orange', '5xx': 'red', none: 'dark-red' },
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, status_class, sum(requests) / ${POINT_SECONDS} AS rate`,
          `${FROM} GROUP BY point, status_class ORDER BY point, status_class`,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Requests per second by revision',
    description:
      'Which revision of the configuration decided: a change moves one line into another.',
    width: 12,
    height: 9,
    unit: 'reqps',
    stacked: true,
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, ${REVISION} AS revision_name, ` +
            `sum(requests) / ${POINT_SECONDS} AS rate`,
          `${FROM} GROUP BY point, revision_name ORDER BY point, revision_name`,
        ),
      },
    ],
  },
];
