import { keyOf } from '#contracts/names.ts';
import {
  GATEWAY_GROUP,
  type Gateway,
  type GatewayListener,
  type ListenerSet,
  type ParentRef,
  type RouteResource,
  parentRefsOf,
} from '#contracts/resources/index.ts';
import { ANY_HOST } from '../route/host-table.ts';
import { hostnamesMeet } from '../route/hostname.ts';
import { holderOf } from './host-kinds.ts';
import { protocolKinds, supportedKinds } from './listener-kinds.ts';
import { listenerName } from './listeners.ts';
import { takesFrom } from './namespaces.ts';
import { nameOf, namespaceOf, parentKey } from './refs.ts';
import type { ConditionTag, Report } from './report.ts';
import { toService } from './service-parents.ts';
import type { Attachment } from './units.ts';
import { type View, resourceAt } from './view.ts';

/** Where a route's matches go: to hostnames of listeners, and to ports of Services. */
export function compileParents(route: RouteResource, view: View, report: Report): Attachment[] {
  const attachments = new Map<string, Attachment>();
  const seen = new Set<string>();
  parentRefsOf(route).forEach((ref, index) => {
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
  if (kind !== 'Gateway' && kind !== 'ListenerSet' && kind !== 'Service') {
    const message = `a route attaches to a Gateway, a ListenerSet or a Service, not to a ${kind}`;
    report.add(`${path}.kind`, 'invalid_reference', message);
    return [];
  }
  const parent = resourceAt(view, kind, key);
  if (parent === undefined) {
    const where = ref.namespace === undefined ? '' : ` in ${ref.namespace}`;
    const message = `there is no ${kind} ${ref.name}${where}`;
    report.add(`${path}.name`, 'missing_reference', message);
    return [];
  }
  if (parent.kind === 'Service') return toService(route, ref, parent, path, view, report);
  const unit = view.compiled(key);
  // Of another controller: what it makes of the route is not ours to say.
  if (unit?.kind === 'gateway' && !unit.gateway.isOurs) return [];
  if (unit?.kind === 'listenerSet') {
    if (!unit.listenerSet.isOurs) return [];
    if (!unit.listenerSet.isAllowed) {
      const message = `the ListenerSet ${nameOf(parent)} has not joined a Gateway`;
      report.add(path, 'invalid_reference', message, 'see its conditions');
      return [];
    }
  }
  return toListeners(route, ref, parent, path, view, report);
}

const NO_HOSTNAME: ConditionTag = Object.freeze({
  type: 'Accepted',
  reason: 'NoMatchingListenerHostname',
});

function toListeners(
  route: RouteResource,
  ref: ParentRef,
  parent: Gateway | ListenerSet,
  path: string,
  view: View,
  report: Report,
): Attachment[] {
  const { sectionName, port } = ref;
  const label = `the ${parent.kind} ${nameOf(parent)}`;
  const chosen = parent.spec.listeners.filter((listener) => names(ref, listener));
  if (chosen.length === 0) {
    const [field, value] =
      sectionName === undefined ? ['port', port] : ['sectionName', sectionName];
    const message = `${label} has no listener with ${field} ${value ?? ''}`;
    report.add(`${path}.${field}`, 'missing_reference', message);
    return [];
  }
  const fitting = chosen.filter((listener) => protocolKinds(listener).includes(route.kind));
  if (fitting.length === 0) {
    const protocols = [...new Set(chosen.map(({ protocol }) => protocol))].join(' or ');
    const message = `a listener for ${protocols} takes no ${route.kind}`;
    report.add(path, 'invalid_reference', message);
    return [];
  }
  const ofKind = fitting.filter((listener) => supportedKinds(listener).includes(route.kind));
  if (ofKind.length === 0) {
    const message = `${label} takes no ${route.kind}`;
    report.add(path, 'invalid_reference', message, 'name it in allowedRoutes.kinds, or none there');
    return [];
  }
  const allowed = ofKind.filter((listener) => allows(listener, parent, route, view));
  if (allowed.length === 0) {
    const message = `${label} takes no routes of ${namespaceOf(route)}`;
    const hint = 'set allowedRoutes.namespaces on its listener: from: All, or a Selector';
    report.add(path, 'invalid_reference', message, hint);
    return [];
  }
  const attachments = allowed.flatMap((listener) => hostsAt(route, listener, parent));
  if (attachments.length === 0) {
    const message = 'no hostname of the route is one of the listener';
    report.add(path, 'invalid_reference', message, undefined, NO_HOSTNAME);
  }
  return attachments.filter((attachment) => isFree(attachment, route, parent, path, view, report));
}

function names({ sectionName, port }: ParentRef, listener: GatewayListener): boolean {
  return (
    (sectionName === undefined || listener.name === sectionName) &&
    (port === undefined || listener.port === port)
  );
}

/** False where an older route of another kind has the hostname of the listener. */
function isFree(
  { listener: name, hostname }: Extract<Attachment, { kind: 'listener' }>,
  route: RouteResource,
  parent: Gateway | ListenerSet,
  path: string,
  view: View,
  report: Report,
): boolean {
  const key = keyOf({
    kind: parent.kind,
    namespace: namespaceOf(parent),
    name: parent.metadata.name,
  });
  const isAt = (other: RouteResource): boolean =>
    parent.spec.listeners.some(
      (listener) =>
        listenerName(parent, listener.name) === name &&
        supportedKinds(listener).includes(other.kind) &&
        allows(listener, parent, other, view) &&
        parentRefsOf(other).some(
          (ref) => parentKey(ref, namespaceOf(other)) === key && names(ref, listener),
        ),
    );
  const holder = holderOf(route, key, hostname, isAt, view);
  if (holder === undefined) return true;
  const host = hostname === ANY_HOST ? 'every hostname' : hostname;
  const owner = `the ${holder.kind} ${nameOf(holder)}, which is older`;
  const message = `${host} of ${name} belongs to ${owner}`;
  const hint = 'a hostname has routes of one kind: give this one another hostname or listener';
  report.add(path, 'conflict', message, hint);
  return false;
}

function hostnamesOf(route: RouteResource): readonly string[] {
  return route.kind === 'TCPRoute' ? [] : (route.spec.hostnames ?? []);
}

function allows(
  listener: GatewayListener,
  parent: Gateway | ListenerSet,
  route: RouteResource,
  view: View,
): boolean {
  const { from = 'Same', selector } = listener.allowedRoutes?.namespaces ?? {};
  const wanted = selector === undefined ? { from } : { from, selector };
  return takesFrom(wanted, namespaceOf(parent), namespaceOf(route), view);
}

/**
 * The route's hostnames that meet the listener's. They stand in the table as the route writes
 * them, since that decides precedence; the listener has chosen its hosts before.
 */
function hostsAt(
  route: RouteResource,
  listener: GatewayListener,
  parent: Gateway | ListenerSet,
): Extract<Attachment, { kind: 'listener' }>[] {
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
      listener: listenerName(parent, listener.name),
      hostname,
    }));
}
