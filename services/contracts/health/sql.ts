/**
 * Facts of health (rules.ts) as SQL over the rollups, and the rules themselves, so that the API and
 * the boards read the same numbers and decide the same.
 */
import { ROLLUP_STEP_MS, quantileMsSql } from '../metrics.ts';
import { UNKNOWN_SOURCE } from '../record.ts';
import { ROLLUPS } from '../tables.ts';
import {
  HEALTH_RULES,
  HEALTH_STATES,
  HEARD_SECONDS_MAX,
  type HealthRule,
  type HealthSettings,
  boundOf,
} from './rules.ts';

export interface HealthWindow {
  /** SQL of the window's end, exclusive: a DateTime in UTC, a multiple of 10 s. */
  until: string;
  settings: HealthSettings;
}

const STEP_SECONDS = ROLLUP_STEP_MS / 1_000;
/** Edges and services that had calls within so much time are known, and shown without any. */
export const KNOWN_HOURS = 24;
/** Minutes with calls, of the hour before the window, below which nothing is usual yet. */
export const USUAL_MINUTES_MIN = 10;
/** Stands for all proxies that are gateways: heartbeats do not tell which Gateways one serves. */
const GATEWAYS = 'Gateway/';

const { edges, edgesMinute, edgesHour, inbound, proxies } = ROLLUPS;

/** One row for each known edge: `source`, `destination`, `side` and the columns of HealthFacts. */
export function edgeHealthSql(window: HealthWindow): string {
  const numbers = `SELECT
  known.source AS source, known.destination AS destination, 'callers' AS side,
  called.requests AS requests, called.errors AS errors, called.p99 AS p99,
  usual.p99 AS usual_p99, own.requests AS own_requests, own.errors AS own_errors,
  own.destination != '' OR callee.name != '' AS own_known, 0 AS own_beside,
  greatest(called.heard, beat.heard) AS heard
FROM (${knownEdgesSql(window)}) AS known
LEFT JOIN (${calls(window, 'source, destination')}) AS called
  ON called.source = known.source AND called.destination = known.destination
LEFT JOIN (${usual(window, 'source, destination')}) AS usual
  ON usual.source = known.source AND usual.destination = known.destination
LEFT JOIN (${own(window)}) AS own ON own.destination = known.destination
LEFT JOIN (${beats(window)}) AS beat ON beat.name = known.teller
LEFT JOIN (${beats(window)}) AS callee ON callee.name = known.destination`;
  return factsSql('source, destination, side', numbers, window);
}

/**
 * One row for each known service and caller: `name`, `side` (whose numbers they are) and the
 * columns of HealthFacts. Not of callers from outside of the mesh, of whom nothing can be known.
 */
export function nodeHealthSql(window: HealthWindow): string {
  const bySide = (column: string, ownValue: string): string =>
    `multiIf(side = 'callers', called.${column}, side = 'own', ${ownValue}, sent.${column})`;
  const numbers = `SELECT
  known.name AS name,
  multiIf(called.requests > 0, 'callers', own.requests > 0, 'own', known.is_called, 'callers',
    'sent') AS side,
  ${bySide('requests', 'own.requests')} AS requests,
  ${bySide('errors', 'own.errors')} AS errors,
  ${bySide('p99', 'own.p99')} AS p99,
  multiIf(side = 'callers', usual.p99, side = 'own', 0, usual_sent.p99) AS usual_p99,
  own.requests AS own_requests, own.errors AS own_errors,
  side = 'callers' AND (own.destination != '' OR beat.name != '') AS own_known,
  side = 'callers' AS own_beside,
  greatest(called.heard, own.heard, sent.heard, beat.heard, teller.heard) AS heard
FROM (${knownNodes(window)}) AS known
LEFT JOIN (${calls(window, 'destination')}) AS called ON called.destination = known.name
LEFT JOIN (${calls(window, 'source')}) AS sent ON sent.source = known.name
LEFT JOIN (${usual(window, 'destination')}) AS usual ON usual.destination = known.name
LEFT JOIN (${usual(window, 'source')}) AS usual_sent ON usual_sent.source = known.name
LEFT JOIN (${own(window)}) AS own ON own.destination = known.name
LEFT JOIN (${beats(window)}) AS beat ON beat.name = known.beat
LEFT JOIN (${tellers(window)}) AS teller ON teller.destination = known.name`;
  return factsSql('name, side', numbers, window);
}

/** The rows of a query with facts, with what the rules say of each: `state` and `rule`. */
export function judgedSql(facts: string, settings: HealthSettings): string {
  const cases = HEALTH_RULES.filter(({ when }) => when.length > 0);
  const otherwise = HEALTH_RULES.find(({ when }) => when.length === 0);
  if (otherwise === undefined) throw new Error('the last rule of health has no conditions');
  const pairs = cases.map((rule) => `${conditionSql(rule, settings)}, '${rule.name}'`);
  const list = (words: readonly string[]): string => `['${words.join("', '")}']`;
  // Planning each condition takes ClickHouse longer than deciding it: each stands once.
  const state =
    `transform(rule, ${list(HEALTH_RULES.map(({ name }) => name))}, ` +
    `${list(HEALTH_RULES.map((rule) => rule.state))}, '')`;
  return `SELECT *, multiIf(${pairs.join(', ')}, '${otherwise.name}') AS rule, ${state} AS state
FROM (${facts})`;
}

/** Orders judged rows, the worst first. */
export const WORST_FIRST_SQL = `indexOf(['${HEALTH_STATES.join("', '")}'], state)`;

function conditionSql({ when }: HealthRule, settings: HealthSettings): string {
  const all = when.map(({ fact, op, bound }) => `${fact} ${op} ${boundOf(bound, settings)}`);
  return `(${all.join(' AND ')})`;
}

