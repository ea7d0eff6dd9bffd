import { parseDurationMs, parseWindowMs } from '#contracts/duration.ts';
import { HttpProblem } from '#platform/http.ts';

/** Half open: from, inclusive, to `toMs`, exclusive; ms since 1970. */
export interface TimeRange {
  fromMs: number;
  toMs: number;
}

const DEFAULT_MS = 15 * 60_000;
const RFC3339 =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$/;

/** Reads `from` and `to` of a query: RFC 3339, `now`, or before now such as `-15m` or `-7d`. */
export function readRange(query: { from?: string; to?: string }, nowMs: number): TimeRange {
  const toMs = query.to === undefined ? nowMs : readTime('to', query.to, nowMs);
  const fromMs = query.from === undefined ? toMs - DEFAULT_MS : readTime('from', query.from, nowMs);
  if (fromMs >= toMs) {
    throw new HttpProblem(
      'invalid-request',
      `from (${iso(fromMs)}) is not before to (${iso(toMs)})`,
    );
  }
  return { fromMs, toMs };
}

/** One time of a query; throws a problem that says how to write it. */
export function readTime(name: string, text: string, nowMs: number): number {
  if (text === 'now') return nowMs;
  if (text.startsWith('-')) {
    const duration = text.slice(1);
    const beforeMs = parseDurationMs(duration);
    const ms = Number.isNaN(beforeMs) ? parseWindowMs(duration) : beforeMs;
    if (ms >= 0 && ms <= nowMs) return nowMs - ms;
  } else if (RFC3339.test(text)) {
    const ms = Date.parse(text);
    if (ms >= 0) return ms;
  }
  throw new HttpProblem(
    'invalid-request',
    `${name} ${text} is no time: write RFC 3339, such as 2027-01-01T00:00:00Z, ` +
      'or -15m for before now',
  );
}

/** Widened to whole steps of a rollup. */
export function alignTo(range: TimeRange, stepMs: number): TimeRange {
  return {
    fromMs: Math.floor(range.fromMs / stepMs) * stepMs,
    toMs: Math.ceil(range.toMs / stepMs) * stepMs,
  };
}

/** Seconds of the range that have passed: what rates are counted over. */
export function elapsedSeconds(range: TimeRange, nowMs: number): number {
  return Math.max(1, (Math.min(range.toMs, nowMs) - range.fromMs) / 1_000);
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
