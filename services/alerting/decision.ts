/** When an alert fires and when it resolves. Pure. */
import { REQUESTS_MIN } from '#contracts/health/rules.ts';
import { type Counts, burnRate } from './burn-rate.ts';
import type { Condition, Policy } from './objective.ts';

/**
 * With fewer requests than this in any of its windows a policy does not fire: one failure among
 * three requests is a burn rate in the hundreds and says nothing.
 */
export const REQUESTS_MIN_TO_FIRE = REQUESTS_MIN;

/** What was counted in the window of one condition. */
export interface Reading {
  condition: Condition;
  counts: Counts;
  rate: number;
  holds: boolean;
}

export const requestsOf = ({ requests, total }: Counts): number => requests ?? total;

export type Decision = 'fire' | 'resolve' | 'keep';

/** Reads each condition of a policy; `countsOf` answers the counts of a window. */
export function readPolicy(
  policy: Policy,
  target: number,
  countsOf: (windowMs: number) => Counts,
): Reading[] {
  return policy.conditions.map((condition) => {
    const counts = countsOf(condition.windowMs);
    const rate = burnRate(counts, target);
    const holds = condition.op === 'gte' ? rate >= condition.threshold : rate > condition.threshold;
    return { condition, counts, rate, holds };
  });
}

/** Whether it burns too fast now, if not for long, or with too few requests, to fire. */
export function isPending(readings: readonly Reading[]): boolean {
  const shortestMs = Math.min(...readings.map((reading) => reading.condition.windowMs));
  return readings.some(
    (reading) =>
      reading.condition.windowMs === shortestMs && reading.holds && reading.counts.total > 0,
  );
}

/**
 * Fires when every window holds: the long one shows that it matters, the short one that it still
 * goes on. Resolves when the shortest window holds no longer, however many requests it has: the
 * long one stays high for long after the trouble has ended. Between the two nothing changes.
 */
export function decide(firing: boolean, readings: readonly Reading[]): Decision {
  if (!firing) {
    const enough = readings.every(({ counts }) => requestsOf(counts) >= REQUESTS_MIN_TO_FIRE);
    return readings.length > 0 && enough && readings.every((reading) => reading.holds)
      ? 'fire'
      : 'keep';
  }
  const shortestMs = Math.min(...readings.map((reading) => reading.condition.windowMs));
  const over = readings.some(
    (reading) => reading.condition.windowMs === shortestMs && !reading.holds,
  );
  return over ? 'resolve' : 'keep';
}
