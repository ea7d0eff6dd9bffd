/** Panels of what the mesh does itself: retries and refusals, and its configuration. */
import { TABLES } from '#contracts/tables.ts';
import { TO_PROXY, TO_ROLLOUT, TO_SERVICE } from './links.ts';
import type { Panel } from './model.ts';
import { SERVICES_FROM, SERVICE_TOTALS_FROM } from './mesh-source.ts';
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
    links: { Service: TO_SERVICE },
    queries: [
      {
        sql: sql(
          'SELECT reason AS "Reason", ' + `${named('destination', '-')} AS "Service",`,
          '  source AS "From", sum(requests) AS "Requests"',
          `${SERVICE_TOTALS_FROM} AND reason != 'ok' GROUP BY "Reason", "Service", "From"`,
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
    links: { Proxy: TO_PROXY, Revision: TO_ROLLOUT },
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
