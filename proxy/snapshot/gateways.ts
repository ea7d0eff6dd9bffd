import { isIP } from 'node:net';
import { type ResourceKey, keyOf } from '#contracts/names.ts';
import {
  CONTROLLER_NAME,
  DEFAULT_GATEWAY_CLASS,
  type Gateway,
  type GatewayClass,
  type ListenerSet,
} from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import { type ListenerStanding, standingsOf } from './listener-conflicts.ts';
import { readClientCertificate, readClients } from './listener-tls.ts';
import { compileListeners } from './listeners.ts';
import { checkFrom, takesFrom } from './namespaces.ts';
import { nameOf, namespaceOf } from './refs.ts';
import { type ConditionTag, NOT_HONORED, type Report } from './report.ts';
import type { GatewayUnit } from './units.ts';
import { type View, resourceAt } from './view.ts';

const NOT_OURS: GatewayUnit = Object.freeze<GatewayUnit>({
  isOurs: false,
  context: undefined,
  listeners: Object.freeze([]),
  sets: new Map(),
});

export function compileClass({ spec }: GatewayClass, report: Report): void {
  if (spec.controllerName !== CONTROLLER_NAME || spec.parametersRef === undefined) return;
  const { kind } = spec.parametersRef;
  const message = `a class takes no parameters of kind ${kind}`;
  const hint = 'leave parametersRef out; policies of windrose.dev configure Gateways';
  report.add('spec.parametersRef', 'invalid_reference', message, hint, INVALID_PARAMETERS);
}

/** A Gateway with the standings of all ListenerSets that it lets join. */
export function compileGateway(
  gateway: Gateway,
  entry: StateEntry,
  view: View,
  report: Report,
): GatewayUnit {
  if (!isOurs(gateway, view, report)) return NOT_OURS;
  checkFrom(gateway.spec.allowedListeners?.namespaces, 'spec.allowedListeners.namespaces', report);
  const isPlain = [checkClass(gateway, view, report), checkInfrastructure(gateway, report)];
  const addresses = addressesOf(gateway, report);
  const context = Object.freeze({
    key: entry.key,
    name: nameOf(gateway),
    createdAt: entry.createdAt,
    addresses: addresses ?? [],
    clientsAt: readClients(gateway, view, report),
    clientCertificate: readClientCertificate(gateway, view, report),
  });
  const isUsable = !isPlain.includes(false) && addresses !== undefined;
  const joining = joiningSets(gateway, entry.key, view);
  const [own = [], ...others] = standingsOf([
    { label: 'its Gateway', listeners: gateway.spec.listeners },
    ...joining.map((set) => ({
      label: `the ListenerSet ${nameOf(set.resource)}`,
      listeners: set.resource.spec.listeners,
    })),
  ]);
  const listeners = compileListeners(gateway, entry, context, own, view, report);
  return Object.freeze({
    isOurs: true,
    context: isUsable ? context : undefined,
    listeners: Object.freeze(isUsable ? listeners : []),
    sets: new Map<ResourceKey, readonly ListenerStanding[]>(
      joining.map(({ key }, index) => [key, others[index] ?? []]),
    ),
  });
}

/** A class of another controller makes the Gateway none of ours, which is no problem. */
function isOurs(gateway: Gateway, view: View, report: Report): boolean {
  const name = gateway.spec.gatewayClassName;
  const declared = resourceAt(view, 'GatewayClass', keyOf({ kind: 'GatewayClass', name }));
  if (declared !== undefined) return declared.spec.controllerName === CONTROLLER_NAME;
  if (name === DEFAULT_GATEWAY_CLASS) return true;
  const hint = `the class ${DEFAULT_GATEWAY_CLASS} needs no declaration`;
  const message = `there is no GatewayClass ${name}`;
  report.add('spec.gatewayClassName', 'missing_reference', message, hint);
  return false;
}

