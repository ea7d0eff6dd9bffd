import { DEFAULT_NAMESPACE, type ResourceKey, keyOf } from '#contracts/names.ts';
import {
  GATEWAY_GROUP,
  type Gateway,
  type ListenerSet,
  type ParentRef,
  type Resource,
  type RouteResource,
  SERVICE_NAME_LABEL,
  backendRefsOf,
  certificateRefsOf,
  isServiceRef,
  parentRefsOf,
} from '#contracts/resources/index.ts';
import { ANY_HOST } from '../route/host-table.ts';
import { namespaceKey } from './namespaces.ts';
import {
  type NodeKey,
  type Refs,
  THE_MESH,
  apiKeyNode,
  grantsNode,
  hostNode,
  meshRoutesNode,
  moreSpecificKinds,
} from './units.ts';

export function namespaceOf(resource: Resource): string {
  const { metadata } = resource;
  return 'namespace' in metadata ? (metadata.namespace ?? DEFAULT_NAMESPACE) : DEFAULT_NAMESPACE;
}

/** `namespace/name`, as records and tables have it. */
export function nameOf(resource: Resource): string {
  return `${namespaceOf(resource)}/${resource.metadata.name}`;
}

export function serviceKey(name: string): ResourceKey {
  return `Service/${name}` as ResourceKey;
}

export function parentKey(ref: ParentRef, namespace: string): ResourceKey {
  return keyOf({
    kind: ref.kind ?? 'Gateway',
    namespace: ref.namespace ?? namespace,
    name: ref.name,
  });
}

/** The Gateway that a ListenerSet joins; undefined: what it points at is no Gateway. */
export function gatewayOfSet(set: ListenerSet): ResourceKey | undefined {
  const { group = GATEWAY_GROUP, kind = 'Gateway', namespace, name } = set.spec.parentRef;
  if (group !== GATEWAY_GROUP || kind !== 'Gateway') return undefined;
  return keyOf({ kind, namespace: namespace ?? namespaceOf(set), name });
}

const NOTHING: readonly NodeKey[] = Object.freeze([]);

/** Everything that a resource points at, whether it exists or not. */
export function refsOf(resource: Resource): Refs {
  const namespace = namespaceOf(resource);
  switch (resource.kind) {
    case 'Namespace':
    case 'GatewayClass':
    case 'Service':
    case 'Secret':
      return { uses: NOTHING, attaches: NOTHING };
    case 'Mesh':
      return { uses: NOTHING, attaches: [THE_MESH] };
    case 'EndpointSlice':
      return { uses: [THE_MESH], attaches: sliceService(resource, namespace) };
    case 'Gateway':
      return { uses: gatewayUses(resource, namespace), attaches: NOTHING };
    case 'ListenerSet':
      return listenerSetRefs(resource, namespace);
    case 'ReferenceGrant':
      return { uses: NOTHING, attaches: [grantsNode(namespace)] };
    case 'HTTPRoute':
    case 'GRPCRoute':
    case 'TLSRoute':
    case 'TCPRoute':
      return routeRefs(resource, namespace);
    case 'Consumer':
      return {
        uses: NOTHING,
        attaches: unique(
          resource.spec.credentials.map(({ sha256 }) => apiKeyNode(namespace, sha256)),
        ),
      };
    case 'AuthenticationPolicy':
    case 'RateLimitPolicy':
    case 'TrafficPolicy':
    case 'FaultPolicy':
    case 'ListenerPolicy':
    case 'TelemetryPolicy':
    case 'BackendTLSPolicy':
      return {
        uses: NOTHING,
        attaches: unique(
          resource.spec.targetRefs.map(({ kind, name }) => keyOf({ kind, namespace, name })),
        ),
      };
    case 'SLO':
      return { uses: sloUses(resource), attaches: NOTHING };
    default:
      return resource satisfies never;
  }
}

function sliceService(
  resource: Extract<Resource, { kind: 'EndpointSlice' }>,
  namespace: string,
): readonly NodeKey[] {
  const name = resource.metadata.labels?.[SERVICE_NAME_LABEL];
  return name === undefined ? NOTHING : [serviceKey(`${namespace}/${name}`)];
}

