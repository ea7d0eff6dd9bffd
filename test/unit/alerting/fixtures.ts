import type { SLO } from '#contracts/resources/index.ts';
import { readResource } from '#contracts/resources/read.ts';
import type { Reading } from '../../../services/alerting/decision.ts';

export interface SloSettings {
  name?: string;
  target?: number;
  timeWindow?: string;
  /** Makes the window one of the calendar. */
  calendar?: { startTime: string; timeZone: string };
  slices?: { timeSliceTarget?: number; timeSliceWindow?: string | number };
  selector?: Record<string, string>;
  goodClasses?: string[];
  method?: string;
  /** Instead of a ratio: good are requests that are no slower than so many milliseconds. */
  threshold?: { op?: string; value?: number; statusClasses?: string[] };
  /** Undefined: no `alertPolicies` at all. */
  policies?: object[] | undefined;
}

/** A policy that pages `oncall` at a burn rate, over one or two windows. */
export function policy(threshold: number, windows: readonly string[], extra: object = {}): object {
  return {
    kind: 'AlertPolicy',
    metadata: { name: 'burn' },
    spec: {
      conditions: windows.map((lookbackWindow, i) => ({
        kind: 'AlertCondition',
        metadata: { name: i === 0 ? 'long' : 'short' },
        spec: {
          severity: 'page',
          condition: { kind: 'burnrate', op: 'gte', threshold, lookbackWindow },
        },
      })),
      notificationTargets: [
        { kind: 'AlertNotificationTarget', metadata: { name: 'who' }, spec: { target: 'oncall' } },
      ],
      ...extra,
    },
  };
}

/** An SLO as its author writes it, not checked yet. */
export function sloDocument(settings: SloSettings = {}): object {
  const selector = settings.selector ?? { service: 'shop/payments' };
  const { threshold } = settings;
  const { statusClasses, ...limit } = threshold ?? {};
  const measured = statusClasses === undefined ? {} : { statusClasses };
  const source = (spec: object) => ({ metricSource: { type: 'Windrose', spec } });
  return {
    apiVersion: 'openslo/v1',
    kind: 'SLO',
    metadata: { name: settings.name ?? 'payments', namespace: 'shop' },
    spec: {
      service: 'payments',
      indicator: {
        metadata: { name: 'answers' },
        spec:
          threshold === undefined
            ? {
                ratioMetric: {
                  counter: true,
                  good: source({
                    ...selector,
                    statusClasses: settings.goodClasses ?? ['1xx', '2xx', '3xx', '4xx'],
                  }),
                  total: source(selector),
                },
              }
            : { thresholdMetric: source({ ...selector, ...measured }) },
      },
      timeWindow: [
        {
          ...{ duration: settings.timeWindow ?? '30d', isRolling: settings.calendar === undefined },
          ...(settings.calendar && { calendar: settings.calendar }),
        },
      ],
      budgetingMethod: settings.method ?? 'Occurrences',
      objectives: [
        {
          displayName: 'Payments answer',
          target: settings.target ?? 0.99,
          ...limit,
          ...settings.slices,
        },
      ],
      ...('policies' in settings
        ? settings.policies === undefined
          ? {}
          : { alertPolicies: settings.policies }
        : { alertPolicies: [policy(10, ['1m', '20s'])] }),
    },
  };
}

/** The same, checked as the config service checks it. */
export function slo(settings: SloSettings = {}): SLO {
  const result = readResource(sloDocument(settings), 'test');
  if (!result.ok || result.resource.kind !== 'SLO') throw new Error(JSON.stringify(result));
  return result.resource;
}

export function reading(windowMs: number, holds: boolean, total = 100): Reading {
  return {
    condition: { name: `${windowMs}`, op: 'gte', threshold: 10, windowMs },
    counts: { good: 0, total },
    rate: holds ? 100 : 0,
    holds,
  };
}
