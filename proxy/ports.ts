import {
  LISTENER_DEFAULT,
  type PortSettings,
  type RequestRules,
  shareOf,
  strictest,
} from './listener/settings.ts';
import { listenerForHost, socketTable } from './route/sockets.ts';
import type { ListenerSpec } from './snapshot/compiled.ts';

/**
 * The settings of each socket, by its name, of the listeners that a proxy serves. Where all of a
 * socket's listeners have the same rules, which is nearly always, the Host need not be asked.
 */
export function portSettings(
  listeners: readonly ListenerSpec[],
  workers: number,
): ReadonlyMap<string, PortSettings> {
  const ports = new Map<string, PortSettings>();
  for (const [socket, table] of socketTable(listeners)) {
    const sharing = listeners.filter(({ sockets }) => sockets.includes(socket));
    const limits = strictest(sharing.map(({ settings }) => settings.limits));
    const rules = new Set<RequestRules>(sharing.map(({ settings }) => settings.rules));
    const [first = LISTENER_DEFAULT.rules] = rules;
    ports.set(
      socket,
      Object.freeze({
        limits: shareOf(limits, workers),
        rulesOf:
          rules.size === 1
            ? () => first
            : (host: string) => (listenerForHost(table, host)?.settings ?? LISTENER_DEFAULT).rules,
      }),
    );
  }
  return ports;
}
