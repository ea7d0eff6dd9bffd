/** Board *Consumers*: who calls, how it fares for each of them, and who meets a limit. */
import { CONSUMER, FROM, ROUTE, TOTALS_FROM } from './api-source.ts';
import { CONSUMER_VARIABLE, DIRECTION, ROUTE_VARIABLE } from './api-variables.ts';
import { TO_REQUESTS_OF_CONSUMER, TO_RESILIENCE, TO_ROUTE } from './links.ts';
import type { Board, Panel, TimeSeries } from './model.ts';
import {
  ERROR_RATE,
  POINT,
  POINT_SECONDS,
  REQUESTS,
  REQUESTS_PER_SECOND,
  named,
  quantileMs,
  shareIf,
  sql,
} from './sql.ts';

const LIMITED = "reason = 'limited'";
const REFUSED = "reason IN ('unauthenticated', 'denied')";

const now: Panel[] = [
  {
    kind: 'stat',
    title: 'Active consumers',
    description: 'Different Consumers that called with a credential of theirs.',
    width: 6,
    height: 4,
    unit: 'short',
    queries: [
      { sql: sql("SELECT uniqExactIf(consumer, consumer != '') AS consumers", TOTALS_FROM) },
    ],
  },
  {
    kind: 'stat',
    title: 'Anonymous',
    description: 'Share of the requests that came without the credential of a Consumer.',
    width: 6,
    height: 4,
    unit: 'percentunit',
    queries: [{ sql: sql(`SELECT ${shareIf("consumer = ''")} AS anonymous`, TOTALS_FROM) }],
  },
  {
    kind: 'stat',
    title: 'Limited',
    description: 'Share of the requests that met a rate limit which was used up (429).',
    width: 6,
    height: 4,
    unit: 'percentunit',
    thresholds: { amber: 0.01, red: 0.1 },
    queries: [{ sql: sql(`SELECT ${shareIf(LIMITED)} AS limited`, TOTALS_FROM) }],
  },
  {
    kind: 'stat',
    title: 'Refused credentials',
    description:
      'Share of the requests without a valid credential (401) or that were denied (403).',
    width: 6,
    height: 4,
    unit: 'percentunit',
    thresholds: { amber: 0.05, red: 0.2 },
    queries: [{ sql: sql(`SELECT ${shareIf(REFUSED)} AS refused`, TOTALS_FROM) }],
  },
];

/** A line for each of thousands of Consumers could not be read, nor drawn. */
const LINES_MAX = 20;
const BUSIEST = sql(
  `consumer IN (SELECT consumer ${TOTALS_FROM}`,
  `  GROUP BY consumer ORDER BY sum(requests) DESC, consumer LIMIT ${LINES_MAX})`,
);

const byConsumer = (
  title: string,
  description: string,
  unit: TimeSeries['unit'],
  value: string,
): Panel => ({
  kind: 'timeseries',
  title,
  description: `${description} The ${LINES_MAX} busiest.`,
  width: 12,
  height: 9,
  unit,
  queries: [
    {
      sql: sql(
        `SELECT ${POINT}, ${CONSUMER} AS consumer_name, ${value}`,
        `${FROM} AND ${BUSIEST}`,
        'GROUP BY point, consumer_name ORDER BY point, consumer_name',
      ),
    },
  ],
});

const overTime: Panel[] = [
  byConsumer(
    'Requests per second by consumer',
    'What each Consumer asks for.',
    'reqps',
    `sum(requests) / ${POINT_SECONDS} AS rate`,
  ),
  byConsumer(
    'Error rate by consumer',
    'Share of requests answered with 5xx, broken off, or never answered.',
    'percentunit',
    `${ERROR_RATE} AS error_rate`,
  ),
  byConsumer(
    'p99 latency by consumer',
    'The slowest hundredth of each Consumer begins here.',
    'ms',
    `${quantileMs(0.99)} AS p99`,
  ),
  byConsumer(
    'Limited per second by consumer',
    'Requests per second that met a rate limit which was used up (429).',
    'reqps',
    `sumIf(requests, ${LIMITED}) / ${POINT_SECONDS} AS limited`,
  ),
];

const each: Panel[] = [
  {
    kind: 'table',
    title: 'Consumers in numbers',
    description: 'Every chosen Consumer, the busiest first. Share is of all chosen requests.',
    width: 24,
    height: 10,
    units: {
      Requests: 'short',
      Share: 'percentunit',
      Rate: 'reqps',
      'Error rate': 'percentunit',
      Limited: 'short',
      Refused: 'short',
      p50: 'ms',
      p95: 'ms',
      p99: 'ms',
      In: 'bytes',
      Out: 'bytes',
    },
    bars: ['Share'],
    links: { Consumer: TO_REQUESTS_OF_CONSUMER },
    queries: [
      {
        sql: sql(
          `SELECT ${CONSUMER} AS "Consumer", ${REQUESTS} AS "Requests",`,
          `  sum(requests) / (SELECT greatest(1, sum(requests)) ${FROM}) AS "Share",`,
          `  ${REQUESTS_PER_SECOND} AS "Rate", ${ERROR_RATE} AS "Error rate",`,
          `  sumIf(requests, ${LIMITED}) AS "Limited", sumIf(requests, ${REFUSED}) AS "Refused",`,
          `  ${quantileMs(0.5)} AS "p50", ${quantileMs(0.95)} AS "p95",`,
          `  ${quantileMs(0.99)} AS "p99", sum(bytes_in) AS "In", sum(bytes_out) AS "Out",`,
          '  max(time) AS "Last seen"',
          `${FROM} GROUP BY "Consumer" ORDER BY "Requests" DESC, "Consumer" LIMIT 200`,
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'What each consumer asks for, and where it meets limits',
    description: 'By Consumer, route and service; those that are limited most come first.',
    width: 24,
    height: 10,
    units: {
      Requests: 'short',
      Limited: 'short',
      'Limited share': 'percentunit',
      'Error rate': 'percentunit',
      p99: 'ms',
    },
    bars: ['Limited share'],
    links: { Consumer: TO_REQUESTS_OF_CONSUMER, Route: TO_ROUTE, Service: TO_RESILIENCE },
    queries: [
      {
        sql: sql(
          `SELECT ${CONSUMER} AS "Consumer", ${ROUTE} AS "Route",`,
          `  ${named('destination', '-')} AS "Service", ${REQUESTS} AS "Requests",`,
          `  sumIf(requests, ${LIMITED}) AS "Limited",`,
          `  ${shareIf(LIMITED)} AS "Limited share",`,
          `  ${ERROR_RATE} AS "Error rate", ${quantileMs(0.99)} AS "p99"`,
          `${TOTALS_FROM} GROUP BY "Consumer", "Route", "Service"`,
          'ORDER BY "Limited" DESC, "Requests" DESC, "Consumer", "Route", "Service" LIMIT 500',
        ),
      },
    ],
  },
];

export const CONSUMERS: Board = {
  uid: 'windrose-consumers',
  title: 'Consumers',
  description: 'Who calls: how much, how well it fares, and which limits are met.',
  variables: [DIRECTION, CONSUMER_VARIABLE, ROUTE_VARIABLE],
  rows: [
    { title: 'Now', panels: now },
    { title: 'Over time', panels: overTime },
    { title: 'Each of them', panels: each },
  ],
};
