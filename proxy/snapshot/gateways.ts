import { isIP } from 'node:net';
import { type ResourceKey, keyOf } from '#contracts/names.ts';
import { DEFAULT_GATEWAY_CLASS, type Gateway } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import { LISTENER_DEFAULT, type ListenerSettings } from '../listener/settings.ts';
import { type ListenerSpec, socketName, transportOf } from './compiled.ts';
import { readClientAuthorities, readClientCertificate, readListenerTls } from './listener-tls.ts';
import { policiesOf, securityOf } from './policies.ts';
import { nameOf } from './refs.ts';
import type { Report } from './report.ts';
import type { GatewayListenerUnit } from './units.ts';
import type { View } from './view.ts';

/** `Gateway/namespace/name/listener`. */
export function listenerName(gateway: string, listener: string): string {
  return `Gateway/${gateway}/${listener}`;
}

export function compileGateway(
  gateway: Gateway,
  entry: StateEntry,
  view: View,
  report: Report,
): GatewayListenerUnit[] {
  if (!hasClass(gateway, view, report)) return [];
  const name = nameOf(gateway);
  const addresses = addressesOf(gateway, report);
  const taken = new Map<string, string>();
  const names = new Set<string>();
  const transports = new Map<number, { transport: string; holder: string }>();
  const clientsAt = readClientAuthorities(gateway, report);
  const clientCertificate = readClientCertificate(gateway, report);
  return gateway.spec.listeners.flatMap((listener, index) => {
    const path = `spec.listeners[${index}]`;
    const place = `${listener.port} ${listener.hostname ?? ''}`;
    const holder = taken.get(place);
    if (names.has(listener.name)) {
      report.add(`${path}.name`, 'duplicate', `another listener is called ${listener.name}`);
      return [];
    }
    names.add(listener.name);
    if (holder !== undefined) {
      const message = `the listener ${holder} has the same port and hostname`;
      report.add(path, 'conflict', message);
      return [];
    }
    taken.set(place, listener.name);
    const transport = transportOf(listener.protocol);
    const first = transports.get(listener.port);
    if (first !== undefined && first.transport !== transport) {
      const message = `the listener ${first.holder} has the port for another protocol`;
      report.add(`${path}.protocol`, 'conflict', message);
      return [];
    }
    const read = readListenerTls(gateway, listener, clientsAt, path, report);
    if (!read.ok) return [];
    transports.set(listener.port, { transport, holder: listener.name });
    const spec: ListenerSpec = Object.freeze({
      name: listenerName(name, listener.name),
      gateway: name,
      addresses,
      port: listener.port,
      protocol: listener.protocol,
      ...(read.tls === undefined ? {} : { tls: read.tls }),
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
      ...(listener.hostname === undefined ? {} : { hostname: listener.hostname }),
      sockets: Object.freeze(
        addresses.length === 0
          ? [socketName(undefined, listener.port)]
          : addresses.map((address) => socketName(address, listener.port)),
      ),
      createdAt: entry.createdAt,
      settings: settingsOf(view, entry.key, listener.name),
    });
    const targets = [[entry.key, undefined] as const, [entry.key, listener.name] as const];
    return [Object.freeze({ spec, security: securityOf(view, targets) })];
  });
}

function hasClass(gateway: Gateway, view: View, report: Report): boolean {
  const name = gateway.spec.gatewayClassName;
  if (name === DEFAULT_GATEWAY_CLASS) return true;
  if (view.entry(keyOf({ kind: 'GatewayClass', name })) !== undefined) return true;
  const hint = `the class ${DEFAULT_GATEWAY_CLASS} needs no declaration`;
  const message = `there is no GatewayClass ${name}`;
  report.add('spec.gatewayClassName', 'missing_reference', message, hint);
  return false;
}

/** The more specific policy replaces the wider one whole (SEMANTICS.md). */
function settingsOf(view: View, gateway: ResourceKey, listener: string): ListenerSettings {
  for (const section of [listener, undefined]) {
    for (const { config } of policiesOf(view, gateway, section)) {
      if (config?.kind === 'ListenerPolicy') return config.edge;
    }
  }
  return LISTENER_DEFAULT;
}

function addressesOf(gateway: Gateway, report: Report): readonly string[] {
  const addresses: string[] = [];
  (gateway.spec.addresses ?? []).forEach(({ value }, index) => {
    const path = `spec.addresses[${index}].value`;
    if (isIP(value) === 0) report.add(path, 'invalid_value', `${value} is no IP address`);
    else if (addresses.includes(value)) report.add(path, 'duplicate', `${value} stands twice here`);
    else addresses.push(value);
  });
  return Object.freeze(addresses);
}
