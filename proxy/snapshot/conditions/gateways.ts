import type {
  Condition,
  Gateway,
  GatewayStatus,
  ListenerSet,
  ListenerSetStatus,
  ListenerStatus,
} from '#contracts/resources/index.ts';
import { gatewayTag } from './infer.ts';
import { listenerStatuses, listenersIn } from './listeners.ts';
import { Conditions, type Said, sayAll } from './said.ts';
import { type Subject, attachedTo } from './subject.ts';

const KNOWN: ReadonlySet<string> = new Set(['Accepted', 'Programmed', 'ResolvedRefs']);

/** Undefined: the Gateway is another controller's. */
export function gatewayStatus(subject: Subject, gateway: Gateway): GatewayStatus | undefined {
  const { compiled, findings, entry } = subject;
  if (compiled.kind !== 'gateway') return undefined;
  const { isOurs, context } = compiled.gateway;
  if (!isOurs && findings.length === 0) return undefined;
  const conditions = new Conditions(entry);
  const own = findings.filter((each) => listenersIn(each, gateway) === undefined);
  const said = sayAll(own, gatewayTag);
  const listeners = listenerStatuses(subject, gateway);
  const accepted = acceptedOf(conditions, said, listeners, 'Accepted');
  return {
    addresses: addressesOf(context?.addresses, said, subject),
    conditions: [
      accepted,
      programmedOf(conditions, said, accepted, listeners),
      resolvedOf(conditions, said, listeners),
      ...conditions.others(said, KNOWN),
    ],
    listeners,
    attachedListenerSets: [...attachedTo(subject, subject.key)].filter(isAttachedSet).length,
  };
}

export function listenerSetStatus(
  subject: Subject,
  set: ListenerSet,
): ListenerSetStatus | undefined {
  const { compiled, findings, entry } = subject;
  if (compiled.kind !== 'listenerSet' || !compiled.listenerSet.isOurs) return undefined;
  const conditions = new Conditions(entry);
  const own = findings.filter((each) => listenersIn(each, set) === undefined);
  const said = sayAll(own, gatewayTag);
  const listeners = listenerStatuses(subject, set);
  // Unlike a Gateway, a set none of whose listeners can be served is not accepted either.
  const accepted = acceptedOf(conditions, said, listeners, 'Programmed');
  return {
    conditions: [
      accepted,
      setProgrammedOf(conditions, accepted),
      ...conditions.others(said, KNOWN),
    ],
    listeners,
  };
}

function isAttachedSet(subject: Subject): boolean {
  const { resource } = subject.entry;
  if (resource.kind !== 'ListenerSet') return false;
  const [accepted] = listenerSetStatus(subject, resource)?.conditions ?? [];
  return accepted?.status === 'True';
}

/** Without those that a proxy's machine does not have. */
function addressesOf(
  addresses: readonly string[] | undefined,
  said: readonly Said[],
  { live }: Subject,
): GatewayStatus['addresses'] {
  if (addresses === undefined) return [];
  const used = addresses.length > 0 || live.address === undefined ? addresses : [live.address];
  return used
    .filter((value) => !said.some(({ path }) => path === `spec.addresses[value=${value}]`))
    .map((value) => ({ type: 'IPAddress', value }));
}

function isTrue({ conditions }: ListenerStatus, type: string): boolean {
  return conditions.some((each) => each.type === type && each.status === 'True');
}

function namesOf(listeners: readonly ListenerStatus[]): string {
  return listeners.map(({ name }) => name).join(', ');
}

/** True with some listeners that are not valid, which `type` tells; false when none is. */
function acceptedOf(
  conditions: Conditions,
  said: readonly Said[],
  listeners: readonly ListenerStatus[],
  type: 'Accepted' | 'Programmed',
): Condition {
  const own = conditions.unless(said, 'Accepted', 'Accepted', 'it is valid');
  const bad = listeners.filter((each) => !isTrue(each, type));
  if (own.status !== 'True' || bad.length === 0) return own;
  const names = namesOf(bad);
  if (bad.length === listeners.length) {
    const message = `no listener is valid (${names}): see their conditions`;
    return conditions.isFalse('Accepted', 'ListenersNotValid', message);
  }
  const message = `listeners that are not valid: ${names}; see their conditions`;
  return conditions.isTrue('Accepted', 'ListenersNotValid', message);
}

function programmedOf(
  conditions: Conditions,
  said: readonly Said[],
  accepted: Condition,
  listeners: readonly ListenerStatus[],
): Condition {
  const own = conditions.unless(said, 'Programmed', 'Programmed', 'connections are taken');
  if (own.status !== 'True') return own;
  if (accepted.status !== 'True') {
    return conditions.isFalse('Programmed', 'Invalid', accepted.message);
  }
  const waiting = listeners.filter((each) => !isTrue(each, 'Programmed'));
  if (waiting.length < listeners.length) return own;
  const message = `no listener takes connections (${namesOf(waiting)}): see their conditions`;
  return conditions.isFalse('Programmed', 'Invalid', message);
}

function resolvedOf(
  conditions: Conditions,
  said: readonly Said[],
  listeners: readonly ListenerStatus[],
): Condition {
  const okay = 'everything it refers to is there';
  const own = conditions.unless(said, 'ResolvedRefs', 'ResolvedRefs', okay);
  const bad = listeners.filter((each) => !isTrue(each, 'ResolvedRefs'));
  if (own.status !== 'True' || bad.length === 0) return own;
  const message = `listeners with references that do not resolve: ${namesOf(bad)}`;
  return conditions.isFalse('ResolvedRefs', 'ListenersNotResolved', message);
}

function setProgrammedOf(conditions: Conditions, accepted: Condition): Condition {
  if (accepted.status !== 'True') {
    const { reason, message } = accepted;
    const isParent = reason === 'ParentNotAccepted';
    return conditions.isFalse('Programmed', isParent ? 'ParentNotProgrammed' : reason, message);
  }
  return conditions.isTrue('Programmed', 'Programmed', 'connections are taken');
}
