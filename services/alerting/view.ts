/** What the API shows of an objective, and what a notification says of it. Pure. */
import type { Alert, AlertNotification, SloStatus } from '#contracts/api/alerting.ts';
import type { Span } from './budget-window.ts';
import { type Counts, budgetLeft, exhaustedInMs, goodRatio } from './burn-rate.ts';
import type { Reading } from './decision.ts';
import type { Objective, Policy } from './objective.ts';
import { type StoredAlert, publicAlert } from './state.ts';

export function burnRatesOf(policy: Policy, readings: readonly Reading[]): SloStatus['burnRates'] {
  return readings.map((reading) => ({
    policy: policy.name,
    condition: reading.condition.name,
    windowMs: reading.condition.windowMs,
    rate: reading.rate,
    threshold: reading.condition.threshold,
  }));
}

export interface StatusInput {
  objective: Objective;
  counts: Counts;
  burnRates: SloStatus['burnRates'];
  evaluatedAt: string;
  /** Of the budget, when the numbers end. */
  span: Span;
  untilMs: number;
  dataUntil: string | undefined;
  problems: readonly string[];
}

export function statusOf(input: StatusInput): Omit<SloStatus, 'state'> {
  const { counts, objective, span, untilMs } = input;
  const isRolling = objective.window.by === 'rolling';
  const ratio = goodRatio(counts);
  const left = budgetLeft(counts, objective.target);
  const [slowest] = [...input.burnRates].sort((a, b) => b.windowMs - a.windowMs);
  const endsInMs = exhaustedInMs(left, slowest?.rate ?? 0, { ...span, isRolling, nowMs: untilMs });
  return {
    slo: objective.slo,
    service: objective.service,
    displayName: objective.displayName,
    target: objective.target,
    windowMs: span.endMs - span.startMs,
    ...(isRolling ? {} : { windowEndsAt: new Date(span.endMs).toISOString() }),
    good: counts.good,
    total: counts.total,
    ...(ratio === undefined ? {} : { ratio }),
    budgetLeft: left,
    ...(endsInMs === undefined ? {} : { exhaustedInMs: endsInMs }),
    burnRates: input.burnRates,
    evaluatedAt: input.evaluatedAt,
    ...(input.dataUntil === undefined ? {} : { dataUntil: input.dataUntil }),
    ...(input.problems.length === 0 ? {} : { problems: [...input.problems] }),
  };
}

export function notificationOf(
  mesh: string,
  alert: StoredAlert,
  burnRates: SloStatus['burnRates'],
): AlertNotification {
  return {
    version: 1,
    mesh,
    notificationId: `${alert.id}-${alert.state}`,
    alert: publicAlert(alert),
    objective: alert.objective,
    burnRates,
  };
}

/** One sentence for whoever is woken by it. */
export function firingSummary(objective: Objective, readings: readonly Reading[]): string {
  const rates = readings.map(
    ({ rate, condition }) =>
      `${figure(rate)} times as fast as allowed over ${windowText(condition.windowMs)} ` +
      `(threshold ${figure(condition.threshold)})`,
  );
  return `${titleOf(objective)} burns its error budget ${rates.join(' and ')}`;
}

export function resolvedSummary(objective: Objective, readings: readonly Reading[]): string {
  const shortest = [...readings].sort((a, b) => a.condition.windowMs - b.condition.windowMs)[0];
  if (shortest === undefined) return `${titleOf(objective)} has recovered`;
  const burns =
    shortest.rate === 0
      ? 'none of its error budget burned'
      : `it burns its error budget ${figure(shortest.rate)} times as fast as allowed`;
  const window = windowText(shortest.condition.windowMs);
  return `${titleOf(objective)} has recovered: ${burns} over ${window}`;
}

function titleOf({ displayName, service, target }: Objective): string {
  return `${service}: "${displayName}" (${percent(target)})`;
}

export const REMOVED_SUMMARY = 'ended with its objective or alert policy, which was removed';

/** Firing first, then the newest. */
export function alertList(alerts: readonly StoredAlert[]): Alert[] {
  const order = (alert: StoredAlert): number => (alert.state === 'firing' ? 0 : 1);
  return [...alerts]
    .sort((a, b) => order(a) - order(b) || b.startedAt.localeCompare(a.startedAt))
    .map(publicAlert);
}

function figure(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(6))} %`;
}

function windowText(windowMs: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
  ] as const;
  const unit = units.find(([, unitMs]) => windowMs >= unitMs && windowMs % unitMs === 0);
  return unit === undefined ? `${windowMs / 1_000}s` : `${windowMs / unit[1]}${unit[0]}`;
}
