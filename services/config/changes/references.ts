import { type ResourceKey, keyOf } from '#contracts/names.ts';
import { type BackendRef, type Resource, SERVICE_NAME_LABEL } from '#contracts/resources/index.ts';

/**
 * The resources that one refers to: a change of one of these may change what this one means, so
 * two writers who touch the one and the other are in each other's way.
 */
export function referencesOf(resource: Resource): ResourceKey[] {
  const namespace = namespaceOf(resource);
  switch (resource.kind) {
    case 'HTTPRoute':
    case 'TLSRoute':
    case 'TCPRoute': {
      const { parentRefs, rules } = resource.spec;
      const backends = rules.flatMap(
        (rule: { backendRefs?: BackendRef[] }) => rule.backendRefs ?? [],
      );
      return [
        ...parentRefs.map((ref) =>
          keyOf({
            kind: ref.kind ?? 'Gateway',
            namespace: ref.namespace ?? namespace,
            name: ref.name,
          }),
        ),
        ...backends.map((ref) => serviceKey(ref.namespace ?? namespace, ref.name)),
      ];
    }
    case 'Gateway':
      return [keyOf({ kind: 'GatewayClass', name: resource.spec.gatewayClassName })];
    case 'EndpointSlice': {
      const service = resource.metadata.labels?.[SERVICE_NAME_LABEL];
      return service === undefined ? [] : [serviceKey(namespace, service)];
    }
    case 'AuthenticationPolicy':
    case 'RateLimitPolicy':
    case 'TrafficPolicy':
    case 'FaultPolicy':
    case 'ListenerPolicy':
    case 'BackendTLSPolicy':
      return resource.spec.targetRefs.map((ref) => keyOf({ ...ref, namespace }));
    case 'Namespace':
    case 'Service':
    case 'GatewayClass':
    case 'Mesh':
    case 'Consumer':
    case 'SLO':
      return [];
    default:
      resource satisfies never;
      return [];
  }
}

function serviceKey(namespace: string, name: string): ResourceKey {
  return keyOf({ kind: 'Service', namespace, name });
}

function namespaceOf(resource: Resource): string {
  return 'namespace' in resource.metadata ? (resource.metadata.namespace ?? '') : '';
}
