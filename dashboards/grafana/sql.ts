/** Pieces of SQL that the panels share. `$__…` are macros of Grafana's ClickHouse data source. */
import type { HealthState } from '#contracts/health/rules.ts';
import {
  FINE_RANGE_MAX_MS,
  MINUTE_RANGE_MAX_MS,
  ROLLUP_TIERS,
  type Rollup,
} from '#contracts/tables.ts';

export { quantileMsSql as quantileMs } from '#contracts/metrics.ts';

/** Seconds in the range of the board. */
export const RANGE_SECONDS = "greatest(1, dateDiff('second', $__fromTime, $__toTime))";

/** Whether rows of a tier answer for the board's range, if no finer one does: as the API has it. */
function reaches({ keepDays }: Rollup, rangeMaxMs: number): string {
  const isShort = `${RANGE_SECONDS} <= ${rangeMaxMs / 1_000}`;
  return `(${isShort} AND $__fromTime >= now() - toIntervalDay(${keepDays}))`;
}

const [FINE, MINUTE, HOUR] = ROLLUP_TIERS.edges;
const IS_FINE = reaches(FINE, FINE_RANGE_MAX_MS);
const IS_MINUTE = reaches(MINUTE, MINUTE_RANGE_MAX_MS);
/** Of the tiers, the finest first: one holds, and ClickHouse reads nothing of the others. */
const IS_OF_TIER = [
  IS_FINE,
  `NOT ${IS_FINE} AND ${IS_MINUTE}`,
  `NOT ${IS_FINE} AND NOT ${IS_MINUTE}`,
];

/** The rows of routes or of edges that the board's range asks for, as a table. */
export function rollupRows(
  tiers: (typeof ROLLUP_TIERS)[keyof typeof ROLLUP_TIERS],
  where = IN_RANGE,
): string {
  const tables = tiers.map(
    ({ table }, tier) => `SELECT * FROM ${table} WHERE ${IS_OF_TIER[tier] ?? ''} AND ${where}`,
  );
  return `(${tables.join(' UNION ALL ')})`;
}

/** The whole hours or minutes of the range: their first, and the first behind them. */
const wholeOf = (start: string, seconds: number): { first: string; behind: string } => ({
  first: `${start}($__fromTime + ${seconds - 1}, 'UTC')`,
  behind: `${start}($__toTime + 1, 'UTC')`,
});
const HOURS = wholeOf('toStartOfHour', 3_600);
const MINUTES = wholeOf('toStartOfMinute', 60);

/**
 * The rows of the board's range for panels without points of time: hours as far as they are whole,
 * minutes of what is left at both ends, and 10 s of what those leave. The same sums to 10 s as from
 * the finest rows alone, from a hundredth of them. Of a range that begins before the finer rows
 * that are kept, less than its first minute, or hour, is not counted.
 */
export function totalRows(tiers: (typeof ROLLUP_TIERS)[keyof typeof ROLLUP_TIERS]): string {
  const [fine, minute, hour] = tiers;
  const between = (first: string, behind: string): string =>
    `(time >= ${first} AND time < ${behind})`;
  const tables = [
    `${hour.table} WHERE ${between(HOURS.first, HOURS.behind)}`,
    `${minute.table} WHERE ` +
      `${between(MINUTES.first, `least(${HOURS.first}, ${MINUTES.behind})`)} OR ` +
      between(`greatest(${HOURS.first}, ${HOURS.behind})`, MINUTES.behind),
    `${fine.table} WHERE ${IN_RANGE} AND (time < ${MINUTES.first} OR ` +
      `time >= greatest(${MINUTES.first}, ${MINUTES.behind}))`,
  ];
  return `(${tables.map((each) => `SELECT * FROM ${each}`).join(' UNION ALL ')})`;
}

/**
 * Points of a panel over time. Grafana would ask for one a pixel: each costs a quantile for every
 * line, and nobody tells 1,000 of them apart.
 */
export const POINTS_MAX = 300;

const STEP_SECONDS =
  `multiIf(${IS_FINE}, ${FINE.stepSeconds}, ${IS_MINUTE}, ${MINUTE.stepSeconds}, ` +
  `${HOUR.stepSeconds})`;

const POINT_STEPS = `intDiv($__interval_s + ${STEP_SECONDS} - 1, ${STEP_SECONDS})`;
/**
 * Seconds of one point: Grafana's interval in whole rows of the rollup. Points of 15 s over rows
 * of 10 s would hold one row and two in turn.
 */
export const POINT_SECONDS = `(${POINT_STEPS} * ${STEP_SECONDS})`;

/**
 * Start of the point that a row of a rollup belongs to; not called `time`, which in a condition
 * would then mean the point and no longer the row.
 */
export const POINT = `toStartOfInterval(time, toIntervalSecond(${POINT_SECONDS})) AS point`;

/** Rows of a rollup in the range of the board. */
export const IN_RANGE = '$__timeFilter(time)';

export const REQUESTS = 'sum(requests)';
export const REQUESTS_PER_SECOND = `sum(requests) / ${RANGE_SECONDS}`;
export const ERROR_RATE = 'if(sum(requests) = 0, 0, sum(errors) / sum(requests))';

/** Share of the requests for which this holds; 0 where there are none. */
export function shareIf(condition: string): string {
  return `if(sum(requests) = 0, 0, sumIf(requests, ${condition}) / sum(requests))`;
}

/** Values of a variable as a list of SQL strings. */
export function values(variable: string): string {
  return `\${${variable}:singlequote}`;
}

/** Holds for the values chosen in a variable, and for every row when all are. */
export function chosen(column: string, variable: string): string {
  return `$__conditionalAll(${column} IN (${values(variable)}), $${variable})`;
}

/** A name for what has none. */
export function named(column: string, otherwise: string): string {
  return `if(${column} = '', '${otherwise}', ${column})`;
}

export const REVISION = "concat(toString(log_epoch), '-', toString(revision))";

/** Colours of health, on the graph and in tables. */
export const STATE_COLORS: Readonly<Record<HealthState, string>> = {
  failing: 'red',
  degraded: 'orange',
  no_data: 'purple',
  no_traffic: 'gray',
  healthy: 'green',
};

/** One line from several. */
export function sql(...lines: string[]): string {
  return lines.join('\n');
}
