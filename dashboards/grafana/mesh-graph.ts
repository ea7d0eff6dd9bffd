/** Who calls whom, coloured by health, and the tables beside it. */
import { HEALTH_DEFAULTS, HEALTH_RULES, HEALTH_STATES } from '#contracts/health/rules.ts';
import {
  type HealthWindow,
  WORST_FIRST_SQL,
  edgeHealthSql,
  judgedSql,
  knownEdgesSql,
  nodeHealthSql,
} from '#contracts/health/sql.ts';
import { SERVICES_FROM, SERVICE_CHOSEN, SERVICE_TOTALS_FROM } from './mesh-source.ts';
import { TO_SERVICE } from './links.ts';
import type { Panel } from './model.ts';
import {
  ERROR_RATE,
  REQUESTS,
  REQUESTS_PER_SECOND,
  STATE_COLORS,
  chosen,
  quantileMs,
  sql,
} from './sql.ts';

/** Requests that were sent to no Service (no route, refused at the edge) have no edge. */
export const CALLS_FROM = `${SERVICES_FROM} AND destination != ''`;
export const CALL_TOTALS_FROM = `${SERVICE_TOTALS_FROM} AND destination != ''`;

/** Up to the end of the range, in whole rows of the rollup, as `GET /v1/health` has it. */
const WINDOW: HealthWindow = {
  until: "toDateTime(intDiv(toUnixTimestamp(least($__toTime, now())) + 9, 10) * 10, 'UTC')",
  settings: HEALTH_DEFAULTS,
};
const NODE_HEALTH = judgedSql(nodeHealthSql(WINDOW), WINDOW.settings);
const EDGE_HEALTH = sql(
  `SELECT * FROM (${judgedSql(edgeHealthSql(WINDOW), WINDOW.settings)})`,
  `WHERE ${SERVICE_CHOSEN}`,
);

const list = (values: readonly string[]): string =>
  `[${values.map((value) => `'${value}'`).join(', ')}]`;
const COLOR =
  `transform(state, ${list(HEALTH_STATES)}, ` +
  `${list(HEALTH_STATES.map((state) => STATE_COLORS[state]))}, 'gray')`;
const WHY =
  `transform(rule, ${list(HEALTH_RULES.map(({ name }) => name))}, ` +
  `${list(HEALTH_RULES.map(({ meaning }) => meaning))}, '')`;

/** Both ends of every edge: the panel draws no edge to a node that is not there. */
const nodes = sql(
  'SELECT id, id AS title, rate AS mainstat, share AS secondarystat,',
  `  ${COLOR} AS color, state AS detail__state, ${WHY} AS detail__why`,
  'FROM (',
  '  SELECT id, sum(per_second) AS rate, if(sum(calls) = 0, 0, sum(failed) / sum(calls)) AS share',
  '  FROM (',
  `    SELECT destination AS id, ${REQUESTS_PER_SECOND} AS per_second,`,
  '      sum(requests) AS calls, sum(errors) AS failed',
  `    ${CALL_TOTALS_FROM} GROUP BY id`,
  '    UNION ALL',
  `    SELECT DISTINCT source AS id, 0 AS per_second, 0 AS calls, 0 AS failed ${CALL_TOTALS_FROM}`,
  '    UNION ALL',
  '    SELECT arrayJoin([source, destination]) AS id, 0 AS per_second, 0 AS calls, 0 AS failed',
  `    FROM (${knownEdgesSql(WINDOW)}) WHERE ${SERVICE_CHOSEN}`,
  '  ) GROUP BY id',
  `) AS seen LEFT JOIN (${NODE_HEALTH}) AS known ON known.name = seen.id`,
  'ORDER BY id',
);

/** Of one side of the join, or of the other where that has no row. */
const either = (column: string): string => `if(seen.source = '', known.${column}, seen.${column})`;

const edges = sql(
  `SELECT concat(${either('source')}, ' -> ', ${either('destination')}) AS id,`,
  `  ${either('source')} AS source, ${either('destination')} AS target,`,
  '  seen.rate AS mainstat, seen.p99 AS secondarystat, seen.error_rate AS detail__error_rate,',
  `  ${COLOR} AS color, state AS detail__state, ${WHY} AS detail__why`,
  'FROM (',
  `  SELECT source, destination, ${REQUESTS_PER_SECOND} AS rate, ${quantileMs(0.99)} AS p99,`,
  `    ${ERROR_RATE} AS error_rate`,
  `  ${CALL_TOTALS_FROM} GROUP BY source, destination`,
  `) AS seen FULL JOIN (${EDGE_HEALTH}) AS known`,
  '  ON known.source = seen.source AND known.destination = seen.destination',
  'ORDER BY id',
);

const JUDGED = 'Of the 5 minutes before the end of the range, by the rules of `windrose health`';

export const graph: Panel[] = [
  {
    kind: 'nodeGraph',
    title: 'Service graph',
    description:
      'An arrow for each caller and called service: requests per second and p99 of the range, ' +
      'from the callers’ records. Colours are health at its end: red fails, orange is degraded, ' +
      'purple nobody knows, grey nobody calls.',
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
          `${CALL_TOTALS_FROM} GROUP BY "From", "To"`,
          'ORDER BY "Requests" DESC, "From", "To" LIMIT 500',
        ),
      },
    ],
  },
];

const JUDGED_UNITS = {
  Calls: 'short',
  'Error rate': 'percentunit',
  p99: 'ms',
  'Usual p99': 'ms',
  'Seen by itself': 'short',
  'Unseen errors': 'percentunit',
  Silent: 's',
} as const;
/** Of both tables. */
const JUDGED_COLUMNS = [
  `state AS "State", ${WHY} AS "Why", requests AS "Calls", errorShare AS "Error rate",`,
  '  p99Ms AS "p99", usualP99Ms AS "Usual p99", ownRequests AS "Seen by itself",',
  '  unseenShare AS "Unseen errors",',
];

export const health: Panel[] = [
  {
    kind: 'table',
    title: 'Health of services',
    description:
      `${JUDGED}, the worst first. Whose numbers: those of callers, else what its own proxies ` +
      'saw, or of a Gateway what it sent.',
    width: 24,
    height: 9,
    units: { ...JUDGED_UNITS, 'Own error rate': 'percentunit' },
    states: ['State'],
    links: { Service: TO_SERVICE },
    queries: [
      {
        sql: sql(
          'SELECT name AS "Service",',
          ...JUDGED_COLUMNS,
          '  ownErrorShare AS "Own error rate", side AS "Whose", silentSeconds AS "Silent"',
          `FROM (${NODE_HEALTH}) WHERE ${chosen('name', 'service')}`,
          `ORDER BY ${WORST_FIRST_SQL}, requests DESC, name LIMIT 500`,
        ),
      },
    ],
  },
  {
    kind: 'table',
    title: 'Health of edges',
    description:
      `${JUDGED}, the worst first, from the caller’s records. What the called service saw is of ` +
      'all its callers together.',
    width: 24,
    height: 9,
    units: JUDGED_UNITS,
    states: ['State'],
    links: { From: TO_SERVICE, To: TO_SERVICE },
    queries: [
      {
        sql: sql(
          'SELECT source AS "From", destination AS "To",',
          ...JUDGED_COLUMNS,
          '  silentSeconds AS "Silent"',
          `FROM (${EDGE_HEALTH})`,
          `ORDER BY ${WORST_FIRST_SQL}, requests DESC, source, destination LIMIT 500`,
        ),
      },
    ],
  },
];
