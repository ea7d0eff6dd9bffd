/** When an objective would have fired, by what was stored. */
import type { SloTest, SloTestAlert } from '#contracts/api/alerting.ts';
import { budgetLeft, goodRatio } from './burn-rate.ts';
import { decide, readPolicy } from './decision.ts';
import type { Objective, Policy } from './objective.ts';
import { MINUTE_MS, type Query } from './rollup.ts';
import { type Timeline, readTimeline } from './timeline.ts';

export interface Period {
  /** Both on whole minutes, ms since 1970. */
  fromMs: number;
  untilMs: number;
  /** Rows of the 10 s rollup are kept since then. */
  fineSinceMs: number;
}

/**
 * Plays a period step by step through the rules that alerts are made by: every 10 s where the rows
 * for that are still kept, else every minute, with windows rounded up to whole minutes.
 */
export async function backtest(
  query: Query,
  objective: Objective,
  { fineSinceMs, fromMs, untilMs }: Period,
): Promise<SloTest> {
  const { policies, slo, target } = objective;
  const windowsMs = policies.flatMap(({ conditions }) => conditions.map((each) => each.windowMs));
  const longestMs = Math.ceil(Math.max(0, ...windowsMs) / MINUTE_MS) * MINUTE_MS;
  const firstMs = fromMs - longestMs;
  const { between, stepMs } = await readTimeline(query, objective, {
    ...{ firstMs, untilMs, fineSinceMs },
  });
  const alerts = policies.flatMap((policy) => {
    return alertsOf(policy, target, { fromMs, untilMs, stepMs, between });
  });
  const { good, total } = between(fromMs, untilMs);
  const counts = { good, total };
  const ratio = goodRatio(counts);
  return {
    slo,
    from: timeText(fromMs),
    until: timeText(untilMs),
    stepMs,
    ...counts,
    ...(ratio === undefined ? {} : { ratio }),
    budgetLeft: budgetLeft(counts, target),
    alerts: alerts.sort((a, b) => a.startedAt.localeCompare(b.startedAt)),
  };
}

interface Play {
  fromMs: number;
  untilMs: number;
  stepMs: number;
  between: Timeline['between'];
}

function alertsOf(
  policy: Policy,
  target: number,
  { between, fromMs, stepMs, untilMs }: Play,
): SloTestAlert[] {
  const alerts: SloTestAlert[] = [];
  let firing: SloTestAlert | undefined;
  for (let nowMs = fromMs + stepMs; nowMs <= untilMs; nowMs += stepMs) {
    const readings = readPolicy(policy, target, (windowMs) =>
      between(nowMs - Math.ceil(windowMs / stepMs) * stepMs, nowMs),
    );
    const rate = Math.max(...readings.map((reading) => reading.rate));
    const decision = decide(firing !== undefined, readings);
    if (decision === 'fire') {
      const { name, severity } = policy;
      firing = { policy: name, severity, startedAt: timeText(nowMs), highestRate: rate };
      alerts.push(firing);
    } else if (firing !== undefined) {
      firing.highestRate = Math.max(firing.highestRate, rate);
      if (decision === 'resolve') {
        firing.resolvedAt = timeText(nowMs);
        firing = undefined;
      }
    }
  }
  return alerts;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
