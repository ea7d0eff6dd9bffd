import type { RequestView } from '../exchange.ts';
import type {
  CompiledListener,
  CompiledRule,
  CompiledService,
  CompiledSnapshot,
  ListenerSpec,
  PortRoutes,
} from '../snapshot/compiled.ts';
import type { RouteMatch } from './match.ts';
import type { Loser } from './path-table.ts';
import { serviceOfHost } from './service-host.ts';
import { type SocketListeners, type SocketTable, listenerForHost } from './sockets.ts';

const DEFAULT_HTTP_PORT = 80;
const DEFAULT_TLS_PORT = 443;

export type RouteInput = Pick<
  RequestView,
  'direction' | 'listener' | 'method' | 'host' | 'port' | 'path' | 'query' | 'headers'
> &
  Pick<RequestView, 'serverName' | 'isStream' | 'protocol' | 'callee'>;

export interface DecideInput {
  snapshot: CompiledSnapshot;
  /** Of the listeners that this proxy serves. */
  sockets: SocketTable;
  /** `namespace/name` of a sidecar's Service; undefined on a gateway. */
  service: string | undefined;
  request: RouteInput;
  /** Filled with the matches that lost, for `explain`. */
  losers?: Loser<CompiledRule>[];
}

/** Where a request goes, before any policy. */
export type Decision =
  /** A rule of a route: at the edge with its listener, in the mesh with the called Service. */
  | {
      kind: 'rule';
      match: RouteMatch<CompiledRule>;
      listener: CompiledListener | undefined;
      service: CompiledService | undefined;
    }
  /** A Service without mesh routes on this port. */
  | { kind: 'service'; service: CompiledService; port: number }
  /** A host that is no Service, and may be called all the same. */
  | { kind: 'outside'; host: string; port: number }
  /** The sidecar's own application. */
  | { kind: 'inbound'; service: CompiledService }
  /** `listener`: the one whose routes were searched; `service`: the one whose mesh routes were. */
  | {
      kind: 'none';
      reason: 'no_route' | 'misdirected';
      message: string;
      listener: CompiledListener | undefined;
      service: CompiledService | undefined;
    };

/** The route phase: a pure function of snapshot and request. */
export function decide(input: DecideInput): Decision {
  switch (input.request.direction) {
    case 'edge':
      return decideEdge(input);
    case 'outbound':
      return decideOutbound(input);
    case 'inbound':
      return decideInbound(input);
    default:
      return input.request.direction satisfies never;
  }
}

function decideEdge({ snapshot, sockets, request, losers }: DecideInput): Decision {
  const socket = sockets.get(request.listener);
  const spec = socket === undefined ? undefined : listenerForHost(socket, request.host);
  const listener =
    spec === undefined || !serves(spec, request) ? undefined : snapshot.edge.get(spec.name);
  if (listener !== undefined && socket !== undefined && isMisdirected(socket, listener, request)) {
    return { ...none('this connection is for another host', listener), reason: 'misdirected' };
  }
  if (listener === undefined) return none('no listener here serves this host');
  const match = listener.hosts.find(request, losers);
  if (match === undefined) return none('no route matches this request', listener);
  return { kind: 'rule', match, listener, service: undefined };
}

/** A port may have changed its protocol since the connection was made. */
function serves({ protocol }: ListenerSpec, { isStream, serverName }: RouteInput): boolean {
  if (isStream === true) return protocol === 'TLS' || protocol === 'TCP';
  return protocol === (serverName === undefined ? 'HTTP' : 'HTTPS');
}

/**
 * The handshake chose a listener by the server name, and with it the certificate; a request for
 * the host of another one came to the wrong connection (RFC 9110 section 15.5.20).
 */
function isMisdirected(
  socket: SocketListeners,
  { spec }: CompiledListener,
  { host, serverName }: RouteInput,
): boolean {
  if (serverName === undefined || serverName === host) return false;
  return listenerForHost(socket, serverName)?.name !== spec.name;
}

function decideOutbound({ snapshot, service, request, losers }: DecideInput): Decision {
  const namespace = service?.slice(0, service.indexOf('/')) ?? '';
  const { callee } = request;
  const name = callee === undefined ? serviceOfHost(request.host, namespace) : callee.service;
  const called = name === undefined ? undefined : snapshot.services.get(name);
  if (called === undefined) return decideUnknown(snapshot, request);
  const isStream = request.isStream === true;
  const port = portOf(called, callee === undefined ? request.port : callee.port, isStream);
  if (port === undefined) return none('the Service has no such port', undefined, called);
  const routes = meshRoutesOf(snapshot, called.name, port, namespace);
  if (routes === undefined) return { kind: 'service', service: called, port };
  if (!takes(routes.kind, request)) {
    const what = isStream ? 'the bytes of a connection' : 'requests in the clear';
    return none(`the ${routes.kind}s of this Service do not take ${what}`, undefined, called);
  }
  const match = routes.table.find(request, losers);
  if (losers !== undefined) noteReplaced(snapshot, called.name, port, routes, request, losers);
  if (match === undefined) return none('no route of this Service matches', undefined, called);
  return { kind: 'rule', match, listener: undefined, service: called };
}

