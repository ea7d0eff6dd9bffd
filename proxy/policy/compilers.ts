import type { ResourceOf } from '#contracts/resources/index.ts';
import type { Report } from '../snapshot/report.ts';
import { compileApiKey } from './api-key/compile.ts';
import { compileFault } from './fault/compile.ts';
import type { PolicyConfig, PolicyKind } from './kinds.ts';
import { compileListener } from './listener/compile.ts';
import { compileRateLimit } from './rate-limit/compile.ts';
import { compileTelemetry } from './telemetry/compile.ts';
import { compileTraffic } from './traffic/compile.ts';

type PolicyCompilers = {
  [K in PolicyKind]: (policy: ResourceOf<K>, report: Report) => PolicyConfig | undefined;
};

/** Reads each kind of policy; undefined when it cannot act as written. */
const COMPILERS: PolicyCompilers = {
  AuthenticationPolicy: compileApiKey,
  RateLimitPolicy: compileRateLimit,
  TrafficPolicy: compileTraffic,
  FaultPolicy: compileFault,
  ListenerPolicy: compileListener,
  TelemetryPolicy: compileTelemetry,
};

export function compilePolicyConfig(
  policy: ResourceOf<PolicyKind>,
  report: Report,
): PolicyConfig | undefined {
  const compiler = COMPILERS[policy.kind] as (
    policy: ResourceOf<PolicyKind>,
    report: Report,
  ) => PolicyConfig | undefined;
  return compiler(policy, report);
}
