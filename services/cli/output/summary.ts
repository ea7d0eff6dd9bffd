import {
  type Resource,
  type RouteResource,
  parentRefsOf,
  rulesOf,
  type ReferenceGrant,
} from '#contracts/resources/index.ts';
import { count } from './format.ts';

/** What matters most of a resource, in a few words. */
export function summaryOf(resource: Resource): string {
  switch (resource.kind) {
    case 'Service':
      return resource.spec.ports.map((port) => port.port).join(', ');
    case 'EndpointSlice':
      return count(resource.endpoints?.length ?? 0, 'endpoint');
    case 'Secret':
      return (resource.sealed?.keys ?? []).join(', ');
    case 'Gateway':
    case 'ListenerSet':
      return resource.spec.listeners.map((each) => `${each.name} :${each.port}`).join(', ');
    case 'HTTPRoute':
    case 'GRPCRoute':
    case 'TLSRoute':
    case 'TCPRoute':
      return routeSummary(resource);
    case 'Mesh':
      return (resource.spec.endpointCidrs ?? []).join(', ');
    case 'Consumer':
      return count(resource.spec.credentials.length, 'key');
    case 'RateLimitPolicy':
      return resource.spec.limits.map((each) => `${each.requests} per ${each.per}`).join(', ');
    case 'FaultPolicy':
      return faultSummary(resource.spec);
    case 'SLO':
      return resource.spec.objectives.map((each) => `${each.target * 100} %`).join(', ');
    case 'BackendTLSPolicy':
      return `${targetNames(resource.spec.targetRefs)} as ${resource.spec.validation.hostname}`;
    case 'ReferenceGrant':
      return grantSummary(resource.spec);
    case 'AuthenticationPolicy':
    case 'TrafficPolicy':
    case 'ListenerPolicy':
    case 'TelemetryPolicy':
      return targetNames(resource.spec.targetRefs);
    case 'Namespace':
    case 'GatewayClass':
      return '';
    default:
      return resource satisfies never;
  }
}

/** `HTTPRoute of shop to Service payments`. */
function grantSummary({ from, to }: ReferenceGrant['spec']): string {
  const referrers = from.map(({ kind, namespace }) => `${kind} of ${namespace}`).join(', ');
  const referents = to.map(({ kind, name }) => (name === undefined ? kind : `${kind} ${name}`));
  return `${referrers} to ${referents.join(', ')}`;
}

function targetNames(refs: readonly { kind: string; name: string }[]): string {
  return refs.map((each) => `${each.kind}/${each.name}`).join(', ');
}

function routeSummary(route: RouteResource): string {
  const parents = parentRefsOf(route).map((each) => `${each.kind ?? 'Gateway'}/${each.name}`);
  const backends = new Map<string, string>();
  for (const { backendRefs = [] } of rulesOf(route)) {
    const several = backendRefs.length > 1;
    for (const ref of backendRefs) {
      backends.set(ref.name, several ? `${ref.name}=${ref.weight ?? 1}` : ref.name);
    }
  }
  return `${parents.join(', ')} -> ${[...backends.values()].join(', ') || 'nothing'}`;
}

type Fault = Extract<Resource, { kind: 'FaultPolicy' }>['spec'];

function faultSummary(spec: Fault): string {
  const parts = [
    ...(spec.abort === undefined ? [] : [`${spec.abort.percent} % ${spec.abort.status}`]),
    ...(spec.delay === undefined ? [] : [`${spec.delay.percent} % +${spec.delay.fixed}`]),
  ];
  return `${parts.join(', ')} until ${spec.expires}`;
}
