import type { ResourceKey } from '#contracts/names.ts';
import {
  GATEWAY_GROUP,
  type Gateway,
  type GatewayListener,
  type ListenerSet,
  type RouteResource,
} from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import { LISTENER_DEFAULT } from '../listener/settings.ts';
import { type ListenerProtocol, type ListenerSpec, socketName } from './compiled.ts';
import type { ListenerStanding } from './listener-conflicts.ts';
import { protocolKinds, supportedKinds } from './listener-kinds.ts';
import { type ClientsAt, readListenerTls } from './listener-tls.ts';
import { checkFrom } from './namespaces.ts';
import { narrowest, securityOf } from './policies.ts';
import { nameOf } from './refs.ts';
import type { Report } from './report.ts';
import type { ListenerUnit } from './units.ts';
import type { View } from './view.ts';

/** `Gateway/namespace/name/listener`, or the same with `ListenerSet`. */
export function listenerName(owner: Gateway | ListenerSet, listener: string): string {
  return `${owner.kind}/${nameOf(owner)}/${listener}`;
}

/** What listeners have of their Gateway, also those of its ListenerSets. */
export interface GatewayContext {
  readonly key: ResourceKey;
  /** `namespace/name`. */
  readonly name: string;
  readonly createdAt: number;
  readonly addresses: readonly string[];
  readonly clientsAt: ClientsAt;
  readonly clientCertificate: string | undefined;
}

/** The listeners of a Gateway or of a ListenerSet that are served. */
export function compileListeners(
  owner: Gateway | ListenerSet,
  entry: StateEntry,
  gateway: GatewayContext,
  standings: readonly ListenerStanding[],
  view: View,
  report: Report,
): ListenerUnit[] {
  const names = new Set<string>();
  return owner.spec.listeners.flatMap((listener, index) => {
    const path = `spec.listeners[${index}]`;
    if (names.has(listener.name)) {
      report.add(`${path}.name`, 'duplicate', `another listener is called ${listener.name}`);
      return [];
    }
    names.add(listener.name);
    const kinds = checkKinds(listener, path, report);
    checkFrom(listener.allowedRoutes?.namespaces, `${path}.allowedRoutes.namespaces`, report);
    if (!isServed(listener)) {
      const message = `listeners for ${listener.protocol} are not served`;
      const hint = 'write HTTP, HTTPS, TLS or TCP';
      const condition = { type: 'Accepted', reason: 'UnsupportedProtocol' };
      report.add(`${path}.protocol`, 'not_supported_yet', message, hint, condition);
      return [];
    }
    const { conflict, overlaps } = standings[index] ?? {};
    if (conflict !== undefined) {
      const at = conflict.reason === 'ProtocolConflict' ? `${path}.protocol` : path;
      const condition = { type: 'Conflicted', reason: conflict.reason };
      report.add(at, 'conflict', conflict.message, 'give one of them another port', condition);
      return [];
    }
    if (overlaps !== undefined) {
      const message = `the listener ${overlaps} ends TLS for some of the same hosts`;
      const condition = { type: 'OverlappingTLSConfig', reason: 'OverlappingHostnames' };
      report.note(`${path}.hostname`, message, condition);
    }
    const read = readListenerTls(owner, listener, gateway.clientsAt, path, view, report);
    if (!read.ok || kinds.length === 0) return [];
    const own = [entry.key, listener.name] as const;
    const wider = owner.kind === 'Gateway' ? [] : [[gateway.key, undefined] as const];
    const levels = [...wider, [entry.key, undefined] as const, own];
    const spec: ListenerSpec = Object.freeze({
      name: listenerName(owner, listener.name),
      gateway: gateway.name,
      addresses: gateway.addresses,
      port: listener.port,
      protocol: listener.protocol,
      ...(read.tls === undefined ? {} : { tls: read.tls }),
      ...(gateway.clientCertificate === undefined
        ? {}
        : { clientCertificate: gateway.clientCertificate }),
      ...(listener.hostname === undefined ? {} : { hostname: listener.hostname }),
      sockets: socketsOf(gateway.addresses, listener.port),
      createdAt: Math.max(gateway.createdAt, entry.createdAt),
      settings: narrowest(view, levels, 'ListenerPolicy')?.edge ?? LISTENER_DEFAULT,
    });
    const records = narrowest(view, levels, 'TelemetryPolicy')?.records;
    return [Object.freeze({ spec, security: securityOf(view, levels), records })];
  });
}

function isServed(
  listener: GatewayListener,
): listener is GatewayListener & { protocol: ListenerProtocol } {
  return protocolKinds(listener).length > 0;
}

/** The kinds that stay; those that the protocol cannot serve are named. */
function checkKinds(
  listener: GatewayListener,
  path: string,
  report: Report,
): readonly RouteResource['kind'][] {
  const served: readonly string[] = protocolKinds(listener);
  if (served.length === 0) return [];
  listener.allowedRoutes?.kinds?.forEach(({ group = GATEWAY_GROUP, kind }, index) => {
    if (group === GATEWAY_GROUP && served.includes(kind)) return;
    const at = `${path}.allowedRoutes.kinds[${index}]`;
    const message = `a listener for ${listener.protocol} takes no ${kind}`;
    report.add(at, 'invalid_value', message, `write ${served.join(' or ')}`);
  });
  return supportedKinds(listener);
}

function socketsOf(addresses: readonly string[], port: number): readonly string[] {
  if (addresses.length === 0) return Object.freeze([socketName(undefined, port)]);
  return Object.freeze(addresses.map((address) => socketName(address, port)));
}
