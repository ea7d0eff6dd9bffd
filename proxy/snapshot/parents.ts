import {
  GATEWAY_GROUP,
  type Gateway,
  type GatewayListener,
  type ParentRef,
  type RouteResource,
  type Service,
} from '#contracts/resources/index.ts';
import { ANY_HOST } from '../route/host-table.ts';
import { hostnamesMeet } from '../route/hostname.ts';
import { listenerName } from './gateways.ts';
import { nameOf, namespaceOf, parentKey } from './refs.ts';
import type { Report } from './report.ts';
import type { Attachment } from './units.ts';
import { type View, resourceAt } from './view.ts';

/** Where a route's matches go: to hostnames of listeners, and to ports of Services. */
export function compileParents(route: RouteResource, view: View, report: Report): Attachment[] {
  const attachments = new Map<string, Attachment>();
  const seen = new Set<string>();
  const toServices = route.spec.parentRefs.filter((ref) => ref.kind === 'Service').length;
  if (toServices === route.spec.parentRefs.length && hostnamesOf(route).length > 0) {
    const message = 'a route of Services has no hostnames: the Service is the host';
    report.add('spec.hostnames', 'invalid_value', message);
  }
  route.spec.parentRefs.forEach((ref, index) => {
    const path = `spec.parentRefs[${index}]`;
    const { sectionName = '', port = '' } = ref;
    const key = parentKey(ref, namespaceOf(route));
    const label = `${key} ${sectionName} ${port}`;
    if (seen.has(label)) report.add(path, 'duplicate', 'the same parent stands twice here');
    seen.add(label);
    checkGroup(ref, path, report);
    for (const attachment of attachmentsOf(route, ref, path, view, report)) {
      attachments.set(JSON.stringify(attachment), Object.freeze(attachment));
    }
  });
  return [...attachments.values()];
}

function checkGroup(ref: ParentRef, path: string, report: Report): void {
  const kind = ref.kind ?? 'Gateway';
  const expected = kind === 'Service' ? '' : GATEWAY_GROUP;
  if (ref.group === undefined || ref.group === expected) return;
  const hint = `write group: ${expected === '' ? '""' : expected}`;
  report.add(`${path}.group`, 'invalid_value', `${kind} is not of group ${ref.group}`, hint);
}

function attachmentsOf(
  route: RouteResource,
  ref: ParentRef,
  path: string,
  view: View,
  report: Report,
): Attachment[] {
  const kind = ref.kind ?? 'Gateway';
  const key = parentKey(ref, namespaceOf(route));
  const parent = resourceAt(view, kind, key);
  if (parent === undefined) {
    const where = ref.namespace === undefined ? '' : ` in ${ref.namespace}`;
    const message = `there is no ${kind} ${ref.name}${where}`;
    report.add(`${path}.name`, 'missing_reference', message);
    return [];
  }
  return parent.kind === 'Service'
    ? toService(route, ref, parent, path, report)
    : toGateway(route, ref, parent, path, report);
}

function toGateway(
  route: RouteResource,
  ref: ParentRef,
  gateway: Gateway,
  path: string,
  report: Report,
): Attachment[] {
  const { sectionName, port } = ref;
  const chosen = gateway.spec.listeners.filter(
    (listener) =>
      (sectionName === undefined || listener.name === sectionName) &&
      (port === undefined || listener.port === port),
  );
  if (chosen.length === 0) {
    const [field, value] =
      sectionName === undefined ? ['port', port] : ['sectionName', sectionName];
    const message = `the Gateway ${ref.name} has no listener with ${field} ${value ?? ''}`;
    report.add(`${path}.${field}`, 'missing_reference', message);
    return [];
  }
  const fitting = chosen.filter((listener) => takes(listener, route));
  if (fitting.length === 0) {
    const protocols = [...new Set(chosen.map(({ protocol }) => protocol))].join(' or ');
    const message = `a listener for ${protocols} takes no ${route.kind}`;
    report.add(path, 'invalid_reference', message);
    return [];
  }
  const allowed = fitting.filter((listener) => allows(listener, gateway, route));
  if (allowed.length === 0) {
    const message = `the Gateway ${nameOf(gateway)} takes no routes of ${namespaceOf(route)}`;
    const hint = 'set allowedRoutes.namespaces.from: All on its listener';
    report.add(path, 'invalid_reference', message, hint);
    return [];
  }
  const attachments = allowed.flatMap((listener) => hostsAt(route, listener, gateway));
  if (attachments.length === 0) {
    const message = 'no hostname of the route is one of the listener';
    report.add(path, 'invalid_reference', message);
  }
  return attachments;
}

/** Which routes a protocol's listeners take, as Gateway API has it. */
function takes({ protocol, tls }: GatewayListener, route: RouteResource): boolean {
  switch (route.kind) {
    case 'HTTPRoute':
      return protocol === 'HTTP' || protocol === 'HTTPS';
    case 'TLSRoute':
      return protocol === 'TLS';
    case 'TCPRoute':
      return protocol === 'TCP' || (protocol === 'TLS' && tls?.mode !== 'Passthrough');
    default:
      return route satisfies never;
  }
}

function hostnamesOf(route: RouteResource): readonly string[] {
  return route.kind === 'TCPRoute' ? [] : (route.spec.hostnames ?? []);
}

function allows(listener: GatewayListener, gateway: Gateway, route: RouteResource): boolean {
  const from = listener.allowedRoutes?.namespaces?.from ?? 'Same';
  return from === 'All' || namespaceOf(gateway) === namespaceOf(route);
}

/**
 * The route's hostnames that meet the listener's. They stand in the table as the route writes
 * them, since that decides precedence; the listener has chosen its hosts before.
 */
function hostsAt(route: RouteResource, listener: GatewayListener, gateway: Gateway): Attachment[] {
  const hostnames = hostnamesOf(route);
  const written: readonly string[] = hostnames.length === 0 ? [ANY_HOST] : hostnames;
  return written
    .filter(
      (hostname) =>
        hostname === ANY_HOST ||
        listener.hostname === undefined ||
        hostnamesMeet(hostname, listener.hostname),
    )
    .map((hostname) => ({
      kind: 'listener',
      listener: listenerName(nameOf(gateway), listener.name),
      hostname,
    }));
}

function toService(
  route: RouteResource,
  ref: ParentRef,
  service: Service,
  path: string,
  report: Report,
): Attachment[] {
  if (route.kind !== 'HTTPRoute') {
    const message = `a ${route.kind} for a Service is not supported by this version yet`;
    report.add(`${path}.kind`, 'not_supported_yet', message);
    return [];
  }
  if (namespaceOf(service) !== namespaceOf(route)) {
    const message =
      'a route for a Service of another namespace is not supported by this version yet';
    report.add(`${path}.namespace`, 'not_supported_yet', message);
    return [];
  }
  const { sectionName, port } = ref;
  const chosen = service.spec.ports.filter(
    (each) =>
      (sectionName === undefined || each.name === sectionName) &&
      (port === undefined || each.port === port),
  );
  if (chosen.length === 0) {
    const [field, value] =
      sectionName === undefined ? ['port', port] : ['sectionName', sectionName];
    const message = `the Service ${ref.name} has no port with ${field} ${value ?? ''}`;
    report.add(`${path}.${field}`, 'missing_reference', message);
  }
  return chosen.map((each) => ({ kind: 'service', service: nameOf(service), port: each.port }));
}
