/** Board *Resilience*: what the mesh does about failures, and what it turns away. */
import { REASONS } from '#contracts/reasons.ts';
import { CALLER_SIDE_SQL } from '#contracts/record.ts';
import { TABLES } from '#contracts/tables.ts';
import { refusals } from './mesh-system.ts';
import {
  SERVICES_FROM,
  SERVICE_CHOSEN,
  SERVICE_TOTALS_FROM,
  SERVICE_VARIABLE,
} from './mesh-source.ts';
import { TO_PROXY, TO_SERVICE } from './links.ts';
import type { Board, Panel, Stat } from './model.ts';
import { POINT, POINT_SECONDS, named, shareIf, sql } from './sql.ts';

const LIMITED = "reason = 'limited'";
const CIRCUIT_OPEN = "reason = 'circuit_open'";
const TIMED_OUT = "reason IN ('upstream_timeout', 'request_timeout')";
const SERVICE = named('destination', 'none');

/** Retry reasons, ejections and fallbacks are columns of records only. */
const RECORDS_FROM = sql(
  `FROM ${TABLES.records}`,
  `WHERE $__timeFilter_ms(time) AND ${CALLER_SIDE_SQL} AND ${SERVICE_CHOSEN}`,
);

const stat = (
  title: string,
  description: string,
  unit: Stat['unit'],
  select: string,
  thresholds?: Stat['thresholds'],
): Panel => ({
  kind: 'stat',
  title,
  description,
  width: 4,
  height: 4,
  unit,
  ...(thresholds === undefined ? {} : { thresholds }),
  queries: [{ sql: select }],
});

const now: Panel[] = [
  stat(
    'Retries per call',
    'Further tries for each call; every one of them is more load for a service in trouble.',
    'percentunit',
    sql(
      'SELECT if(sum(requests) = 0, 0, sum(retries) / sum(requests)) AS retries',
      SERVICE_TOTALS_FROM,
    ),
    { amber: 0.05, red: 0.2 },
  ),
  stat(
    'Limited share',
    'Calls that met a rate limit which was used up (429).',
    'percentunit',
    sql(`SELECT ${shareIf(LIMITED)} AS limited`, SERVICE_TOTALS_FROM),
    { amber: 0.01, red: 0.1 },
  ),
  stat(
    'Circuit open share',
    'Calls turned away because the circuit limit towards the service was reached (503).',
    'percentunit',
    sql(`SELECT ${shareIf(CIRCUIT_OPEN)} AS circuit_open`, SERVICE_TOTALS_FROM),
    { amber: 0.001, red: 0.02 },
  ),
  stat(
    'Timed out share',
    'Calls that the service did not answer in time, or whose whole time ran out (504).',
    'percentunit',
    sql(`SELECT ${shareIf(TIMED_OUT)} AS timed_out`, SERVICE_TOTALS_FROM),
    { amber: 0.001, red: 0.02 },
  ),
  stat(
    'Ejections',
    'Outcomes that took an endpoint out of the balancing. From records.',
    'short',
    sql('SELECT sumIf(weight, ejected = 1) AS ejections', RECORDS_FROM),
    { amber: 1, red: 10 },
  ),
  stat(
    'Fallbacks',
    'Calls that a fallback answered. From records.',
    'short',
    sql('SELECT sumIf(weight, fallback = 1) AS fallbacks', RECORDS_FROM),
    { amber: 1, red: 100 },
  ),
];

const shareOverTime = (title: string, description: string, value: string): Panel => ({
  kind: 'timeseries',
  title,
  description,
  width: 8,
  height: 8,
  unit: 'percentunit',
  queries: [
    {
      sql: sql(
        `SELECT ${POINT}, ${SERVICE} AS service, ${value} AS share`,
        `${SERVICES_FROM} GROUP BY point, service ORDER BY point, service`,
      ),
    },
  ],
});

const shares: Panel[] = [
  shareOverTime(
    'Retries per call by service',
    'A retry budget bounds it: a line that stays flat at the top is a budget used up.',
    'if(sum(requests) = 0, 0, sum(retries) / sum(requests))',
  ),
  shareOverTime(
    'Limited share by service',
    'Share of the calls that met a rate limit which was used up.',
    shareIf(LIMITED),
  ),
  shareOverTime(
    'Circuit open share by service',
    'Share of the calls that were turned away at the circuit limit.',
    shareIf(CIRCUIT_OPEN),
  ),
];

