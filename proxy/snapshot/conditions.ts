import type { ResourceKey } from '#contracts/names.ts';
import {
  CONTROLLER_NAME,
  type GatewayClass,
  type GatewayClassStatus,
  type ObjectStatus,
  type ResourceStatus,
} from '#contracts/resources/index.ts';
import type { CompiledSnapshot } from './compiled.ts';
import { SUPPORTED_FEATURES } from './conditions/features.ts';
import { gatewayStatus, listenerSetStatus } from './conditions/gateways.ts';
import { plainTag } from './conditions/infer.ts';
import { backendTlsStatus, policyStatus } from './conditions/policies.ts';
import { routeStatus } from './conditions/routes.ts';
import { Conditions, sayAll } from './conditions/said.ts';
import { type Live, type Subject, subjectOf } from './conditions/subject.ts';

export type { Live } from './conditions/subject.ts';

const ACCEPTED: ReadonlySet<string> = new Set(['Accepted']);
const NOTHING_LIVE: Live = Object.freeze({ problems: Object.freeze([]) });

/**
 * The `status` of a resource as Gateway API and GEP-713 word it. Pure; made from what was compiled,
 * and from what a proxy adds to it. Undefined: there is no such resource, its kind has no status,
 * or it is another controller's. Costs what the resource has, for a Gateway also its routes.
 */
export function statusOf(
  snapshot: CompiledSnapshot,
  key: ResourceKey,
  live: Live = NOTHING_LIVE,
): ResourceStatus | undefined {
  const subject = subjectOf(snapshot, key, live);
  if (subject === undefined) return undefined;
  const { resource } = subject.entry;
  switch (resource.kind) {
    case 'GatewayClass':
      return classStatus(subject, resource);
    case 'Gateway':
      return gatewayStatus(subject, resource);
    case 'ListenerSet':
      return listenerSetStatus(subject, resource);
    case 'HTTPRoute':
    case 'GRPCRoute':
    case 'TLSRoute':
    case 'TCPRoute':
      return routeStatus(subject, resource);
    case 'BackendTLSPolicy':
      return backendTlsStatus(subject, resource);
    case 'AuthenticationPolicy':
    case 'RateLimitPolicy':
    case 'TrafficPolicy':
    case 'FaultPolicy':
    case 'ListenerPolicy':
    case 'TelemetryPolicy':
      return policyStatus(subject, resource);
    case 'Mesh':
    case 'Consumer':
    case 'Service':
    case 'SLO':
      return plainStatus(subject);
    case 'Namespace':
    case 'EndpointSlice':
    case 'Secret':
    case 'ReferenceGrant':
      return undefined;
    default:
      return resource satisfies never;
  }
}

function classStatus(
  { entry, findings }: Subject,
  { spec }: GatewayClass,
): GatewayClassStatus | undefined {
  if (spec.controllerName !== CONTROLLER_NAME) return undefined;
  const conditions = new Conditions(entry);
  const said = sayAll(findings, plainTag);
  const version = 'Gateway API v1.7.0 is what this version speaks';
  return {
    conditions: [
      conditions.unless(said, 'Accepted', 'Accepted', 'proxies of Windrose serve its Gateways'),
      conditions.isTrue('SupportedVersion', 'SupportedVersion', version),
    ],
    supportedFeatures: SUPPORTED_FEATURES.map((name) => ({ name })),
  };
}

function plainStatus({ entry, findings }: Subject): ObjectStatus {
  const conditions = new Conditions(entry);
  const said = sayAll(findings, plainTag);
  const accepted = conditions.unless(said, 'Accepted', 'Accepted', 'it is valid');
  return { conditions: [accepted, ...conditions.others(said, ACCEPTED)] };
}
