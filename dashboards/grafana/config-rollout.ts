/** Board *Config rollout*: how a revision comes into force, and how requests fare under it. */
import { TABLES } from '#contracts/tables.ts';
import { SERVICES_FROM, SERVICE_TOTALS_FROM, SERVICE_VARIABLE } from './mesh-source.ts';
import { rollout } from './mesh-system.ts';
import { TO_PROXY } from './links.ts';
import type { Board, Panel } from './model.ts';
import { ERROR_RATE, POINT, REQUESTS, REVISION, quantileMs, sql } from './sql.ts';

/**
 * Rollups name no proxy, so proxies come from records: of every direction, since a sidecar that
 * only receives has a revision too. Numbers of requests come from the rollups.
 */
const RECORDS_FROM = `FROM ${TABLES.records} WHERE $__timeFilter_ms(time)`;

const now: Panel[] = [
  {
    kind: 'stat',
    title: 'Revisions in force',
    description:
      'Different revisions that proxies last decided with: more than 1 for long after a change ' +
      'is skew. From records, so only of proxies with traffic.',
    width: 8,
    height: 4,
    unit: 'short',
    thresholds: { amber: 2, red: 3 },
    queries: [
      {
        sql: sql(
          'SELECT uniqExact(newest) AS revisions FROM (',
          `  SELECT argMax((log_epoch, revision), time) AS newest ${RECORDS_FROM} GROUP BY proxy`,
          ')',
        ),
      },
    ],
  },
  {
    kind: 'stat',
    title: 'Proxies behind',
    description: 'Proxies that last decided with another revision than the newest that is seen.',
    width: 8,
    height: 4,
    unit: 'short',
    thresholds: { amber: 1, red: 5 },
    queries: [
      {
        sql: sql(
          `SELECT countIf(newest != (SELECT max((log_epoch, revision)) ${RECORDS_FROM})) AS behind`,
          'FROM (',
          `  SELECT argMax((log_epoch, revision), time) AS newest ${RECORDS_FROM} GROUP BY proxy`,
          ')',
        ),
      },
    ],
  },
  {
    kind: 'stat',
    title: 'Calls under the newest revision',
    description: 'Share of all calls of the range that the newest revision decided.',
    width: 8,
    height: 4,
    unit: 'percentunit',
    queries: [
      {
        sql: sql(
          'SELECT if(sum(calls) = 0, 0, argMax(calls, at) / sum(calls)) AS share FROM (',
          `  SELECT (log_epoch, revision) AS at, sum(requests) AS calls ${SERVICE_TOTALS_FROM}`,
          '  GROUP BY at',
          ')',
        ),
      },
    ],
  },
];

const overTime: Panel[] = [
  {
    kind: 'timeseries',
    title: 'Share of calls by revision',
    description: 'A rollout is one line that takes over from another.',
    width: 12,
    height: 9,
    unit: 'percentunit',
    stacked: true,
    queries: [
      {
        sql: sql(
          'SELECT point, name AS revision_name,',
          '  calls / sum(calls) OVER (PARTITION BY point) AS share FROM (',
          `  SELECT ${POINT}, ${REVISION} AS name, sum(requests) AS calls`,
          `  ${SERVICES_FROM} GROUP BY point, name HAVING calls > 0`,
          ') ORDER BY point, revision_name',
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Proxies by revision',
    description:
      'Different proxies that decided requests with it; one that changes within a point counts ' +
      'under both. From records.',
    width: 12,
    height: 9,
    unit: 'short',
    stacked: true,
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, ${REVISION} AS revision_name, uniqExact(proxy) AS proxies`,
          `${RECORDS_FROM} GROUP BY point, log_epoch, revision ORDER BY point, revision_name`,
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Error rate by revision',
    description: 'Two revisions at one time, one of them worse: the change is to blame.',
    width: 12,
    height: 9,
    unit: 'percentunit',
    queries: [{ sql: byRevision(`${ERROR_RATE} AS error_rate`) }],
  },
  {
    kind: 'timeseries',
    title: 'p99 latency by revision',
    description: 'As the callers wait, with retries.',
    width: 12,
    height: 9,
    unit: 'ms',
    queries: [{ sql: byRevision(`${quantileMs(0.99)} AS p99`) }],
  },
];

function byRevision(value: string): string {
  return sql(
    `SELECT ${POINT}, ${REVISION} AS revision_name, ${value}`,
    `${SERVICES_FROM} GROUP BY point, revision_name ORDER BY point, revision_name`,
  );
}

const each: Panel[] = [
  {
    kind: 'table',
    title: 'Revisions',
    description: 'Every revision that decided calls of the range, the newest first.',
    width: 12,
    height: 9,
    units: { Calls: 'short', Share: 'percentunit', 'Error rate': 'percentunit', p99: 'ms' },
    bars: ['Share'],
    queries: [
      {
        sql: sql(
          `SELECT ${REVISION} AS "Revision", ${REQUESTS} AS "Calls",`,
          `  sum(requests) / (SELECT greatest(1, sum(requests)) ${SERVICES_FROM}) AS "Share",`,
          `  ${ERROR_RATE} AS "Error rate", ${quantileMs(0.99)} AS "p99",`,
          '  min(time) AS "First seen", max(time) AS "Last seen"',
          `${SERVICES_FROM} GROUP BY log_epoch, revision`,
          'ORDER BY log_epoch DESC, revision DESC LIMIT 200',
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'When each proxy took a revision up',
    description:
      'Its first request under it, and how long after the first proxy of all: an upper bound of ' +
      'its lag, which holds the time without traffic. `windrose status` knows the receipts.',
    width: 12,
    height: 9,
    units: { 'After the first': 's' },
    bars: ['After the first'],
    links: { Proxy: TO_PROXY },
    queries: [
      {
        sql: sql(
          `SELECT ${REVISION} AS "Revision", proxy AS "Proxy", started AS "First request",`,
          "  dateDiff('millisecond', min(started) OVER (PARTITION BY log_epoch, revision),",
          '    started) / 1000 AS "After the first"',
          'FROM (',
          `  SELECT log_epoch, revision, proxy, min(time) AS started ${RECORDS_FROM}`,
          '  GROUP BY log_epoch, revision, proxy',
          ') ORDER BY log_epoch DESC, revision DESC, "After the first" DESC, "Proxy" LIMIT 500',
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Calls that a policy could not be applied to',
    description:
      'What a revision names and a proxy could not find or use: policies that failed closed, ' +
      'backends that are invalid, services without endpoints.',
    width: 24,
    height: 7,
    units: { Calls: 'short', Share: 'percentunit' },
    bars: ['Share'],
    queries: [
      {
        sql: sql(
          `SELECT ${REVISION} AS "Revision",`,
          "  sumIf(requests, reason IN ('policy_unavailable', 'invalid_backend', 'no_endpoint'))",
          '    AS "Calls", if(sum(requests) = 0, 0, "Calls" / sum(requests)) AS "Share"',
          `${SERVICE_TOTALS_FROM} GROUP BY log_epoch, revision`,
          'ORDER BY log_epoch DESC, revision DESC LIMIT 200',
        ),
      },
    ],
  },
];

export const CONFIG_ROLLOUT: Board = {
  uid: 'windrose-config-rollout',
  title: 'Config rollout',
  description: 'How revisions of the configuration come into force, and how calls fare under them.',
  variables: [SERVICE_VARIABLE],
  rows: [
    { title: 'Now', panels: now },
    { title: 'Over time', panels: overTime },
    { title: 'Calls and proxies', panels: rollout },
    { title: 'Each of them', panels: each },
  ],
};
