/** What was left of an error budget, over time. */
import type { BudgetHistory } from '#contracts/api/alerting.ts';
import type { Period } from './backtest.ts';
import { windowAt } from './budget-window.ts';
import { budgetLeft, goodRatio } from './burn-rate.ts';
import type { Objective } from './objective.ts';
import { MINUTE_MS, type Query } from './rollup.ts';
import { readTimeline } from './timeline.ts';

/** Each point is of the window that was under way then; the last one ends with the period. */
export async function budgetHistory(
  query: Query,
  objective: Objective,
  { points, ...period }: Period & { points: number },
): Promise<BudgetHistory> {
  const { fromMs, untilMs } = period;
  const minuteOf = (ms: number): number => Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  const firstMs = minuteOf(windowAt(objective.window, fromMs).startMs);
  const { between } = await readTimeline(query, objective, { ...period, firstMs });
  const stepMs = (untilMs - fromMs) / points;
  const timesMs = Array.from({ length: points }, (_, i) => minuteOf(fromMs + (i + 1) * stepMs));
  return {
    slo: objective.slo,
    target: objective.target,
    items: [...new Set(timesMs)].map((timeMs) => {
      const { good, total } = between(windowAt(objective.window, timeMs).startMs, timeMs);
      const ratio = goodRatio({ good, total });
      return {
        time: new Date(timeMs).toISOString(),
        ...{ good, total },
        ...(ratio === undefined ? {} : { ratio }),
        budgetLeft: budgetLeft({ good, total }, objective.target),
      };
    }),
  };
}
