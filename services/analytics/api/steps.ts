import type { Group } from '#contracts/api/analytics.ts';
import { ROLLUP_STEP_MS } from '#contracts/metrics.ts';
import { type TimeRange, alignTo } from './range.ts';
import { type Filters, type Source, chooseSource } from './source.ts';

/** Points of an answer when no step is asked for: about this many. */
const POINTS = 90;
/** Steps that people read easily, in seconds. */
const STEPS = [10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 86_400];

/** Into which steps an answer is cut, and where it is read from. */
export function stepsOf(
  asked: TimeRange,
  query: Filters & { by?: Group; step?: number },
  nowMs: number,
): { source: Source; stepMs: number; range: TimeRange } {
  const wantedMs = query.step === undefined ? defaultStepMs(asked) : query.step * 1_000;
  const fineMs = Math.ceil(wantedMs / ROLLUP_STEP_MS) * ROLLUP_STEP_MS;
  const { by } = query;
  const source = chooseSource({ by, filters: query, range: asked, nowMs, stepMs: fineMs });
  const stepMs = Math.ceil(fineMs / source.stepMs) * source.stepMs;
  return { source, stepMs, range: alignTo(asked, stepMs) };
}

function defaultStepMs(range: TimeRange): number {
  const wantedSeconds = (range.toMs - range.fromMs) / 1_000 / POINTS;
  return (STEPS.find((step) => step >= wantedSeconds) ?? 86_400) * 1_000;
}
