/** An SLO resource as the evaluation needs it: windows in milliseconds, defaults filled in. */
import { parseWindowMs } from '#contracts/duration.ts';
import { DEFAULT_NAMESPACE } from '#contracts/names.ts';
import type { SLO } from '#contracts/resources/index.ts';
import { sliceWindowMs } from '#contracts/resources/openslo-check.ts';
import type { BudgetWindow, CalendarUnit } from './budget-window.ts';

/** Which requests an objective is about; always the caller's side (SEMANTICS: what counts). */
export type Selector =
  | { by: 'service'; service: string }
  | { by: 'route'; route: string }
  | { by: 'consumer'; consumer: string }
  | { by: 'edge'; source: string; destination: string };

/** Which of them are good. */
export type Good =
  | { by: 'class'; classes: readonly string[] }
  /** Counted are those of certain status classes; `of` undefined: all. */
  | { by: 'duration'; atMostUs: number; of?: readonly string[] };

/** Slices follow one another from 1970 on; those without a request are not counted. */
export interface Slices {
  lengthMs: number;
  /** Share of good requests that makes a slice good; undefined: a slice counts by its share. */
  goodFrom?: number;
}

export interface Condition {
  name: string;
  op: 'gt' | 'gte';
  /** Burn rate: 1 uses up exactly the budget over the objective's own window. */
  threshold: number;
  windowMs: number;
}

/** Fires when all its conditions hold. */
export interface Policy {
  name: string;
  severity: string;
  conditions: readonly Condition[];
  /** Names of webhooks; `undefined` means every webhook that the bootstrap names. */
  targets: readonly string[] | undefined;
  whenBreaching: boolean;
  whenResolved: boolean;
}

export interface Objective {
  /** `namespace/name`. */
  slo: string;
  service: string;
  displayName: string;
  /** Share of good requests that is promised, above 0 and below 1. */
  target: number;
  window: BudgetWindow;
  selector: Selector;
  good: Good;
  /** What is counted are slices of time, not requests; undefined: requests. */
  slices?: Slices;
  policies: readonly Policy[];
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/**
 * What an SLO without `alertPolicies` gets: the multi-window, multi-burn-rate pairs of Google's SRE
 * Workbook (chapter 5). 14.4 for an hour uses 2 % of a 30-day budget, 6 for six hours 5 %.
 */
export const DEFAULT_POLICIES: readonly Policy[] = [
  pair('fast-burn', 'page', 14.4, HOUR_MS, 5 * MINUTE_MS),
  pair('slow-burn', 'ticket', 6, 6 * HOUR_MS, 30 * MINUTE_MS),
];

function pair(
  name: string,
  severity: string,
  threshold: number,
  longMs: number,
  shortMs: number,
): Policy {
  return {
    name,
    severity,
    conditions: [
      { name: 'long', op: 'gte', threshold, windowMs: longMs },
      { name: 'short', op: 'gte', threshold, windowMs: shortMs },
    ],
    targets: undefined,
    whenBreaching: true,
    whenResolved: true,
  };
}

/** Reads an SLO that `readResource` has accepted; throws one sentence for any other. */
export function objectiveOf(slo: SLO): Objective {
  const { metadata, spec } = slo;
  const objective = spec.objectives[0];
  const timeWindow = spec.timeWindow[0];
  const name = sloName(slo);
  if (objective === undefined || timeWindow === undefined) {
    throw new Error(`SLO ${name} has no objective or no time window`);
  }
  return {
    slo: name,
    service: spec.service,
    displayName: objective.displayName ?? metadata.displayName ?? metadata.name,
    target: objective.target,
    window: windowOf(timeWindow),
    ...indicatorOf(slo, name),
    ...slicesOf(objective),
    policies: spec.alertPolicies === undefined ? DEFAULT_POLICIES : policiesOf(slo),
  };
}

export function sloName(slo: SLO): string {
  return `${slo.metadata.namespace ?? DEFAULT_NAMESPACE}/${slo.metadata.name}`;
}

function windowOf({ calendar, duration }: SLO['spec']['timeWindow'][number]): BudgetWindow {
  if (calendar === undefined) return { by: 'rolling', lengthMs: parseWindowMs(duration) };
  const unit = duration.slice(-1) as CalendarUnit;
  return { by: 'calendar', count: Number.parseInt(duration, 10), unit, ...calendar };
}

function slicesOf({
  timeSliceTarget: goodFrom,
  timeSliceWindow: window,
}: SLO['spec']['objectives'][number]): Pick<Objective, 'slices'> {
  if (window === undefined) return {};
  const lengthMs = sliceWindowMs(window);
  return { slices: { lengthMs, ...(goodFrom === undefined ? {} : { goodFrom }) } };
}

function indicatorOf({ spec }: SLO, name: string): Pick<Objective, 'selector' | 'good'> {
  const { ratioMetric, thresholdMetric } = spec.indicator.spec;
  if (ratioMetric !== undefined) {
    const { good, total } = ratioMetric;
    return {
      selector: selectorOf(total.metricSource.spec, name),
      good: { by: 'class', classes: [...good.metricSource.spec.statusClasses] },
    };
  }
  const value = spec.objectives[0]?.value;
  if (thresholdMetric === undefined || value === undefined) {
    throw new Error(`SLO ${name} does not say what is good`);
  }
  const { statusClasses: of, ...selected } = thresholdMetric.metricSource.spec;
  return {
    selector: selectorOf(selected, name),
    // The data is in buckets of 2 %: that it is "below" or "at most" cannot be told apart.
    good: { by: 'duration', atMostUs: value * 1_000, ...(of === undefined ? {} : { of }) },
  };
}

function selectorOf(
  spec: {
    service?: string;
    route?: string;
    consumer?: string;
    source?: string;
    destination?: string;
  },
  name: string,
): Selector {
  const { service, route, consumer, source, destination } = spec;
  if (service !== undefined) return { by: 'service', service };
  if (route !== undefined) return { by: 'route', route };
  if (consumer !== undefined) return { by: 'consumer', consumer };
  if (source !== undefined && destination !== undefined) return { by: 'edge', source, destination };
  throw new Error(`SLO ${name} selects no requests`);
}

function policiesOf(slo: SLO): Policy[] {
  return (slo.spec.alertPolicies ?? []).map(({ metadata, spec }) => ({
    name: metadata.name,
    severity: spec.conditions[0]?.spec.severity ?? 'page',
    conditions: spec.conditions.map((condition) => ({
      name: condition.metadata.name,
      op: condition.spec.condition.op,
      threshold: condition.spec.condition.threshold,
      windowMs: parseWindowMs(condition.spec.condition.lookbackWindow),
    })),
    targets: spec.notificationTargets.map((target) => target.spec.target),
    whenBreaching: spec.alertWhenBreaching ?? true,
    whenResolved: spec.alertWhenResolved ?? true,
  }));
}

/** What cannot be notified as written, one sentence each. */
export function unknownTargets(objective: Objective, webhooks: ReadonlySet<string>): string[] {
  const problems = objective.policies.flatMap(({ name, targets }) =>
    (targets ?? [])
      .filter((target) => !webhooks.has(target))
      .map((target) => `policy ${name} notifies ${target}, but no --webhook has that name`),
  );
  return [...new Set(problems)];
}
