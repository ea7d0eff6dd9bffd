/** Error budgets and how fast they burn. Pure. */
import type { Span } from './budget-window.ts';

export interface Counts {
  good: number;
  total: number;
  /** Where slices of time are counted: the requests in them. */
  requests?: number;
}

/**
 * Error ratio ÷ error budget: 1 uses up exactly the budget over the objective's window, 0 when
 * there was no request. Rounded to nine decimals: `1 - 0.999` is a little more than 0.001, and a
 * burn rate of exactly 14.4 has to reach a threshold of 14.4.
 */
export function burnRate(counts: Counts, target: number): number {
  if (counts.total === 0) return 0;
  return round((counts.total - counts.good) / (counts.total * (1 - target)));
}

/** Share of the budget that is left: 1 untouched, 0 used up, negative when overdrawn. */
export function budgetLeft(counts: Counts, target: number): number {
  return round(1 - burnRate(counts, target));
}

/**
 * How long the rest of a budget lasts at a burn rate, in ms: 0 when it is used up already,
 * undefined when it lasts. Of a rolling window nothing that burned is thought to leave it; a window
 * of the calendar is thought to have as much traffic to its end as it had, and ends.
 */
export function exhaustedInMs(
  left: number,
  rate: number,
  { isRolling, nowMs, startMs, endMs }: Span & { isRolling: boolean; nowMs: number },
): number | undefined {
  if (left <= 0 && rate > 0) return 0;
  if (isRolling) return rate > 0 ? Math.round((left * (endMs - startMs)) / rate) : undefined;
  if (rate <= 1) return undefined;
  const inMs = Math.round((left * (nowMs - startMs)) / (rate - 1));
  return nowMs + inMs < endMs ? inMs : undefined;
}

/** good ÷ total; undefined without requests. */
export function goodRatio(counts: Counts): number | undefined {
  return counts.total === 0 ? undefined : round(counts.good / counts.total);
}

function round(value: number): number {
  return Math.round(value * 1e9) / 1e9;
}
