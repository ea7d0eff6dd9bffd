import type { ProxyRole } from '#contracts/events.ts';
import type { CompiledSnapshot, ListenerSpec } from './snapshot/compiled.ts';

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
}

/** The edge listeners that a proxy has to open for this snapshot, sorted by name. */
export function servedListeners(
  snapshot: CompiledSnapshot,
  scope: Pick<Scope, 'role' | 'gateways'>,
): readonly ListenerSpec[] {
  if (scope.role === 'sidecar') return [];
  const { gateways } = scope;
  if (gateways === undefined) return snapshot.listeners;
  return snapshot.listeners.filter((listener) => gateways.includes(listener.gateway));
}
