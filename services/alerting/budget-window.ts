/** The window that an error budget is for. Pure. */

/** Units as OpenSLO writes them: `M` a month, `Q` a quarter. */
const UNITS = {
  h: { hours: 1 },
  d: { days: 1 },
  w: { weeks: 1 },
  M: { months: 1 },
  Q: { months: 3 },
  Y: { years: 1 },
} as const;
/** Never longer than a window of the unit, so that a first guess is never too late. */
const LEAST_MS = {
  h: 3_600_000,
  d: 23 * 3_600_000,
  w: 167 * 3_600_000,
  M: 27 * 86_400_000,
  Q: 88 * 86_400_000,
  Y: 364 * 86_400_000,
} as const satisfies Record<CalendarUnit, number>;

export type CalendarUnit = keyof typeof UNITS;

export type BudgetWindow =
  | { by: 'rolling'; lengthMs: number }
  /** One follows the other; each begins with a budget that is whole. */
  | {
      by: 'calendar';
      count: number;
      unit: CalendarUnit;
      /** Of the first window, as a clock in that time zone shows it: `2026-01-01 00:00:00`. */
      startTime: string;
      /** IANA name, such as `Europe/Berlin`. */
      timeZone: string;
    };

export interface Span {
  startMs: number;
  /** Of a rolling window now, of one of the calendar its end, which lies ahead. */
  endMs: number;
}

/** The window that is under way at a moment, ms since 1970. */
export function windowAt(window: BudgetWindow, nowMs: number): Span {
  if (window.by === 'rolling') return { startMs: nowMs - window.lengthMs, endMs: nowMs };
  const { count, startTime, timeZone, unit } = window;
  const first = Temporal.PlainDateTime.from(startTime).toZonedDateTime(timeZone);
  // Always from the first one: a month after 31 January has a last day of its own.
  const startOf = (index: number): number =>
    first.add(times(UNITS[unit], index * count)).epochMilliseconds;
  let index = Math.floor((nowMs - first.epochMilliseconds) / (LEAST_MS[unit] * count));
  while (startOf(index) > nowMs) index--;
  while (startOf(index + 1) <= nowMs) index++;
  return { startMs: startOf(index), endMs: startOf(index + 1) };
}

function times(duration: Readonly<Record<string, number>>, factor: number): Temporal.DurationLike {
  return Object.fromEntries(Object.entries(duration).map(([unit, n]) => [unit, n * factor]));
}
