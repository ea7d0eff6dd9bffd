import { DEFAULT_NAMESPACE } from '#contracts/names.ts';
import {
  DEFAULT_GATEWAY_CLASS,
  type Gateway,
  type GatewayListener,
  type ParentRef,
} from '#contracts/resources/index.ts';
import type { Context, NamedRef } from './context.ts';
import type { ReadIngress } from './ingress.ts';
import { isHostname, nameFrom } from './names.ts';
import { GATEWAY_V1, gatewayRef } from './routes.ts';

const LISTENERS_MAX = 64;
const HTTP_PORT = 80;
const HTTPS_PORT = 443;
const CLEAR = 'http';

/** Where the routes of Ingresses are bound. */
export interface EdgePlan {
  readonly gateways: readonly Gateway[];
  /** `secure`: which of the listeners; `all` says none by name. */
  parentRefs(
    className: string,
    from: string,
    hosts: readonly string[],
    secure: 'all' | 'tls' | 'clear',
  ): ParentRef[];
  /** True when every one of these hosts has a listener for HTTPS. */
  hasTls(className: string, hosts: readonly string[]): boolean;
}

/** A listener for HTTPS: of which Gateway, and which of its sections. */
interface SecureAt {
  readonly gateway: Gateway;
  readonly sectionName: string;
}

interface ClassEdge {
  /** The first has the listener for HTTP. */
  readonly gateways: readonly Gateway[];
  /** Listeners for HTTPS by host. The empty host is any. */
  readonly secure: ReadonlyMap<string, SecureAt>;
}

/** The Gateways that classes of Ingresses stood for, or the one that the options name. */
export function planEdge(ingresses: readonly ReadIngress[], context: Context): EdgePlan {
  const { gateway } = context.options;
  if (gateway !== undefined) {
    for (const ingress of ingresses) noteTls(ingress, gateway);
    return {
      gateways: [],
      parentRefs: (_className, from) => [gatewayRef(gateway, from)],
      hasTls: () => false,
    };
  }
  const edges = new Map<string, ClassEdge>();
  for (const className of new Set(ingresses.map((ingress) => ingress.className))) {
    const own = ingresses.filter((ingress) => ingress.className === className);
    edges.set(className, classEdge(className, own, context));
  }
  return {
    gateways: [...edges.values()].flatMap(({ gateways }) => gateways),
    parentRefs: (className, from, hosts, secure) => {
      const edge = edges.get(className);
      return edge === undefined ? [] : refsTo(edge, from, hosts, secure);
    },
    hasTls: (className, hosts) => {
      const edge = edges.get(className);
      if (edge === undefined || hosts.length === 0) return false;
      return hosts.every((host) => secureAt(edge, host) !== undefined);
    },
  };
}

function refsTo(
  edge: ClassEdge,
  from: string,
  hosts: readonly string[],
  which: 'all' | 'tls' | 'clear',
): ParentRef[] {
  const refTo = ({ metadata }: Gateway): ParentRef => gatewayRef(metadata, from);
  const [main] = edge.gateways;
  if (main === undefined) return [];
  if (which === 'clear') return [{ ...refTo(main), sectionName: CLEAR }];
  const found = hosts.flatMap((host) => secureAt(edge, host) ?? []);
  if (which === 'tls') {
    return found.map(({ gateway, sectionName }) => ({ ...refTo(gateway), sectionName }));
  }
  // A route for any host is for the hosts of every listener.
  const own = hosts.length === 0 ? edge.gateways : found.map(({ gateway }) => gateway);
  return [...new Set([main, ...own])].map(refTo);
}

/** The listener for HTTPS that takes a host: the most specific one. */
function secureAt({ secure }: ClassEdge, host: string): SecureAt | undefined {
  const exact = secure.get(host);
  if (exact !== undefined) return exact;
  for (let dot = host.indexOf('.'); dot > 0; dot = host.indexOf('.', dot + 1)) {
    const wildcard = secure.get(`*${host.slice(dot)}`);
    if (wildcard !== undefined) return wildcard;
  }
  return secure.get('');
}

/**
 * A Gateway with a listener for HTTP, and one for HTTPS at each host: in the namespace of its
 * Secret, so that none is taken from another one.
 */
