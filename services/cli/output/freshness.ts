import type { Freshness } from '#contracts/api/analytics.ts';
import { ageOf, count } from './format.ts';

/** What an answer of analytics rests on: its range, its newest row, and what is missing. */
export function freshnessText(
  range: { from: string; to: string },
  freshness: Freshness,
  nowMs: number,
): string {
  const newest =
    freshness.newest === undefined
      ? 'no requests were stored yet'
      : `newest row ${ageOf(freshness.newest, nowMs)} old`;
  const missing =
    freshness.blocksMissing === 0 ? '' : `; ${count(freshness.blocksMissing, 'block')} missing`;
  return `${range.from} to ${range.to}; ${newest}${missing}`;
}
