import {
  LISTENER_DEFAULT,
  MESH_LISTENER_DEFAULT,
  type PortSettings,
  type RequestRules,
  portOf,
  shareOf,
  strictest,
} from './listener/settings.ts';
import { serviceOfHost } from './route/service-host.ts';
import { listenerForHost, socketTable } from './route/sockets.ts';
import type { CompiledSnapshot, ListenerSpec } from './snapshot/compiled.ts';

/** Hosts of which an outbound remembers the rules; a workload chooses them, so there is a bound. */
const HOSTS_KNOWN_MAX = 1_024;

/**
 * The settings of each socket, by its name, of the listeners that a proxy serves. Where all of a
 * socket's listeners have the same rules, which is nearly always, the Host need not be asked.
 */
export function gatewayPorts(
  listeners: readonly ListenerSpec[],
  workers: number,
): ReadonlyMap<string, PortSettings> {
  const ports = new Map<string, PortSettings>();
  for (const [socket, table] of socketTable(listeners)) {
    const settings = listeners.flatMap((each) =>
      each.sockets.includes(socket) ? [each.settings] : [],
    );
    const strict = strictest(settings.map((each) => each.limits));
    const limits = shareOf(strict, workers);
    const [first = LISTENER_DEFAULT.rules, ...others] = settings.map(({ rules }) => rules);
    const rulesOf = (host: string): RequestRules =>
      (listenerForHost(table, host)?.settings ?? LISTENER_DEFAULT).rules;
    const isOne = others.every((rules) => rules === first);
    ports.set(
      socket,
      isOne ? portOf({ limits, rules: first }) : Object.freeze({ limits, rulesOf }),
    );
  }
  return ports;
}

export interface SidecarPorts {
  inbound: PortSettings;
  /** Where the host says who is called. */
  outbound: PortSettings;
  /** Of a local port that stands for the Service `namespace/name`. */
  towards(callee: string): PortSettings;
}

/**
 * A sidecar's ways in: its own Service's settings hold at its inbound, and at its outbound the
 * rules of whichever Service is called, so that every proxy on the way has the same.
 */
export function sidecarPorts(
  { services }: Pick<CompiledSnapshot, 'services'>,
  service: string | undefined,
  workers: number,
): SidecarPorts {
  const own = service === undefined ? undefined : services.get(service);
  const namespace = service?.slice(0, service.indexOf('/')) ?? '';
  const { limits, rules } = own?.listener ?? MESH_LISTENER_DEFAULT;
  const outboundLimits = shareOf(MESH_LISTENER_DEFAULT.limits, workers);
  const known = new Map<string, RequestRules>();
  const rulesOf = (host: string): RequestRules => {
    const called = serviceOfHost(host, namespace);
    const listener = called === undefined ? undefined : services.get(called)?.listener;
    const found = (listener ?? MESH_LISTENER_DEFAULT).rules;
    if (known.size < HOSTS_KNOWN_MAX) known.set(host, found);
    return found;
  };
  return {
    inbound: Object.freeze({
      ...portOf({ limits: shareOf(limits, workers), rules }),
      // How other proxies bring connections for a port that is never read.
      ...(own?.ports.some(({ isOpaque }) => isOpaque) === true ? { isProxy: true } : {}),
    }),
    outbound: Object.freeze({
      limits: outboundLimits,
      rulesOf: (host: string) => known.get(host) ?? rulesOf(host),
      isProxy: true,
    }),
    towards: (callee) =>
      portOf({
        limits: outboundLimits,
        rules: (services.get(callee)?.listener ?? MESH_LISTENER_DEFAULT).rules,
      }),
  };
}
