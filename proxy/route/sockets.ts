import { type ListenerSpec, transportOf } from '../snapshot/compiled.ts';
import { type WildcardTree, longestWildcard, wildcardTree } from './wildcards.ts';

/** The listeners that share one socket; the host decides between them. */
export interface SocketListeners {
  /** What the first bytes of a connection are; all listeners here agree. */
  readonly transport: ReturnType<typeof transportOf>;
  readonly exact: ReadonlyMap<string, ListenerSpec>;
  readonly wildcards: WildcardTree<ListenerSpec> | undefined;
  readonly any: ListenerSpec | undefined;
}

export type SocketTable = ReadonlyMap<string, SocketListeners>;

/**
 * Of two listeners with one hostname on one socket, that of the older Gateway is served; and on a
 * socket there is the transport of the oldest.
 */
export function socketTable(listeners: readonly ListenerSpec[]): SocketTable {
  const bySocket = new Map<string, ListenerSpec[]>();
  for (const spec of listeners) {
    for (const socket of spec.sockets) {
      const shared = bySocket.get(socket);
      if (shared === undefined) bySocket.set(socket, [spec]);
      else shared.push(spec);
    }
  }
  return new Map([...bySocket].map(([socket, specs]) => [socket, group(specs)]));
}

function group(specs: readonly ListenerSpec[]): SocketListeners {
  const exact = new Map<string, ListenerSpec>();
  const wildcards = new Map<string, ListenerSpec>();
  let any: ListenerSpec | undefined;
  const newestFirst = specs.toSorted(
    (a, b) => b.createdAt - a.createdAt || (a.name < b.name ? 1 : -1),
  );
  const transport = transportOf(newestFirst.at(-1)?.protocol ?? 'HTTP');
  for (const spec of newestFirst) {
    const { hostname } = spec;
    if (transportOf(spec.protocol) !== transport) continue;
    if (hostname === undefined) any = spec;
    else if (hostname.startsWith('*')) wildcards.set(hostname, spec);
    else exact.set(hostname, spec);
  }
  return { transport, exact, wildcards: wildcardTree(undefined, wildcards), any };
}

/** The exact hostname, then the longest wildcard, then the listener without one. */
export function listenerForHost(socket: SocketListeners, host: string): ListenerSpec | undefined {
  const exact = socket.exact.get(host);
  if (exact !== undefined) return exact;
  const { wildcards, any } = socket;
  return (wildcards && longestWildcard(wildcards, host)) ?? any;
}
