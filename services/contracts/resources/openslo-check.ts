/** What the schema of an SLO cannot say: relations between its fields. */
import { parseWindowMs } from '../duration.ts';
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
  return [...checkIndicator(slo), ...checkPolicies(slo)];
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

function checkPolicies(slo: SLO): Finding[] {
  const findings: Finding[] = [];
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
      findings.push(...checkWindow(condition.spec.condition.lookbackWindow, at));
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

function checkWindow(text: string, at: string): Finding[] {
  const windowMs = parseWindowMs(text);
  if (windowMs >= ROLLUP_STEP_MS && windowMs % ROLLUP_STEP_MS === 0) return [];
  return [
    {
      path: `${at}.condition.lookbackWindow`,
      reason: 'invalid_value',
      message: `${text} is no multiple of ${ROLLUP_STEP_MS / 1_000}s, the step of the data`,
    },
  ];
}
