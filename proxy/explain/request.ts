import { isIP } from 'node:net';
import type { ExplainRequest } from '#contracts/api/config.ts';
import type { RequestView } from '../exchange.ts';
import { HeaderList } from '../headers.ts';
import { readAuthority } from '../listener/host.ts';
import { checkNames } from '../listener/head.ts';
import { type Refusal, refuse } from '../listener/refusal.ts';
import { LISTENER_DEFAULT, type RequestRules } from '../listener/settings.ts';
import { normalisePath, readTarget } from '../listener/target.ts';
import { sidecarPorts } from '../ports.ts';
import { type SocketTable, listenerForHost, socketTable } from '../route/sockets.ts';
import type { CompiledSnapshot, ListenerSpec } from '../snapshot/compiled.ts';

/** The socket on which an explained request arrives at the edge. */
const SOCKET = 'explain';
const DEFAULT_PORTS = { http: 80, https: 443 } as const;
type Scheme = keyof typeof DEFAULT_PORTS;

export type ReadRequest = { ok: true; view: RequestView; sockets: SocketTable } | Refusal;

/** Reads the request as the proxy's own parser would; `gateways` narrows the edge. */
export function readExplainRequest(
  snapshot: CompiledSnapshot,
  request: ExplainRequest,
  gateways: readonly string[] | undefined,
): ReadRequest {
  const headers = new HeaderList();
  for (const [name, value] of Object.entries(request.headers ?? {})) headers.add(name, value);
  const scheme: Scheme = /^https:/i.test(request.url) ? 'https' : 'http';
  const target = readTarget(request.method, request.url, scheme);
  if (!target.ok) return target;
  const url =
    target.value.authority === undefined ? undefined : readAuthority(target.value.authority);
  if (url?.ok === false) return url;
  const named = headers.get('host');
  const asked = named === undefined ? url : readAuthority(named);
  if (asked === undefined) return refuse('the request names no host');
  if (!asked.ok) return asked;
  const direction = request.from === undefined ? 'edge' : 'outbound';
  const port = url?.value.port;
  const protocol = scheme === 'https' ? 'HTTPS' : 'HTTP';
  const served = snapshot.listeners.filter(
    (listener) =>
      listener.protocol === protocol &&
      (gateways === undefined || gateways.includes(listener.gateway)),
  );
  const listeners = listenersAt(served, url?.value.host, port, scheme);
  const sockets = socketTable(listeners.map(atSocket));
  const { host } = asked.value;
  const rules =
    direction === 'edge'
      ? rulesAt(sockets, host)
      : sidecarPorts(snapshot, request.from, 1).outbound.rulesOf(host);
  const path = normalisePath(target.value.path, rules.escapedSlash);
  if (!path.ok) return path;
  const believed = checkNames(headers, rules);
  if (!believed.ok) return believed;
  const view: RequestView = {
    direction,
    listener: direction === 'edge' ? SOCKET : direction,
    method: request.method,
    host,
    port: asked.value.port ?? port,
    path: path.value,
    query: target.value.query,
    headers: believed.value,
    hasBody: false,
    protocol: 'http/1.1',
    clientAddress: '',
    ...(scheme === 'https' ? securely(direction, host) : {}),
  };
  return { ok: true, view, sockets };
}

/** An edge ends TLS or passes it on; an outbound only passes it on, as bytes. */
function securely(direction: RequestView['direction'], host: string): Partial<RequestView> {
  if (direction === 'outbound') return { isStream: true, protocol: 'tls' };
  return { scheme: 'https', serverName: host };
}

function rulesAt(sockets: SocketTable, host: string): RequestRules {
  const socket = sockets.get(SOCKET);
  const listener = socket === undefined ? undefined : listenerForHost(socket, host);
  return (listener?.settings ?? LISTENER_DEFAULT).rules;
}

/**
 * The listeners that a URL reaches. A URL that names no port and meets no listener on its scheme's
 * own means all of them: people ask about hosts and paths, and the port is the demo's or the load
 * balancer's.
 */
function listenersAt(
  all: readonly ListenerSpec[],
  host: string | undefined,
  port: number | undefined,
  scheme: Scheme,
): readonly ListenerSpec[] {
  const onPort = all.filter((listener) => listener.port === (port ?? DEFAULT_PORTS[scheme]));
  if (port === undefined && onPort.length === 0) return all;
  if (host === undefined || isIP(host) === 0) return onPort;
  const onAddress = onPort.filter((listener) => listener.addresses.includes(host));
  return onAddress.length > 0 ? onAddress : onPort;
}

function atSocket(listener: ListenerSpec): ListenerSpec {
  return { ...listener, sockets: [SOCKET] };
}