/**
 * The rule of the Service's own mesh routes for a request that a Gateway's rule has led to it: the
 * producer's, since a Gateway is no caller of a namespace. `request` is what goes upstream.
 * Undefined: it has no routes for that port.
 */
export function decideFurther(
  snapshot: CompiledSnapshot,
  service: string,
  port: number,
  request: RouteInput,
): RouteMatch<CompiledRule> | 'none' | undefined {
  const routes = snapshot.meshRoutes.get(service)?.producer.get(port);
  if (routes === undefined) return undefined;
  return takes(routes.kind, request) ? (routes.table.find(request) ?? 'none') : 'none';
}

/** Of a host that is no Service: the mesh says whether it may be called. */
function decideUnknown({ mesh }: CompiledSnapshot, request: RouteInput): Decision {
  const { callee, host, method, port } = request;
  if (callee !== undefined) {
    return none(`the Service ${callee.service} of this port is not in the configuration`);
  }
  if (!mesh.allowsUnknownHosts) {
    return none(host === '' ? 'no host is named' : 'this host is no Service of the mesh');
  }
  if (host === '') return none('no host is named');
  if (method === 'CONNECT') return none('CONNECT goes to Services of the mesh only');
  return { kind: 'outside', host, port: port ?? defaultPort(request.isStream === true) };
}

/** The caller's own namespace comes first, where it has routes for the port. */
function meshRoutesOf(
  snapshot: CompiledSnapshot,
  service: string,
  port: number,
  namespace: string,
): PortRoutes | undefined {
  const routes = snapshot.meshRoutes.get(service);
  if (routes === undefined) return undefined;
  return routes.consumers.get(namespace)?.get(port) ?? routes.producer.get(port);
}

/** What a producer's routes would have done, had the caller's namespace none of its own. */
function noteReplaced(
  snapshot: CompiledSnapshot,
  service: string,
  port: number,
  routes: PortRoutes,
  request: RouteInput,
  losers: Loser<CompiledRule>[],
): void {
  const producer = snapshot.meshRoutes.get(service)?.producer.get(port);
  if (producer === undefined || producer === routes || !takes(producer.kind, request)) return;
  const match = producer.table.find(request);
  if (match === undefined) return;
  const why =
    "it is the producer's, and the caller's namespace has routes of its own for this port";
  losers.push({ match, why });
}

/**
 * A request is bytes of a connection too, so a TCPRoute takes everything. What is in a tunnel that
 * was asked for by CONNECT is not looked at: a TLSRoute believes that it is TLS.
 */
function takes(kind: PortRoutes['kind'], { isStream, protocol }: RouteInput): boolean {
  switch (kind) {
    case 'GRPCRoute':
    case 'HTTPRoute':
      return isStream !== true;
    case 'TLSRoute':
      return isStream === true && protocol !== 'tcp';
    case 'TCPRoute':
      return true;
    default:
      return kind satisfies never;
  }
}

function decideInbound({ snapshot, service, request }: DecideInput): Decision {
  const own = service === undefined ? undefined : snapshot.services.get(service);
  if (own === undefined) return none('the Service of this sidecar is not in the configuration');
  if (request.isStream === true && !takesStreams(own, request)) {
    return none('this Service takes no connections whose bytes are not read', undefined, own);
  }
  return { kind: 'inbound', service: own };
}

/**
 * Another proxy brings a connection by CONNECT, and only for a port that says that nobody reads it:
 * what comes in a tunnel is not looked at, so no header in it is dropped and no request counted.
 */
function takesStreams({ name, ports }: CompiledService, { host, port }: RouteInput): boolean {
  const namespace = name.slice(0, name.indexOf('/'));
  if (serviceOfHost(host, namespace) !== name) return false;
  return ports.some((each) => each.isOpaque && each.port === port);
}

/**
 * Without a port a client means the one of its scheme, as HTTP says; a Service without that port
 * means its first.
 */
function portOf(
  service: CompiledService,
  asked: number | undefined,
  isStream: boolean,
): number | undefined {
  const has = (port: number): boolean => service.ports.some((other) => other.port === port);
  if (asked !== undefined) return has(asked) ? asked : undefined;
  const usual = defaultPort(isStream);
  return has(usual) ? usual : service.ports[0]?.port;
}

/** Whoever names a host and no port in a stream does so in a TLS handshake. */
function defaultPort(isStream: boolean): number {
  return isStream ? DEFAULT_TLS_PORT : DEFAULT_HTTP_PORT;
}

function none(
  message: string,
  listener?: CompiledListener,
  service?: CompiledService,
): Extract<Decision, { kind: 'none' }> {
  return { kind: 'none', reason: 'no_route', message, listener, service };
}
