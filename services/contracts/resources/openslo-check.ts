/** What the schema of an SLO cannot say: relations between its fields. */
import { CALENDAR_WINDOW, WINDOW, parseWindowMs } from '../duration.ts';
import { ROLLUP_STEP_MS } from '../metrics.ts';
import type { ResourceProblem } from '../problems.ts';
import type { SLO } from './openslo.ts';

type Finding = Omit<ResourceProblem, 'resource'>;
type Selector = {
  service?: string;
  route?: string;
  consumer?: string;
  source?: string;
  destination?: string;
};

const INDICATOR = 'spec.indicator.spec';
const METRICS = `${INDICATOR}.ratioMetric`;

/** Every way in which an SLO that has the right form cannot be evaluated. */
export function checkSlo(slo: SLO): Finding[] {
  const slice = sliceOf(slo);
  return [
    ...checkIndicator(slo),
    ...checkTimeWindow(slo),
    ...slice.findings,
    ...checkPolicies(slo, slice.ms ?? ROLLUP_STEP_MS),
  ];
}

function checkIndicator({ spec }: SLO): Finding[] {
  const { ratioMetric, thresholdMetric } = spec.indicator.spec;
  if ((ratioMetric === undefined) === (thresholdMetric === undefined)) {
    const message = 'an indicator is either a ratioMetric or a thresholdMetric';
    return [{ path: INDICATOR, reason: 'invalid_value', message }];
  }
  const findings = checkThreshold(spec.objectives, thresholdMetric !== undefined);
  if (ratioMetric !== undefined) {
    const { good, total } = ratioMetric;
    findings.push(
      ...checkSelector(total.metricSource.spec, `${METRICS}.total.metricSource.spec`),
      ...checkSame(good.metricSource.spec, total.metricSource.spec),
    );
  }
  if (thresholdMetric !== undefined) {
    const path = `${INDICATOR}.thresholdMetric.metricSource.spec`;
    findings.push(...checkSelector(thresholdMetric.metricSource.spec, path));
  }
  return findings;
}

function checkThreshold(objectives: SLO['spec']['objectives'], isNeeded: boolean): Finding[] {
  return objectives.flatMap((objective, index) =>
    (['op', 'value'] as const).flatMap((field): Finding[] => {
      if ((objective[field] !== undefined) === isNeeded) return [];
      const path = `spec.objectives[${index}].${field}`;
      const message = isNeeded
        ? 'a thresholdMetric needs op and value: how long a good request takes, in milliseconds'
        : 'only a thresholdMetric has a threshold';
      return [{ path, reason: isNeeded ? 'missing_field' : 'invalid_value', message }];
    }),
  );
}

function checkSelector(selector: Selector, path: string): Finding[] {
  const { service, route, consumer, source, destination } = selector;
  const edge = source !== undefined || destination !== undefined;
  const ones = [service, route, consumer].map((each) => each !== undefined);
  const chosen = [...ones, edge].filter(Boolean).length;
  if (chosen === 1 && (!edge || (source !== undefined && destination !== undefined))) return [];
  return [
    {
      path,
      reason: 'invalid_value',
      message:
        'requests are selected by exactly one of service, route, consumer, or source with ' +
        'destination',
    },
  ];
}

function checkSame(good: Selector, total: Selector): Finding[] {
  const fields = ['service', 'route', 'consumer', 'source', 'destination'] as const;
  const differing = fields.filter((field) => good[field] !== total[field]);
  return differing.map((field) => ({
    path: `${METRICS}.good.metricSource.spec.${field}`,
    reason: 'invalid_value',
    message: 'good selects the same requests as total, narrowed by statusClasses only',
  }));
}