function gatewayUses(gateway: Gateway, namespace: string): NodeKey[] {
  const uses = new Set<NodeKey>();
  uses.add(keyOf({ kind: 'GatewayClass', name: gateway.spec.gatewayClassName }));
  for (const ref of certificateRefsOf(gateway)) addGrants(uses, ref, namespace);
  return [...uses];
}

function listenerSetRefs(set: ListenerSet, namespace: string): Refs {
  const gateway = gatewayOfSet(set);
  // A Gateway may select the namespaces of its ListenerSets by their labels.
  const uses = new Set<NodeKey>([namespaceKey(namespace)]);
  for (const ref of certificateRefsOf(set)) addGrants(uses, ref, namespace);
  return { uses: [...uses], attaches: gateway === undefined ? NOTHING : [gateway] };
}

/** Whoever refers into another namespace depends on what is granted there. */
function addGrants(uses: Set<NodeKey>, ref: { namespace?: string }, own: string): void {
  if (ref.namespace !== undefined && ref.namespace !== own) uses.add(grantsNode(ref.namespace));
}

function routeRefs(route: RouteResource, namespace: string): Refs {
  const uses = new Set<NodeKey>();
  const attaches = new Set<NodeKey>();
  for (const ref of parentRefsOf(route)) {
    const parent = parentKey(ref, namespace);
    uses.add(parent);
    if (ref.kind !== 'Service') {
      // Listeners select namespaces by their labels.
      uses.add(namespaceKey(namespace));
      for (const node of hostNodes(route, parent)) attaches.add(node);
      continue;
    }
    const service = `${ref.namespace ?? namespace}/${ref.name}`;
    attaches.add(meshRoutesNode(route.kind, namespace, service));
    for (const kind of moreSpecificKinds(route.kind)) {
      uses.add(meshRoutesNode(kind, namespace, service));
    }
  }
  for (const ref of backendRefsOf(route)) {
    if (!isServiceRef(ref)) continue;
    uses.add(serviceKey(`${ref.namespace ?? namespace}/${ref.name}`));
    addGrants(uses, ref, namespace);
  }
  return { uses: [...uses], attaches: attaches.size === 0 ? NOTHING : [...attaches] };
}

/** What a route asks a Gateway for, whether it exists or not. */
function* hostNodes(route: RouteResource, gateway: ResourceKey): Generator<NodeKey> {
  if (route.kind !== 'HTTPRoute' && route.kind !== 'GRPCRoute') return;
  const { hostnames = [] } = route.spec;
  const asked = hostnames.length === 0 ? [ANY_HOST] : hostnames;
  for (const hostname of asked) yield hostNode(route.kind, gateway, hostname);
}

/** A thing that an SLO measures: one of these resources has to exist. */
export interface SloSubject {
  keys: readonly ResourceKey[];
  path: string;
}

/** A record's route has no kind: an HTTPRoute and a GRPCRoute of one name count together. */
export function sloSubjects(resource: Extract<Resource, { kind: 'SLO' }>): SloSubject[] {
  const { ratioMetric, thresholdMetric } = resource.spec.indicator.spec;
  const place = ratioMetric === undefined ? 'thresholdMetric' : 'ratioMetric.total';
  const at = `spec.indicator.spec.${place}.metricSource.spec`;
  const source = (ratioMetric?.total ?? thresholdMetric)?.metricSource.spec;
  const { service, route, destination, consumer } = source ?? {};
  const subjects: SloSubject[] = [];
  if (service !== undefined) subjects.push({ keys: [serviceKey(service)], path: `${at}.service` });
  if (destination !== undefined) {
    subjects.push({ keys: [serviceKey(destination)], path: `${at}.destination` });
  }
  if (route !== undefined) {
    const keys = SLO_ROUTES.map((kind) => `${kind}/${route}` as ResourceKey);
    subjects.push({ keys, path: `${at}.route` });
  }
  if (consumer !== undefined) {
    subjects.push({ keys: [`Consumer/${consumer}` as ResourceKey], path: `${at}.consumer` });
  }
  return subjects;
}

const SLO_ROUTES = ['HTTPRoute', 'GRPCRoute'] as const;

function sloUses(resource: Extract<Resource, { kind: 'SLO' }>): NodeKey[] {
  return sloSubjects(resource).flatMap(({ keys }) => keys);
}

function unique<T>(list: readonly T[]): T[] {
  return list.length < 2 ? [...list] : [...new Set(list)];
}
