import type { ParentRef } from '#contracts/resources/index.ts';
import type { Context, KubeObject } from './context.ts';
import type { Fields } from './fields.ts';
import { fullHost, serviceOfHost } from './istio-hosts.ts';
import { isHostname } from './names.ts';
import { gatewayRef } from './routes.ts';

const MESH = 'mesh';

/** What a VirtualService is bound to: Services for its callers in the mesh, or a Gateway. */
export interface IstioParent {
  /** As `gateways` of a match calls it. */
  readonly gateway: string;
  readonly refs: readonly ParentRef[];
  /** A Service is its own host: none there. */
  readonly hostnames: readonly string[];
}

export function isMesh({ gateway }: IstioParent): boolean {
  return gateway === MESH;
}

/** One parent for each of `gateways`; those without a host that they could have are noted. */
export function parentsOf(
  spec: Fields,
  { namespace }: KubeObject,
  context: Context,
): IstioParent[] {
  const hosts = spec.texts('hosts');
  const named = spec.texts('gateways');
  const gateways = named.length === 0 ? [MESH] : [...new Set(named)];
  return gateways.flatMap((gateway): IstioParent[] => {
    if (gateway === MESH) {
      const refs = hosts.flatMap((host) => serviceRef(host, namespace, spec));
      return refs.length === 0 ? [] : [{ gateway, refs, hostnames: [] }];
    }
    const hostnames = hostnamesOf(hosts, namespace, spec);
    if (hostnames === undefined) return [];
    return [{ gateway, refs: [refOf(gateway, namespace, context)], hostnames }];
  });
}

function refOf(gateway: string, namespace: string, { options }: Context): ParentRef {
  if (options.gateway !== undefined) return gatewayRef(options.gateway, namespace);
  const [, own, name = gateway] = /^([^/]+)\/(.+)$/.exec(gateway) ?? [];
  return gatewayRef(
    own === undefined || own === '.' ? { name } : { namespace: own, name },
    namespace,
  );
}

function serviceRef(host: string, from: string, spec: Fields): ParentRef[] {
  const service = serviceOfHost(host, from);
  if (service === undefined) {
    const message = `${host} is no Service of the cluster, and mesh routes are bound to Services`;
    spec.notes.lost(spec.at('hosts'), message);
    return [];
  }
  const { namespace, name } = service;
  return [{ group: '', kind: 'Service', ...(namespace === from ? {} : { namespace }), name }];
}

/** Empty: any host; undefined: there is none that a route can have. */
function hostnamesOf(
  hosts: readonly string[],
  namespace: string,
  spec: Fields,
): string[] | undefined {
  if (hosts.includes('*')) return [];
  const names = hosts
    .map((host) => fullHost(host, namespace))
    .filter((host) => {
      if (isHostname(host)) return true;
      spec.notes.lost(spec.at('hosts'), `${host} is no DNS name`);
      return false;
    });
  return names.length === 0 ? undefined : names;
}