function checkTimeWindow({ spec }: SLO): Finding[] {
  return spec.timeWindow.flatMap(({ calendar, duration, isRolling }, index): Finding[] => {
    const at = `spec.timeWindow[${index}]`;
    const wrong = (field: string, message: string): Finding[] => [
      { path: `${at}.${field}`, reason: 'invalid_value', message },
    ];
    if (isRolling) {
      if (calendar !== undefined) return wrong('calendar', 'a rolling window has no calendar');
      if (RegExp(WINDOW).test(duration)) return [];
      return wrong('duration', 'a rolling window is so many s, m, h, d or w long');
    }
    if (calendar === undefined) {
      const message = 'a window that does not roll needs a calendar: its startTime and timeZone';
      return [{ path: `${at}.calendar`, reason: 'missing_field', message }];
    }
    if (!RegExp(CALENDAR_WINDOW).test(duration)) {
      return wrong('duration', 'a window of a calendar is so many h, d, w, M, Q or Y long');
    }
    const { startTime, timeZone } = calendar;
    if (!works(() => Temporal.PlainDateTime.from(startTime, { overflow: 'reject' }))) {
      return wrong('calendar.startTime', `there is no time ${startTime}`);
    }
    if (works(() => Temporal.PlainDateTime.from(startTime).toZonedDateTime(timeZone))) return [];
    return wrong('calendar.timeZone', `there is no time zone ${timeZone}`);
  });
}

function works(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

/** How long a slice of time is, if it is used, and what is wrong with how it is described. */
function sliceOf({ spec }: SLO): { ms?: number; findings: Finding[] } {
  const { budgetingMethod: method } = spec;
  const needed = {
    timeSliceTarget: method === 'Timeslices',
    timeSliceWindow: method !== 'Occurrences',
  };
  const findings = spec.objectives.flatMap((objective, index) =>
    (['timeSliceTarget', 'timeSliceWindow'] as const).flatMap((field): Finding[] => {
      const isNeeded = needed[field];
      if ((objective[field] !== undefined) === isNeeded) return [];
      const path = `spec.objectives[${index}].${field}`;
      const message = `the budgeting method ${method} ${isNeeded ? 'needs' : 'has no'} ${field}`;
      return [{ path, reason: isNeeded ? 'missing_field' : 'invalid_value', message }];
    }),
  );
  const text = spec.objectives[0]?.timeSliceWindow;
  if (findings.length > 0 || text === undefined) return { findings };
  const ms = sliceWindowMs(text);
  if (ms % MINUTE_MS === 0 && ms <= DAY_MS) return { ms, findings };
  const message = 'a slice of time is a number of whole minutes, and at most a day';
  const path = 'spec.objectives[0].timeSliceWindow';
  return { findings: [{ path, reason: 'invalid_value', message }] };
}

/** A number is one of minutes (OpenSLO v1, objectives). */
export function sliceWindowMs(window: number | string): number {
  return typeof window === 'number' ? window * MINUTE_MS : parseWindowMs(window);
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** The shortest window of the policies of an SLO that names none. */
const DEFAULT_LOOKBACK_MS = 5 * MINUTE_MS;

function checkPolicies(slo: SLO, stepMs: number): Finding[] {
  const findings: Finding[] = [];
  if (slo.spec.alertPolicies === undefined && DEFAULT_LOOKBACK_MS % stepMs !== 0) {
    findings.push({
      path: 'spec.alertPolicies',
      reason: 'missing_field',
      message: `by default alerts look back 5m, which is no multiple of ${stepMs / 1_000}s`,
    });
  }
  const names = new Set<string>();
  (slo.spec.alertPolicies ?? []).forEach((policy, index) => {
    const path = `spec.alertPolicies[${index}]`;
    const name = policy.metadata.name;
    if (names.has(name)) {
      findings.push({
        path: `${path}.metadata.name`,
        reason: 'duplicate',
        message: `another policy of this SLO is called ${name}`,
      });
    }
    names.add(name);
    const conditions = policy.spec.conditions;
    conditions.forEach((condition, number) => {
      const at = `${path}.spec.conditions[${number}].spec`;
      findings.push(...checkWindow(condition.spec.condition.lookbackWindow, at, stepMs));
      if (condition.spec.severity !== conditions[0]?.spec.severity) {
        findings.push({
          path: `${at}.severity`,
          reason: 'invalid_value',
          message: 'the conditions of one policy make one alert: they have the same severity',
        });
      }
    });
  });
  return findings;
}

function checkWindow(text: string, at: string, stepMs: number): Finding[] {
  const windowMs = parseWindowMs(text);
  if (windowMs >= stepMs && windowMs % stepMs === 0) return [];
  const what = stepMs === ROLLUP_STEP_MS ? 'the step of the data' : 'the slice of time';
  return [
    {
      path: `${at}.condition.lookbackWindow`,
      reason: 'invalid_value',
      message: `${text} is no multiple of ${stepMs / 1_000}s, ${what}`,
    },
  ];
}
