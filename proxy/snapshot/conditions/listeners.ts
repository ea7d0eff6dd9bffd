import type {
  Condition,
  Gateway,
  GatewayListener,
  ListenerSet,
  ListenerStatus,
} from '#contracts/resources/index.ts';
import type { ListenerSpec } from '../compiled.ts';
import { endsTls, groupKinds } from '../listener-kinds.ts';
import { listenerName } from '../listeners.ts';
import type { Finding } from '../report.ts';
import { elementAt, listenerTag } from './infer.ts';
import { attachesTo } from './routes.ts';
import { Conditions, type Said, sayAll, textOf } from './said.ts';
import { type Subject, usersOf } from './subject.ts';

const LIST = 'spec.listeners';

/** Numbers of the listeners that a finding speaks of; undefined: of none in particular. */
export function listenersIn(
  { path }: Finding,
  { spec }: Gateway | ListenerSet,
): readonly number[] | undefined {
  const one = elementAt(path, LIST, spec.listeners);
  if (one !== undefined) return [one];
  const meant = clientsFor(path, spec);
  if (meant === undefined) return undefined;
  return spec.listeners.flatMap((each, index) => (endsTls(each) && meant(each) ? [index] : []));
}

/** Whose clients a part of `spec.tls.frontend` is about. */
function clientsFor(
  path: string,
  spec: (Gateway | ListenerSet)['spec'],
): ((listener: GatewayListener) => boolean) | undefined {
  const frontend = 'spec.tls.frontend';
  if (!path.startsWith(frontend) || !('tls' in spec) || path.endsWith('.mode')) return undefined;
  const ports = spec.tls?.frontend?.perPort ?? [];
  const one = elementAt(path, `${frontend}.perPort`);
  if (one !== undefined) return ({ port }) => port === ports[one]?.port;
  return ({ port }) => !ports.some((each) => each.port === port);
}

/** The status of each listener, by the order of the resource. */
export function listenerStatuses(subject: Subject, owner: Gateway | ListenerSet): ListenerStatus[] {
  const conditions = new Conditions(subject.entry);
  const routes = [...usersOf(subject, subject.key)];
  return owner.spec.listeners.map((listener, index) => {
    const about = subject.findings.filter((each) => {
      return listenersIn(each, owner)?.includes(index) === true;
    });
    const name = listenerName(owner, listener.name);
    const spec = subject.snapshot.edge.get(name)?.spec;
    return {
      name: listener.name,
      supportedKinds: groupKinds(listener),
      attachedRoutes: routes.filter((route) => attachesTo(route, name)).length,
      conditions: conditionsOf(
        conditions,
        withoutAuthorities(sayAll(about, listenerTag), spec),
        spec !== undefined && hasCertificate(about, spec),
      ),
    };
  });
}

/** False: a proxy can read none of its certificates, so that no handshake succeeds. */
function hasCertificate(about: readonly Finding[], { tls }: ListenerSpec): boolean {
  const broken = about.filter(
    ({ path, problem }) =>
      problem?.reason === 'cannot_apply' && path.endsWith('.tls.certificateRefs'),
  );
  return tls === undefined || broken.length < tls.certificates.length;
}

/** Where none of the authorities for clients can be read, the listener lets nobody in (GEP-91). */
function withoutAuthorities(
  said: readonly Said[],
  spec: ListenerSpec | undefined,
): readonly Said[] {
  const authorities = spec?.tls?.clientAuthorities?.length ?? 0;
  const broken = said.filter(({ reason }) => reason === 'InvalidCACertificateRef');
  if (authorities === 0 || broken.length < authorities) return said;
  const condition = { type: 'Accepted', reason: 'NoValidCACertificate' };
  return [...said, ...broken.map((each) => ({ ...each, ...condition }))];
}

const KNOWN: ReadonlySet<string> = new Set(['Accepted', 'Conflicted', 'ResolvedRefs']);

function conditionsOf(
  conditions: Conditions,
  said: readonly Said[],
  isServed: boolean,
): Condition[] {
  const conflicts = said.filter(({ type }) => type === 'Conflicted');
  const [conflict] = conflicts;
  const accepted =
    conflict === undefined
      ? conditions.unless(said, 'Accepted', 'Accepted', 'the listener is valid')
      : conditions.isFalse('Accepted', conflict.reason, textOf(conflicts));
  const resolved = conditions.unless(
    said,
    'ResolvedRefs',
    'ResolvedRefs',
    'everything it refers to is there',
  );
  return [
    accepted,
    conflict === undefined
      ? conditions.isFalse('Conflicted', 'NoConflicts', 'no other listener is like it')
      : conditions.isTrue('Conflicted', conflict.reason, textOf(conflicts)),
    resolved,
    programmed(conditions, accepted, resolved, isServed),
    ...conditions.others(said, KNOWN),
  ];
}

function programmed(
  conditions: Conditions,
  accepted: Condition,
  resolved: Condition,
  isServed: boolean,
): Condition {
  if (accepted.status !== 'True') {
    const isNamed = /Conflict|PortUnavailable/.test(accepted.reason);
    const reason = isNamed ? accepted.reason : 'Invalid';
    return conditions.isFalse('Programmed', reason, accepted.message);
  }
  if (isServed) {
    return conditions.isTrue('Programmed', 'Programmed', 'connections are taken');
  }
  const message = resolved.status === 'True' ? 'its Gateway is not accepted' : resolved.message;
  return conditions.isFalse('Programmed', 'Invalid', message);
}
