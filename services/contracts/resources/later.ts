/**
 * What the designs of Gateway API and Windrose have and this version does not serve yet. A
 * resource that uses it is refused with the field's name: accepted and ignored would be a hole in
 * somebody's gateway.
 */
export const LATER_KINDS: ReadonlySet<string> = new Set([
  'UDPRoute',
  'ConfigMap',
  'AuthorizationPolicy',
  'FallbackPolicy',
  'Composition',
  'RoleShift',
  'Rollout',
]);

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  Service: ['externalName', 'sessionAffinityConfig'],
  Gateway: ['filters'],
  ListenerSet: ['filters'],
  BackendTLSPolicy: ['options'],
  HTTPRoute: ['externalAuth', 'useDefaultGateways'],
  GRPCRoute: ['useDefaultGateways'],
  Mesh: ['trustDomain'],
  Consumer: ['groups', 'plan'],
  AuthenticationPolicy: ['jwt', 'basic', 'clientCertificate', 'external', 'query'],
  RateLimitPolicy: ['cost', 'concurrency'],
  TrafficPolicy: [
    'connections',
    'pending',
    'healthChecks',
    'zones',
    'slowStart',
    'stickiness',
    'pool',
    'streamIdle',
  ],
  FaultPolicy: ['match'],
  SLO: ['indicatorRef', 'composite', 'bad'],
};

const VALUES: Readonly<Record<string, readonly string[]>> = {
  Service: ['ClientIP'],
  HTTPRoute: ['ExternalAuth'],
  Consumer: ['JWT', 'Basic', 'ClientCertificate'],
  RateLimitPolicy: ['Mesh', 'header', 'path', 'claim', 'group'],
  TrafficPolicy: ['PeakEWMA', 'RingHash', 'Maglev'],
  SLO: ['Prometheus'],
};

/** True when an unknown field of this kind is one that a later version will know. */
export function isLaterField(kind: string, field: string): boolean {
  return FIELDS[kind]?.includes(field) ?? false;
}

/** True when a refused value of this kind is one that a later version will accept. */
export function isLaterValue(kind: string, value: unknown): boolean {
  return typeof value === 'string' && (VALUES[kind]?.includes(value) ?? false);
}