/** False: its class asks for parameters, without which it would be another one. */
function checkClass(gateway: Gateway, view: View, report: Report): boolean {
  const name = gateway.spec.gatewayClassName;
  const declared = resourceAt(view, 'GatewayClass', keyOf({ kind: 'GatewayClass', name }));
  if (declared?.spec.parametersRef === undefined) return true;
  const message = `the GatewayClass ${name} is not accepted: see its conditions`;
  report.note('spec.gatewayClassName', message, INVALID_PARAMETERS);
  return false;
}

const INVALID_PARAMETERS: ConditionTag = Object.freeze({
  type: 'Accepted',
  reason: 'InvalidParameters',
});

/** False: the Gateway itself does. */
function checkInfrastructure({ spec }: Gateway, report: Report): boolean {
  const { infrastructure, defaultScope } = spec;
  if (defaultScope === 'All') {
    const message =
      'routes attach by their parentRefs only: no route takes this Gateway by default';
    report.note('spec.defaultScope', message, NOT_HONORED);
  }
  if (infrastructure === undefined) return true;
  if (infrastructure.labels !== undefined || infrastructure.annotations !== undefined) {
    const message = 'a proxy makes no other objects that could carry labels and annotations';
    report.note('spec.infrastructure', message, NOT_HONORED);
  }
  if (infrastructure.parametersRef === undefined) return true;
  const message = `a Gateway takes no parameters of kind ${infrastructure.parametersRef.kind}`;
  const hint = 'leave parametersRef out; policies of windrose.dev configure Gateways';
  const path = 'spec.infrastructure.parametersRef';
  report.add(path, 'invalid_reference', message, hint, INVALID_PARAMETERS);
  return false;
}

/** The ListenerSets that point here and may, the oldest first. */
function joiningSets(
  gateway: Gateway,
  key: ResourceKey,
  view: View,
): { key: ResourceKey; resource: ListenerSet }[] {
  const from = gateway.spec.allowedListeners?.namespaces;
  if (from === undefined) return [];
  return view.attached(key).flatMap((entry) => {
    const { resource } = entry;
    if (resource.kind !== 'ListenerSet') return [];
    if (!takesFrom(from, namespaceOf(gateway), namespaceOf(resource), view)) return [];
    return [{ key: entry.key, resource }];
  });
}

/**
 * IP addresses that a proxy can listen at; empty: its default address. Undefined: none of those
 * asked for can be used, and to listen elsewhere instead would be to listen to others; or one is of
 * a type with which the Gateway is not accepted.
 */
function addressesOf(gateway: Gateway, report: Report): readonly string[] | undefined {
  const addresses: string[] = [];
  let unusable = 0;
  let isAccepted = true;
  gateway.spec.addresses?.forEach(({ type = 'IPAddress', value = '', routability }, index) => {
    const path = `spec.addresses[${index}]`;
    if (routability !== undefined && routability !== '') {
      const message = 'where an address can be reached from is not for a proxy to choose';
      report.note(`${path}.routability`, message, NOT_HONORED);
    }
    if (type !== 'IPAddress') {
      isAccepted = false;
      const message = `an address of type ${type} cannot be listened at`;
      const hint = 'write an IP address of the machine, or leave it out';
      const condition = { type: 'Accepted', reason: 'UnsupportedAddress' };
      report.add(`${path}.type`, 'not_supported_yet', message, hint, condition);
    } else if (value === '') {
      return;
    } else if (isIP(value) === 0) {
      unusable++;
      const condition = { type: 'Programmed', reason: 'AddressNotUsable' };
      const message = `${value} is no IP address`;
      report.add(`${path}.value`, 'invalid_value', message, undefined, condition);
    } else if (addresses.includes(value)) {
      const message = `${value} stands twice here`;
      report.add(`${path}.value`, 'duplicate', message, undefined, NOT_HONORED);
    } else addresses.push(value);
  });
  if (!isAccepted || (addresses.length === 0 && unusable > 0)) return undefined;
  return Object.freeze(addresses);
}
