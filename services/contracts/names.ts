/**
 * Names and keys. Mesh, proxy, namespace and Service names are RFC 1123 labels without dots, so
 * that each is one NATS token; every other resource has a DNS subdomain as its name, as in
 * Kubernetes.
 */
export const LABEL = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$';
export const SUBDOMAIN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';
/** Gateway API SectionName: a DNS subdomain, 253 characters at most. */
export const SECTION_NAME = SUBDOMAIN;
/** `namespace/name` of a Service. */
export const SERVICE_NAME = `${LABEL.slice(0, -1)}/${LABEL.slice(1)}`;

/** Where a resource without a namespace of its own goes. */
export const DEFAULT_NAMESPACE = 'default';
/**
 * Stands in a key where a cluster-scoped resource has no namespace; it can never be a namespace's
 * name.
 */
export const NO_NAMESPACE = '-';

/**
 * `Kind/namespace/name`: what addresses a resource in events, problems, paths of the API and
 * tables.
 */
export type ResourceKey = `${string}/${string}/${string}`;

export interface ResourceRef {
  kind: string;
  /** Absent on cluster-scoped kinds. */
  namespace?: string;
  name: string;
}

export function keyOf(ref: ResourceRef): ResourceKey {
  return `${ref.kind}/${ref.namespace ?? NO_NAMESPACE}/${ref.name}`;
}

export function refOf(key: ResourceKey): ResourceRef {
  const [kind = '', namespace = '', ...name] = key.split('/');
  return namespace === NO_NAMESPACE
    ? { kind, name: name.join('/') }
    : { kind, namespace, name: name.join('/') };
}