/** HealthFacts from plain numbers. */
function factsSql(keys: string, numbers: string, { until }: HealthWindow): string {
  return `SELECT ${keys}, requests, errors,
  if(requests = 0, 0, errors / requests) AS errorShare,
  p99 AS p99Ms,
  usual_p99 AS usualP99Ms,
  if(usual_p99 = 0, 0, p99Ms / usual_p99) AS slowdown,
  own_requests AS ownRequests, own_errors AS ownErrors,
  if(own_known AND errors > own_errors, (errors - own_errors) / errors, 0) AS unseenShare,
  if(own_beside AND own_requests > 0, own_errors / own_requests, 0) AS ownErrorShare,
  least(${HEARD_SECONDS_MAX}, greatest(0, dateDiff('second', heard, ${until}))) AS silentSeconds
FROM (${numbers})`;
}

const before = (until: string, seconds: number): string =>
  `${until} - toIntervalSecond(${seconds})`;
const END_OF_ROW = `toIntervalSecond(${STEP_SECONDS})`;

/** Rows of so much time are read, so that even a short window sees who spoke before it. */
function readSeconds({ windowSeconds, silentSeconds }: HealthSettings): number {
  return Math.max(windowSeconds, silentSeconds);
}

/**
 * The edges that are judged. `teller`: whose proxies record its calls, as the names of `beats`.
 */
export function knownEdgesSql({ until }: HealthWindow): string {
  const hour = `toStartOfHour(${until})`;
  const isCall = "destination != '' AND requests > 0";
  return `SELECT DISTINCT source, destination,
    multiIf(startsWith(source, '${GATEWAYS}'), '${GATEWAYS}',
      source = '${UNKNOWN_SOURCE}', destination, source) AS teller
  FROM (
    SELECT source, destination FROM ${edgesHour.table}
    WHERE time >= ${hour} - toIntervalHour(${KNOWN_HOURS}) AND time < ${hour} AND ${isCall}
    UNION ALL
    SELECT source, destination FROM ${edges.table}
    WHERE time >= ${hour} AND time < ${until} AND ${isCall}
  )`;
}

function knownNodes(window: HealthWindow): string {
  const { until } = window;
  const hour = `time >= ${before(until, HEARD_SECONDS_MAX)} AND time < ${until}`;
  return `SELECT name, if(startsWith(name, '${GATEWAYS}'), '${GATEWAYS}', name) AS beat,
    max(called) AS is_called
  FROM (
    SELECT destination AS name, 1 AS called FROM (${knownEdgesSql(window)})
    UNION ALL SELECT source AS name, 0 AS called FROM (${knownEdgesSql(window)})
    UNION ALL SELECT source AS name, 0 AS called FROM ${proxies.table} WHERE ${hour}
    UNION ALL SELECT destination AS name, 0 AS called FROM ${inbound.table} WHERE ${hour}
  )
  WHERE name NOT IN ('', '${UNKNOWN_SOURCE}') GROUP BY name`;
}

/** What was called in the window, by the callers' records, and when a row of it was heard last. */
function calls({ until, settings }: HealthWindow, keys: string): string {
  return windowSums(edges.table, keys, until, settings);
}

/** The same by the records of the called service's proxies. */
function own({ until, settings }: HealthWindow): string {
  return windowSums(inbound.table, 'destination', until, settings);
}

function windowSums(table: string, keys: string, until: string, settings: HealthSettings): string {
  const isIn = `time >= ${before(until, settings.windowSeconds)}`;
  return `SELECT ${keys},
    sumIf(${table}.requests, ${isIn}) AS requests,
    sumIf(${table}.errors, ${isIn}) AS errors,
    ${quantileMsSql(0.99, `${table}.durations`, isIn)} AS p99,
    max(time) + ${END_OF_ROW} AS heard
  FROM ${table}
  WHERE time >= ${before(until, readSeconds(settings))} AND time < ${until} AND destination != ''
  GROUP BY ${keys}`;
}

/** Median of the p99 of the minutes with calls, of the hour before the window. */
function usual({ until, settings }: HealthWindow, keys: string): string {
  const since = `toStartOfMinute(${before(until, settings.windowSeconds)})`;
  return `SELECT ${keys},
    if(count() >= ${USUAL_MINUTES_MIN}, quantileExactLow(0.5)(minute_p99), 0) AS p99
  FROM (
    SELECT ${keys}, time, ${quantileMsSql(0.99)} AS minute_p99
    FROM ${edgesMinute.table}
    WHERE time >= ${since} - toIntervalHour(1) AND time < ${since} AND destination != ''
    GROUP BY ${keys}, time HAVING countArray(mapKeys(durations)) > 0
  )
  GROUP BY ${keys}`;
}

/** When the proxies of each workload said last that they live. */
function beats({ until }: HealthWindow): string {
  const rows =
    `max(time) + ${END_OF_ROW} AS heard FROM ${proxies.table} ` +
    `WHERE time >= ${before(until, HEARD_SECONDS_MAX)} AND time < ${until}`;
  return `SELECT name, max(heard) AS heard FROM (
    SELECT source AS name, ${rows} AND source != '' GROUP BY name
    UNION ALL
    SELECT '${GATEWAYS}' AS name, ${rows} AND role IN ('gateway', 'fused') GROUP BY name
  ) GROUP BY name`;
}

/** When the proxies of those who call a service said last that they live. */
function tellers(window: HealthWindow): string {
  return `SELECT destination, max(said.heard) AS heard
  FROM (${knownEdgesSql(window)}) AS each_edge
  INNER JOIN (${beats(window)}) AS said ON said.name = each_edge.teller
  GROUP BY destination`;
}