function classEdge(
  className: string,
  ingresses: readonly ReadIngress[],
  context: Context,
): ClassEdge {
  const first = context.options.namespace ?? ingresses[0]?.object.namespace ?? DEFAULT_NAMESPACE;
  const secrets = secretsOf(ingresses);
  const namespaces = new Set([first, ...ingresses.map(({ object }) => object.namespace)]);
  const allowed: Partial<GatewayListener> =
    namespaces.size > 1 ? { allowedRoutes: { namespaces: { from: 'All' } } } : {};
  const gateways: Gateway[] = [];
  const secure = new Map<string, SecureAt>();
  for (const namespace of namespaces) {
    const listeners: GatewayListener[] =
      namespace === first ? [{ name: CLEAR, port: HTTP_PORT, protocol: 'HTTP', ...allowed }] : [];
    for (const [host, secret] of secrets) {
      if (secret.namespace !== namespace) continue;
      listeners.push({ ...secureListener(host, secret.name, listeners), ...allowed });
    }
    for (let at = 0; at < listeners.length; at += LISTENERS_MAX) {
      const own = listeners.slice(at, at + LISTENERS_MAX);
      const gateway = gatewayOf(className, namespace, own, context);
      gateways.push(gateway);
      for (const { name: sectionName, hostname = '', protocol } of own) {
        if (protocol === 'HTTPS') secure.set(hostname, { gateway, sectionName });
      }
    }
  }
  return { gateways, secure };
}

function gatewayOf(
  className: string,
  namespace: string,
  listeners: GatewayListener[],
  context: Context,
): Gateway {
  const base = nameFrom(className, 'ingress');
  return {
    apiVersion: GATEWAY_V1,
    kind: 'Gateway',
    metadata: { name: context.names.unique(`Gateway/${namespace}`, base), namespace },
    spec: { gatewayClassName: DEFAULT_GATEWAY_CLASS, listeners },
  };
}

function secureListener(
  host: string,
  secret: string,
  beside: readonly GatewayListener[],
): GatewayListener {
  const label = `https-${nameFrom(host.replace(/^\*/, 'any'), 'any-host')}`;
  const taken = beside.some(({ name }) => name === label);
  return {
    name: taken ? `${label}-${beside.length}` : label,
    ...(host === '' ? {} : { hostname: host }),
    port: HTTPS_PORT,
    protocol: 'HTTPS',
    tls: { mode: 'Terminate', certificateRefs: [{ name: secret }] },
  };
}

/** By host; the empty host is any. */
function secretsOf(ingresses: readonly ReadIngress[]): Map<string, Required<NamedRef>> {
  const secrets = new Map<string, Required<NamedRef>>();
  for (const { object, spec } of ingresses) {
    const { namespace } = object;
    for (const tls of spec.maps('tls')) {
      const { notes } = tls;
      const hosts = tls.texts('hosts');
      const name = tls.text('secretName');
      tls.rest();
      if (name === undefined) {
        const message = 'without secretName the controller has a certificate of its own';
        notes.lost(tls.path, `${message}; name one and add a listener for HTTPS`);
        continue;
      }
      for (const host of hosts.length === 0 ? [''] : hosts) {
        const before = secrets.get(host);
        if (host !== '' && !isHostname(host)) {
          notes.lost(tls.at('hosts'), `${host} is no DNS name`);
        } else if (before === undefined) {
          secrets.set(host, { namespace, name });
        } else if (before.name !== name || before.namespace !== namespace) {
          const message = `${host || 'any host'} has the certificate of ${before.namespace}/`;
          notes.lost(tls.path, `${message}${before.name} already`);
        }
      }
    }
  }
  return secrets;
}

function noteTls({ object, spec }: ReadIngress, { namespace, name }: NamedRef): void {
  const gateway = `${namespace ?? object.namespace}/${name}`;
  for (const tls of spec.maps('tls')) {
    const hosts = tls.texts('hosts').join(', ') || 'any host';
    const secret = tls.text('secretName') ?? 'its certificate';
    tls.rest();
    const message = `the Gateway ${gateway} needs a listener for HTTPS at ${hosts} with ${secret}`;
    tls.notes.lost(tls.path, message);
  }
}
