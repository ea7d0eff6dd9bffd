/**
 * Durations as Gateway API writes them (GEP-2257): one to four numbers of up to five digits, each
 * with a unit of h, m, s or ms, such as `1h30m`, `10s`, `250ms`. OpenSLO windows (`30d`, `4w`) are
 * read by `parseWindowMs`.
 */
export const DURATION = '^([0-9]{1,5}(h|m|s|ms)){1,4}$';
export const WINDOW = '^[1-9][0-9]{0,4}(s|m|h|d|w)$';
/** OpenSLO's windows of the calendar: `M` is a month, `Q` a quarter. */
export const CALENDAR_WINDOW = '^[1-9][0-9]{0,2}(h|d|w|M|Q|Y)$';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds of a duration that its schema has already accepted; NaN for anything else. */
export function parseDurationMs(text: string): number {
  let totalMs = 0;
  let read = 0;
  for (const part of text.matchAll(/([0-9]{1,5})(ms|h|m|s)/g)) {
    if (part.index !== read) return Number.NaN;
    totalMs += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? Number.NaN);
    read = part.index + part[0].length;
  }
  return read === text.length && read > 0 ? totalMs : Number.NaN;
}

/** Milliseconds of an OpenSLO window (one number, one unit); NaN for anything else. */
export function parseWindowMs(text: string): number {
  const part = /^([1-9][0-9]{0,4})(s|m|h|d|w)$/.exec(text);
  return part === null ? Number.NaN : Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? Number.NaN);
}
