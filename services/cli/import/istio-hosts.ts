import type { NamedRef } from './context.ts';
import { isLabel } from './names.ts';

const CLUSTER = /^([^.]+)\.([^.]+)\.svc(?:\.cluster\.local)?$/;

/**
 * The Service that Istio means by a host in a resource of `namespace`: a name without dots is one
 * of the same namespace, any other is a full name. Undefined: it is no Service of the cluster.
 */
export function serviceOfHost(host: string, namespace: string): Required<NamedRef> | undefined {
  if (isLabel(host)) return { namespace, name: host };
  const [, name = '', own = ''] = CLUSTER.exec(host) ?? [];
  return isLabel(name) && isLabel(own) ? { namespace: own, name } : undefined;
}

/** The host as it comes in a request to a gateway. */
export function fullHost(host: string, namespace: string): string {
  return host !== '*' && isLabel(host) ? `${host}.${namespace}.svc.cluster.local` : host;
}

/** Subsets of Services as DestinationRules have them: labels by `namespace/service/subset`. */
export type Subsets = ReadonlyMap<string, string>;

/** A subset is a Service of its own in Gateway API: how it is called here. */
export function subsetService(service: string, subset: string): string {
  return `${service}-${subset}`;
}
