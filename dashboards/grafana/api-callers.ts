/** Panels of who asks for what: tables of routes, consumers and reasons, and single requests. */
import { CALLER_SIDE_SQL, REQUEST_ID_SQL } from '#contracts/record.ts';
import { OF_STATUS, TABLES } from '#contracts/tables.ts';
import { CONSUMER, FROM, ROUTE, TOTALS_FROM, WHERE } from './api-source.ts';
import { TO_CONSUMER, TO_ROLLOUT, TO_ROUTE_LATENCY, TO_SERVICE } from './links.ts';
import type { Panel } from './model.ts';
import {
  ERROR_RATE,
  POINT,
  POINT_SECONDS,
  RANGE_SECONDS,
  REQUESTS,
  REQUESTS_PER_SECOND,
  REVISION,
  named,
  quantileMs,
  sql,
} from './sql.ts';

export const who: Panel[] = [
  {
    kind: 'table',
    title: 'Routes',
    description: 'Every chosen route, the busiest first.',
    width: 24,
    height: 9,
    units: {
      Requests: 'short',
      Rate: 'reqps',
      'Error rate': 'percentunit',
      p50: 'ms',
      p95: 'ms',
      p99: 'ms',
      In: 'bytes',
      Out: 'bytes',
    },
    bars: ['Requests'],
    links: { Route: TO_ROUTE_LATENCY, Service: TO_SERVICE },
    queries: [
      {
        sql: sql(
          `SELECT ${ROUTE} AS "Route", ${named('destination', '-')} AS "Service",`,
          `  ${REQUESTS} AS "Requests", ${REQUESTS_PER_SECOND} AS "Rate",`,
          `  ${ERROR_RATE} AS "Error rate", ${quantileMs(0.5)} AS "p50",`,
          `  ${quantileMs(0.95)} AS "p95", ${quantileMs(0.99)} AS "p99",`,
          '  sum(bytes_in) AS "In", sum(bytes_out) AS "Out"',
          `${TOTALS_FROM} GROUP BY "Route", "Service"`,
          'ORDER BY "Requests" DESC, "Route", "Service" LIMIT 200',
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Top consumers',
    description: 'Who calls most; anonymous: without a credential.',
    width: 12,
    height: 9,
    units: {
      Requests: 'short',
      Rate: 'reqps',
      'Error rate': 'percentunit',
      Limited: 'short',
      p99: 'ms',
    },
    bars: ['Requests'],
    links: { Consumer: TO_CONSUMER },
    queries: [
      {
        sql: sql(
          `SELECT ${CONSUMER} AS "Consumer", ${REQUESTS} AS "Requests",`,
          `  ${REQUESTS_PER_SECOND} AS "Rate", ${ERROR_RATE} AS "Error rate",`,
          `  sumIf(requests, reason = 'limited') AS "Limited", ${quantileMs(0.99)} AS "p99"`,
          `${TOTALS_FROM} GROUP BY "Consumer" ORDER BY "Requests" DESC, "Consumer" LIMIT 50`,
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Why requests ended otherwise',
    description:
      'Every reason but ok: what the proxy answered itself, and what went wrong behind it.',
    width: 12,
    height: 9,
    units: { Requests: 'short', Share: 'percentunit' },
    bars: ['Share'],
    queries: [
      {
        sql: sql(
          `SELECT reason AS "Reason", ${ROUTE} AS "Route", sum(requests) AS "Requests",`,
          `  sum(requests) / (SELECT greatest(1, sum(requests)) ${TOTALS_FROM}) AS "Share"`,
          `${TOTALS_FROM} AND reason != 'ok' GROUP BY "Reason", "Route"`,
          'ORDER BY "Requests" DESC, "Reason", "Route" LIMIT 100',
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Bytes',
    description: 'Body bytes per second from clients and to them.',
    width: 24,
    height: 7,
    unit: 'Bps',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, sum(bytes_in) / ${POINT_SECONDS} AS received, ` +
            `sum(bytes_out) / ${POINT_SECONDS} AS sent`,
          `${FROM} GROUP BY point ORDER BY point`,
        ),
      },
    ],
  },
];

export const records: Panel[] = [
  {
    kind: 'table',
    title: 'Latest requests',
    description: 'The newest 100 records of the direction; each has the trace that it is part of.',
    width: 24,
    height: 12,
    units: { Status: 'none', Duration: 'ms', Upstream: 'ms' },
    links: { Route: TO_ROUTE_LATENCY, Consumer: TO_CONSUMER, Revision: TO_ROLLOUT },
    queries: [
      {
        sql: sql(
          'SELECT time AS "Time", method AS "Method", host AS "Host", path AS "Path",',
          '  status AS "Status", reason AS "Reason", duration_us / 1000 AS "Duration",',
          `  upstream_us / 1000 AS "Upstream", ${ROUTE} AS "Route", consumer AS "Consumer",`,
          `  backend AS "Backend", endpoint AS "Endpoint", ${REVISION} AS "Revision",`,
          `  ${REQUEST_ID_SQL} AS "Request", trace_id AS "Trace"`,
          `FROM ${TABLES.records}`,
          `WHERE $__timeFilter_ms(time) AND ${CALLER_SIDE_SQL} AND ${WHERE}`,
          'ORDER BY time DESC LIMIT 100',
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Slowest requests',
    description: 'The slowest 20 records in the range that were not refused by the proxy itself.',
    width: 12,
    height: 9,
    units: { Status: 'none', Duration: 'ms' },
    queries: [
      {
        sql: sql(
          `SELECT time AS "Time", path AS "Path", ${ROUTE} AS "Route", status AS "Status",`,
          '  duration_us / 1000 AS "Duration", trace_id AS "Trace"',
          `FROM ${TABLES.records}`,
          `WHERE $__timeFilter_ms(time) AND ${CALLER_SIDE_SQL} AND ${WHERE} AND reason = 'ok'`,
          'ORDER BY duration_us DESC, time DESC LIMIT 20',
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Paths',
    description: 'From records: the paths of rules that were asked for most.',
    width: 12,
    height: 9,
    units: { Requests: 'short', Rate: 'reqps', '5xx': 'percentunit' },
    bars: ['Requests'],
    queries: [
      {
        sql: sql(
          `SELECT method AS "Method", ${named('path_template', '-')} AS "Path",`,
          `  sum(weight) AS "Requests", sum(weight) / ${RANGE_SECONDS} AS "Rate",`,
          `  sumIf(weight, ${OF_STATUS.is5xx}) / sum(weight) AS "5xx"`,
          `FROM ${TABLES.records}`,
          `WHERE $__timeFilter_ms(time) AND ${CALLER_SIDE_SQL} AND ${WHERE}`,
          'GROUP BY "Method", "Path" ORDER BY "Requests" DESC, "Method", "Path" LIMIT 50',
        ),
      },
    ],
  },
];
