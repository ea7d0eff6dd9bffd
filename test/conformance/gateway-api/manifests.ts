// Resources as tests write them: names without a namespace lie in `infra`.
const GATEWAY_API = 'gateway.networking.k8s.io/v1';
export const INFRA = 'infra';

/** `namespace/name`, or a name in `infra`. */
export function qualified(name: string): string {
  return name.includes('/') ? name : `${INFRA}/${name}`;
}

function metadata(name: string, more: object = {}): object {
  const [namespace, short] = qualified(name).split('/');
  return { name: short, namespace, ...more };
}

export function resource(kind: string, name: string, spec: object, more: object = {}): object {
  const { apiVersion = GATEWAY_API, ...rest } = more as { apiVersion?: string };
  return { apiVersion, kind, metadata: metadata(name, rest), spec };
}

export type Listener = object;

/** A listener that takes routes of every namespace where `from` says so. */
export function http(name: string, more: Listener = {}): Listener {
  return { name, port: 80, protocol: 'HTTP', ...more };
}

export function https(name: string, secret: string, more: Listener = {}): Listener {
  return { name, port: 443, protocol: 'HTTPS', tls: certificate(secret), ...more };
}

export function certificate(...secrets: string[]): object {
  return {
    certificateRefs: secrets.map((secret) => {
      const [namespace, name] = secret.includes('/') ? secret.split('/') : [undefined, secret];
      return { name, ...(namespace === undefined ? {} : { namespace }) };
    }),
  };
}

export function from(which: string, selector?: object): object {
  const namespaces = { from: which, ...(selector === undefined ? {} : { selector }) };
  return { allowedRoutes: { namespaces } };
}

/** The kinds of routes that a listener takes. */
export function takes(...kinds: string[]): object {
  return { allowedRoutes: { kinds: kinds.map((kind) => ({ kind })) } };
}

export function tcp(name: string, port: number): Listener {
  return { name, port, protocol: 'TCP', ...takes('TCPRoute') };
}

/** A listener for TLS that reads no bytes; with a Secret it ends TLS itself. */
export function tls(name: string, secret: string | undefined, more: Listener = {}): Listener {
  const how =
    secret === undefined ? { mode: 'Passthrough' } : { mode: 'Terminate', ...certificate(secret) };
  return { name, port: 443, protocol: 'TLS', tls: how, ...takes('TLSRoute'), ...more };
}

export function gateway(name: string, listeners: readonly Listener[], spec: object = {}): object {
  return resource('Gateway', name, { gatewayClassName: 'windrose', listeners, ...spec });
}

export function listenerSet(name: string, parent: string, listeners: readonly Listener[]): object {
  const [first = '', second] = parent.split('/');
  const parentRef = {
    ...{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: second ?? first },
    ...(second === undefined ? {} : { namespace: first }),
  };
  return resource('ListenerSet', name, { parentRef, listeners });
}

/** Parents by name; a string is a Gateway. */
export type Parent = string | object;

function parentRefs(parents: Parent | readonly Parent[]): object[] {
  const list: readonly Parent[] = Array.isArray(parents) ? parents : [parents];
  return list.map((parent) => {
    if (typeof parent !== 'string') return parent;
    const [namespace, name] = parent.includes('/') ? parent.split('/') : [undefined, parent];
    return { name, ...(namespace === undefined ? {} : { namespace }) };
  });
}

export function route(
  kind: 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute',
  name: string,
  parents: Parent | readonly Parent[],
  rules: readonly object[],
  spec: object = {},
): object {
  return resource(kind, name, { parentRefs: parentRefs(parents), rules, ...spec });
}

export function httpRoute(
  name: string,
  parents: Parent | readonly Parent[],
  rules: readonly object[],
  spec: object = {},
): object {
  return route('HTTPRoute', name, parents, rules, spec);
}

/** A backend on port 8080: `name`, `namespace/name`, or a reference as it is. */
export function to(backend: string, more: object = {}): object {
  const [namespace, name] = backend.includes('/') ? backend.split('/') : [undefined, backend];
  return { name, ...(namespace === undefined ? {} : { namespace }), port: 8080, ...more };
}

/** A rule for these matches that leads to one backend. */
export function rule(
  matches: object | readonly object[] | undefined,
  backend: string | object | readonly object[] | undefined,
  more: object = {},
): object {
  const list = Array.isArray(matches) ? matches : [matches];
  const refs = typeof backend === 'string' ? [to(backend)] : backend;
  return {
    ...(matches === undefined ? {} : { matches: list }),
    ...(refs === undefined ? {} : { backendRefs: Array.isArray(refs) ? refs : [refs] }),
    ...more,
  };
}

export function prefix(value: string): { path: object } {
  return { path: { type: 'PathPrefix', value } };
}

export function exact(value: string): { path: object } {
  return { path: { type: 'Exact', value } };
}

export function headers(...pairs: [string, string][]): object {
  return { headers: pairs.map(([name, value]) => ({ name, value })) };
}

export function params(...pairs: [string, string][]): object {
  return { queryParams: pairs.map(([name, value]) => ({ name, value })) };
}

export function service(
  name: string,
  ports: readonly object[] = [{ port: 8080 }],
  spec: object = {},
): object {
  return resource('Service', name, { ports, ...spec }, { apiVersion: 'v1' });
}

/** Where a Service's endpoints are, each port at one address of the loopback. */
export function slice(of: string, ports: readonly { name?: string; port: number }[]): object {
  const [namespace, name] = qualified(of).split('/');
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'] }],
    ports,
  };
}

export function namespace(name: string, labels: Record<string, string>): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** A ReferenceGrant; the groups are Gateway API's and that of Services where none is given. */
export function grant(
  name: string,
  source: { group?: string; kind: string; namespace: string },
  target: { group?: string; kind: string; name?: string },
): object {
  return resource('ReferenceGrant', name, {
    from: [{ group: 'gateway.networking.k8s.io', ...source }],
    to: [{ group: '', ...target }],
  });
}

/** Grants that all but allow what they should, each wrong in one thing. */
export function wrongGrants(
  source: { kind: string; namespace: string },
  namespace: string,
  target: { kind: string; name: string },
): object[] {
  const other = 'not-the-one-you-are-looking-for';
  return [
    grant(`${source.namespace}/wrong-namespace`, source, target),
    grant(`${namespace}/wrong-from-group`, { ...source, group: other }, target),
    grant(`${namespace}/wrong-from-kind`, { ...source, kind: 'ListenerSet' }, target),
    grant(`${namespace}/wrong-from-namespace`, { ...source, namespace: other }, target),
    grant(`${namespace}/wrong-to-group`, source, { ...target, group: other }),
    grant(`${namespace}/wrong-to-kind`, source, { ...target, kind: 'Other' }),
    grant(`${namespace}/wrong-to-name`, source, { ...target, name: other }),
  ];
}

/** The Gateways that many tests of the suite share. */
export const SAME = gateway('same-namespace', [http('http', from('Same'))]);
export const ALL = gateway('all-namespaces', [http('http', from('All'))]);
export const BACKENDS = gateway('backend-namespaces', [
  http('http', from('Selector', { matchLabels: { conformance: 'backend' } })),
]);

export function set(name: string, value: string): object {
  return { set: [{ name, value }] };
}

export function requestHeaders(modifier: object): object {
  return { type: 'RequestHeaderModifier', requestHeaderModifier: modifier };
}

export function responseHeaders(modifier: object): object {
  return { type: 'ResponseHeaderModifier', responseHeaderModifier: modifier };
}
