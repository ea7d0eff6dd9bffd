import { DEFAULT_NAMESPACE, keyOf } from '#contracts/names.ts';
import type { FaultPolicy } from '#contracts/resources/index.ts';
import type { Report } from '../../snapshot/report.ts';
import type { PolicyConfig } from '../kinds.ts';

/** Undefined when it cannot be run as written: then there is no fault. */
export function compileFault(policy: FaultPolicy, report: Report): PolicyConfig | undefined {
  const { name, namespace = DEFAULT_NAMESPACE } = policy.metadata;
  const { expires, abort, delay } = policy.spec;
  const expiresMs = Date.parse(expires);
  if (Number.isNaN(expiresMs)) {
    report.add('spec.expires', 'invalid_value', `${expires} is no point in time`);
  }
  if (abort === undefined && delay === undefined) {
    report.add('spec', 'missing_field', 'a fault needs abort, delay or both');
  }
  const delayMs = delay === undefined ? 0 : report.durationMs('spec.delay.fixed', delay.fixed);
  if (report.problems.length > 0 || delayMs === undefined) return undefined;
  return Object.freeze({
    kind: 'FaultPolicy',
    fault: Object.freeze({
      policy: keyOf({ kind: policy.kind, namespace, name }),
      expiresMs,
      abort:
        abort === undefined
          ? undefined
          : Object.freeze({ share: abort.percent / 100, status: abort.status }),
      delay:
        delay === undefined ? undefined : Object.freeze({ share: delay.percent / 100, delayMs }),
    }),
  });
}
