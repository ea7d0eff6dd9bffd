import { type ResourceKey, keyOf, refOf } from '#contracts/names.ts';
import {
  type Resource,
  SERVICE_NAME_LABEL,
  backendRefsOf,
  certificateRefsOf,
  parentRefsOf,
} from '#contracts/resources/index.ts';

/** Stands for every ReferenceGrant of a namespace; no resource can be called so. */
const ANY = '*';

/**
 * The resources that one refers to: a change of one of these may change what this one means, so
 * two writers who touch the one and the other are in each other's way. Whoever refers into another
 * namespace refers to all grants there, as `touchOf` has them.
 */
export function referencesOf(resource: Resource): ResourceKey[] {
  const namespace = namespaceOf(resource);
  switch (resource.kind) {
    case 'HTTPRoute':
    case 'GRPCRoute':
    case 'TLSRoute':
    case 'TCPRoute': {
      const backends = [...backendRefsOf(resource)];
      return [
        ...parentRefsOf(resource).map(({ kind = 'Gateway', namespace: space = namespace, name }) =>
          keyOf({ kind, namespace: space, name }),
        ),
        // Listeners may choose routes by the labels of their Namespace.
        keyOf({ kind: 'Namespace', name: namespace }),
        ...backends.map(({ kind = 'Service', namespace: space = namespace, name }) =>
          keyOf({ kind, namespace: space, name }),
        ),
        ...grantsFor(backends, namespace),
      ];
    }
    case 'Gateway':
      return [
        keyOf({ kind: 'GatewayClass', name: resource.spec.gatewayClassName }),
        ...grantsFor(certificateRefsOf(resource), namespace),
      ];
    case 'ListenerSet': {
      const { kind = 'Gateway', namespace: space = namespace, name } = resource.spec.parentRef;
      return [
        keyOf({ kind, namespace: space, name }),
        keyOf({ kind: 'Namespace', name: namespace }),
        ...grantsFor(certificateRefsOf(resource), namespace),
      ];
    }
    case 'EndpointSlice': {
      const service = resource.metadata.labels?.[SERVICE_NAME_LABEL];
      return service === undefined ? [] : [serviceKey(namespace, service)];
    }
    case 'AuthenticationPolicy':
    case 'RateLimitPolicy':
    case 'TrafficPolicy':
    case 'FaultPolicy':
    case 'ListenerPolicy':
    case 'TelemetryPolicy':
    case 'BackendTLSPolicy':
      return resource.spec.targetRefs.map((ref) => keyOf({ ...ref, namespace }));
    case 'Namespace':
    case 'Service':
    case 'Secret':
    case 'GatewayClass':
    case 'ReferenceGrant':
    case 'Mesh':
    case 'Consumer':
    case 'SLO':
      return [];
    default:
      resource satisfies never;
      return [];
  }
}

/** What a change of a resource touches, in the words of `referencesOf`. */
export function touchOf(key: ResourceKey): ResourceKey {
  const { kind, namespace } = refOf(key);
  if (kind !== 'ReferenceGrant' || namespace === undefined) return key;
  return keyOf({ kind, namespace, name: ANY });
}

function grantsFor(refs: Iterable<{ namespace?: string }>, own: string): ResourceKey[] {
  const spaces = new Set<string>();
  for (const { namespace = own } of refs) if (namespace !== own) spaces.add(namespace);
  return [...spaces].map((namespace) => keyOf({ kind: 'ReferenceGrant', namespace, name: ANY }));
}

function serviceKey(namespace: string, name: string): ResourceKey {
  return keyOf({ kind: 'Service', namespace, name });
}

function namespaceOf(resource: Resource): string {
  return 'namespace' in resource.metadata ? (resource.metadata.namespace ?? '') : '';
}
