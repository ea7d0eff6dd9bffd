import type { ListenerSettings } from '../listener/settings.ts';
import type { CompiledTraffic } from '../upstream/settings.ts';
import type { ApiKeyConfig } from './api-key/config.ts';
import type { FaultConfig } from './fault/config.ts';
import type { LimitConfig } from './rate-limit/config.ts';
import type { RetryConfig } from './retry/config.ts';
import type { RecordRules } from './telemetry/config.ts';
import type { ServiceTimeouts } from './timeout/config.ts';

/** A TrafficPolicy: what it says nothing of has its default. */
export interface TrafficConfig extends CompiledTraffic {
  readonly circuitRequests: number;
  readonly timeouts: ServiceTimeouts;
  readonly retry: RetryConfig;
}

/** A ListenerPolicy, with the defaults of a Gateway's listener and of a sidecar's. */
export interface ListenerConfig {
  readonly kind: 'ListenerPolicy';
  readonly edge: ListenerSettings;
  readonly mesh: ListenerSettings;
}

/** Every kind of policy, compiled. */
export type PolicyConfig =
  | { readonly kind: 'AuthenticationPolicy'; readonly apiKey: ApiKeyConfig }
  | { readonly kind: 'RateLimitPolicy'; readonly limits: readonly LimitConfig[] }
  | { readonly kind: 'TrafficPolicy'; readonly traffic: TrafficConfig }
  | { readonly kind: 'FaultPolicy'; readonly fault: FaultConfig }
  | { readonly kind: 'TelemetryPolicy'; readonly records: RecordRules }
  | ListenerConfig;

export type PolicyKind = PolicyConfig['kind'];

/** These never weaken one another, and a target that lost one is closed, not open. */
export const SECURITY_KINDS: ReadonlySet<string> = new Set<PolicyKind>([
  'AuthenticationPolicy',
  'RateLimitPolicy',
]);
