import type { ProxyRole } from '#contracts/events.ts';
import { type CompiledSnapshot, type ListenerSpec, socketName } from './snapshot/compiled.ts';

/** What of a mesh one proxy serves. */
export interface Scope {
  role: ProxyRole;
  /** Name of the proxy. */
  proxy: string;
  /** `namespace/name` of the Gateways to serve; undefined: every Gateway of the mesh. */
  gateways: readonly string[] | undefined;
  /** `namespace/name` of a sidecar's Service. */
  service: string | undefined;
  /** Local limits are divided by it. */
  workers: number;
  /** Where Gateways without addresses of their own listen; undefined: it makes no difference. */
  defaultAddress?: string;
}

/**
 * The edge listeners that a proxy has to open for this snapshot, sorted by name. Those on the
 * default address share a socket with those that name the same address: one port is one socket.
 */
export function servedListeners(
  snapshot: CompiledSnapshot,
  scope: Pick<Scope, 'role' | 'gateways' | 'defaultAddress'>,
): readonly ListenerSpec[] {
  if (scope.role === 'sidecar') return [];
  const { gateways, defaultAddress } = scope;
  const served =
    gateways === undefined
      ? snapshot.listeners
      : snapshot.listeners.filter((listener) => gateways.includes(listener.gateway));
  if (defaultAddress === undefined) return served;
  return served.map((listener) => {
    if (listener.addresses.length > 0) return listener;
    const sockets = [socketName(defaultAddress, listener.port)];
    return { ...listener, addresses: [defaultAddress], sockets };
  });
}