/** The meaning of each reason, from the table that the proxy answers by. */
function meaningSql(): string {
  const quoted = (words: readonly string[]): string =>
    words.map((word) => `'${word.replaceAll("'", "''")}'`).join(', ');
  const meanings = Object.values(REASONS).map(({ meaning }) => meaning);
  return `transform(reason, [${quoted(Object.keys(REASONS))}], [${quoted(meanings)}], 'unknown')`;
}

const reasons: Panel[] = [
  {
    kind: 'table',
    title: 'Every reason and what it means',
    description: 'How all calls ended. ok: the answer of the service was passed on, even a 5xx.',
    width: 24,
    height: 9,
    units: { Requests: 'short', Share: 'percentunit', Errors: 'short' },
    bars: ['Share'],
    queries: [
      {
        sql: sql(
          'SELECT reason AS "Reason",',
          `  ${meaningSql()} AS "Meaning",`,
          '  sum(requests) AS "Requests",',
          '  sum(requests) /',
          `    (SELECT greatest(1, sum(requests)) ${SERVICE_TOTALS_FROM}) AS "Share",`,
          '  sum(errors) AS "Errors"',
          `${SERVICE_TOTALS_FROM} GROUP BY "Reason" ORDER BY "Requests" DESC, "Reason" LIMIT 100`,
        ),
      },
    ],
  },
];

const fromRecords: Panel[] = [
  {
    kind: 'table',
    title: 'Why retries were made',
    description:
      'Calls that were tried again, by why the last retry was made; recovered: the last try was ' +
      'answered below 500. From records.',
    width: 12,
    height: 9,
    units: { Calls: 'short', Tries: 'short', Recovered: 'percentunit' },
    bars: ['Calls'],
    links: { Service: TO_SERVICE },
    queries: [
      {
        sql: sql(
          `SELECT retry_reason AS "Why", ${SERVICE} AS "Service", sum(weight) AS "Calls",`,
          '  sum(retries * weight) AS "Tries",',
          '  sumIf(weight, status BETWEEN 100 AND 499) / sum(weight) AS "Recovered"',
          `${RECORDS_FROM} AND retries > 0 GROUP BY "Why", "Service"`,
          'ORDER BY "Calls" DESC, "Why", "Service" LIMIT 200',
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Ejected endpoints',
    description:
      'Endpoints that a proxy took out of its balancing, by the proxy: each ejects for itself. ' +
      'From records.',
    width: 12,
    height: 9,
    units: { Ejections: 'short' },
    bars: ['Ejections'],
    links: { Service: TO_SERVICE, 'By proxy': TO_PROXY },
    queries: [
      {
        sql: sql(
          `SELECT ${SERVICE} AS "Service", endpoint AS "Endpoint", proxy AS "By proxy",`,
          '  sum(weight) AS "Ejections", max(time) AS "Last"',
          `${RECORDS_FROM} AND ejected = 1 GROUP BY "Service", "Endpoint", "By proxy"`,
          'ORDER BY "Ejections" DESC, "Service", "Endpoint", "By proxy" LIMIT 200',
        ),
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Ejections and fallbacks per second',
    description: 'Both from records, of all chosen services.',
    width: 24,
    height: 7,
    unit: 'cps',
    queries: [
      {
        sql: sql(
          `SELECT ${POINT}, sumIf(weight, ejected = 1) / ${POINT_SECONDS} AS ejections,`,
          `  sumIf(weight, fallback = 1) / ${POINT_SECONDS} AS fallbacks`,
          `${RECORDS_FROM} GROUP BY point ORDER BY point`,
        ),
      },
    ],
  },
];

export const RESILIENCE: Board = {
  uid: 'windrose-resilience',
  title: 'Resilience',
  description: 'Retries, limits, circuits, ejections, and why calls ended as they did.',
  variables: [SERVICE_VARIABLE],
  rows: [
    { title: 'Now', panels: now },
    { title: 'Share of the calls', panels: shares },
    { title: 'Retries, limits and refusals', panels: refusals },
    { title: 'Reasons', panels: reasons },
    { title: 'Retries and ejections one by one', panels: fromRecords },
  ],
};
