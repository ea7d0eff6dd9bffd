import { DEFAULT_NAMESPACE, type ResourceKey, keyOf } from '#contracts/names.ts';
import {
  type BackendRef,
  DEFAULT_GATEWAY_CLASS,
  type ParentRef,
  type Resource,
  type RouteResource,
  SERVICE_NAME_LABEL,
} from '#contracts/resources/index.ts';
import { type NodeKey, type Refs, THE_MESH, apiKeyNode } from './units.ts';

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

const NOTHING: readonly NodeKey[] = Object.freeze([]);

/** Everything that a resource points at, whether it exists or not. */
export function refsOf(resource: Resource): Refs {
  const namespace = namespaceOf(resource);
  switch (resource.kind) {
    case 'Namespace':
    case 'GatewayClass':
    case 'Service':
      return { uses: NOTHING, attaches: NOTHING };
    case 'Mesh':
      return { uses: NOTHING, attaches: [THE_MESH] };
    case 'EndpointSlice':
      return { uses: [THE_MESH], attaches: sliceService(resource, namespace) };
    case 'Gateway': {
      const name = resource.spec.gatewayClassName;
      const isDefault = name === DEFAULT_GATEWAY_CLASS;
      return { uses: isDefault ? NOTHING : [keyOf({ kind: 'GatewayClass', name })], attaches: [] };
    }
    case 'HTTPRoute':
    case 'TLSRoute':
    case 'TCPRoute':
      return { uses: routeUses(resource, namespace), attaches: NOTHING };
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

function routeUses(route: RouteResource, namespace: string): NodeKey[] {
  const parents = route.spec.parentRefs.map((ref) => parentKey(ref, namespace));
  const rules: readonly { backendRefs?: BackendRef[] }[] = route.spec.rules;
  const backends = rules.flatMap((rule) =>
    (rule.backendRefs ?? []).map((ref) => serviceKey(`${ref.namespace ?? namespace}/${ref.name}`)),
  );
  return unique([...parents, ...backends]);
}

/** What an SLO measures: `[key, path]` for each thing that has to exist. */
export function sloSubjects(resource: Extract<Resource, { kind: 'SLO' }>): [ResourceKey, string][] {
  const at = 'spec.indicator.spec.ratioMetric.total.metricSource.spec';
  const { service, route, destination } =
    resource.spec.indicator.spec.ratioMetric.total.metricSource.spec;
  const subjects: [ResourceKey, string][] = [];
  if (service !== undefined) subjects.push([serviceKey(service), `${at}.service`]);
  if (destination !== undefined) subjects.push([serviceKey(destination), `${at}.destination`]);
  if (route !== undefined) subjects.push([`HTTPRoute/${route}` as ResourceKey, `${at}.route`]);
  return subjects;
}

function sloUses(resource: Extract<Resource, { kind: 'SLO' }>): NodeKey[] {
  return sloSubjects(resource).map(([key]) => key);
}

function unique<T>(list: readonly T[]): T[] {
  return [...new Set(list)];
}
