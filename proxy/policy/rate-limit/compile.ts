import { DEFAULT_NAMESPACE, keyOf } from '#contracts/names.ts';
import type { RateLimitPolicy } from '#contracts/resources/index.ts';
import type { Report } from '../../snapshot/report.ts';
import type { PolicyConfig } from '../kinds.ts';
import type { LimitConfig } from './config.ts';

/** Undefined when a limit cannot be kept: its targets are then closed. */
export function compileRateLimit(
  policy: RateLimitPolicy,
  report: Report,
): PolicyConfig | undefined {
  const { name, namespace = DEFAULT_NAMESPACE } = policy.metadata;
  const key = keyOf({ kind: policy.kind, namespace, name });
  const names = new Set<string>();
  const limits: LimitConfig[] = [];
  policy.spec.limits.forEach((limit, index) => {
    const path = `spec.limits[${index}]`;
    if (names.has(limit.name)) {
      report.add(`${path}.name`, 'duplicate', `another limit here is called ${limit.name}`);
    }
    names.add(limit.name);
    const perMs = report.durationMs(`${path}.per`, limit.per);
    if (perMs === undefined) return;
    limits.push(
      Object.freeze({
        id: `${key}#${limit.name}`,
        policy: key,
        name: limit.name,
        key: Object.freeze([...new Set(limit.key ?? [])]),
        requests: limit.requests,
        perMs,
        burst: limit.burst ?? limit.requests,
      }),
    );
  });
  if (report.problems.length > 0) return undefined;
  return Object.freeze({ kind: 'RateLimitPolicy', limits: Object.freeze(limits) });
}

/** The same limits for one target: each target of a policy has a quota of its own. */
export function limitsOfTarget(limits: readonly LimitConfig[], target: string): LimitConfig[] {
  return limits.map((limit) => Object.freeze({ ...limit, id: `${limit.id}@${target}` }));
}
