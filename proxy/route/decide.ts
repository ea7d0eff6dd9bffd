import type { RequestView } from '../exchange.ts';
import type {
  CompiledListener,
  CompiledRule,
  CompiledService,
  CompiledSnapshot,
  ListenerSpec,
} from '../snapshot/compiled.ts';
import type { RouteMatch } from './match.ts';
import type { Loser } from './path-table.ts';
import { serviceOfHost } from './service-host.ts';
import { type SocketListeners, type SocketTable, listenerForHost } from './sockets.ts';

const DEFAULT_HTTP_PORT = 80;

export type RouteInput = Pick<
  RequestView,
  'direction' | 'listener' | 'method' | 'host' | 'port' | 'path' | 'query' | 'headers'
> &
  Pick<RequestView, 'serverName' | 'isStream'>;

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
  const name = serviceOfHost(request.host, namespace);
  const called = name === undefined ? undefined : snapshot.services.get(name);
  if (called === undefined) return none('this host is no Service of the mesh');
  const port = portOf(called, request.port);
  if (port === undefined) return none('the Service has no such port', undefined, called);
  const routes = snapshot.meshRoutes.get(called.name)?.ports.get(port);
  if (routes === undefined) return { kind: 'service', service: called, port };
  const match = routes.find(request, losers);
  if (match === undefined) return none('no route of this Service matches', undefined, called);
  return { kind: 'rule', match, listener: undefined, service: called };
}

function decideInbound({ snapshot, service }: DecideInput): Decision {
  const own = service === undefined ? undefined : snapshot.services.get(service);
  if (own === undefined) return none('the Service of this sidecar is not in the configuration');
  return { kind: 'inbound', service: own };
}

/** Without a port a client means 80, as HTTP says; a Service without port 80 means its first. */
function portOf(service: CompiledService, asked: number | undefined): number | undefined {
  const has = (port: number): boolean => service.ports.some((other) => other.port === port);
  if (asked !== undefined) return has(asked) ? asked : undefined;
  return has(DEFAULT_HTTP_PORT) ? DEFAULT_HTTP_PORT : service.ports[0]?.port;
}

function none(
  message: string,
  listener?: CompiledListener,
  service?: CompiledService,
): Extract<Decision, { kind: 'none' }> {
  return { kind: 'none', reason: 'no_route', message, listener, service };
}
