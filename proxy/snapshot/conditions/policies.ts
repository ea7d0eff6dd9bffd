import type { ResourceKey } from '#contracts/names.ts';
import { refOf } from '#contracts/names.ts';
import {
  type BackendTLSPolicy,
  CONTROLLER_NAME,
  type Condition,
  GATEWAY_GROUP,
  type ParentRef,
  type PolicyStatus,
  type ResourceOf,
} from '#contracts/resources/index.ts';
import type { PolicyKind } from '../../policy/kinds.ts';
import { namespaceOf, serviceKey } from '../refs.ts';
import { elementAt, policyTag } from './infer.ts';
import { Conditions, type Said, sayAll } from './said.ts';
import { type Subject, usersOf } from './subject.ts';

const ANCESTORS_MAX = 16;
const KNOWN: ReadonlySet<string> = new Set(['Accepted', 'ResolvedRefs']);
const TARGETS = 'spec.targetRefs';

/** A policy of our own: one entry for each target, which is its own ancestor (GEP-713). */
export function policyStatus(subject: Subject, policy: ResourceOf<PolicyKind>): PolicyStatus {
  const conditions = new Conditions(subject.entry);
  const said = sayAll(subject.findings, policyTag);
  const ancestors = policy.spec.targetRefs.map((target, index) => {
    const { kind, name } = target;
    const sectionName = 'sectionName' in target ? target.sectionName : undefined;
    return {
      ancestorRef: {
        group: kind === 'Service' ? '' : GATEWAY_GROUP,
        ...{ kind, name, namespace: namespaceOf(policy) },
        ...(sectionName === undefined ? {} : { sectionName }),
      },
      controllerName: CONTROLLER_NAME,
      conditions: [
        acceptedOf(conditions, aboutTargets(said, [index])),
        ...conditions.others(said, KNOWN),
      ],
    };
  });
  return { ancestors: ancestors.slice(0, ANCESTORS_MAX) };
}

/** One entry for each Gateway that leads to a target; the Service itself where none does. */
export function backendTlsStatus(subject: Subject, policy: BackendTLSPolicy): PolicyStatus {
  const conditions = new Conditions(subject.entry);
  const said = sayAll(subject.findings, policyTag);
  const targets = new Map<ResourceKey, number[]>();
  policy.spec.targetRefs.forEach(({ name }, index) => {
    const service = serviceKey(`${namespaceOf(policy)}/${name}`);
    const gateways = gatewaysTo(subject, service);
    for (const key of gateways.size === 0 ? [service] : gateways) {
      targets.set(key, [...(targets.get(key) ?? []), index]);
    }
  });
  const resolved = conditions.unless(
    said,
    'ResolvedRefs',
    'ResolvedRefs',
    'everything it refers to is there',
  );
  const ancestors = [...targets].slice(0, ANCESTORS_MAX).map(([key, numbers]) => ({
    ancestorRef: parentOf(key),
    controllerName: CONTROLLER_NAME,
    conditions: [
      trustsNobody(subject, policy, said)
        ? conditions.isFalse('Accepted', 'NoValidCACertificate', resolved.message)
        : acceptedOf(conditions, aboutTargets(said, numbers)),
      resolved,
      ...conditions.others(said, KNOWN),
    ],
  }));
  return { ancestors };
}

/** Without what is about other targets. */
function aboutTargets(said: readonly Said[], numbers: readonly number[]): Said[] {
  return said.filter(({ path }) => {
    const number = elementAt(path, TARGETS);
    return number === undefined || numbers.includes(number);
  });
}

function acceptedOf(conditions: Conditions, said: readonly Said[]): Condition {
  return conditions.unless(said, 'Accepted', 'Accepted', 'the policy is in force');
}

/** Each of the authorities is one that cannot be used. */
function trustsNobody(
  { compiled }: Subject,
  policy: BackendTLSPolicy,
  said: readonly Said[],
): boolean {
  const refs = policy.spec.validation.caCertificateRefs?.length ?? 0;
  const broken = new Set(
    said.flatMap(({ type, message }) => (type === 'ResolvedRefs' ? [message] : [])),
  );
  if (refs === 0 || broken.size === 0) return false;
  const isEmpty = compiled.kind === 'backendTls' && compiled.policy.tls.authorities.length === 0;
  return isEmpty || broken.size >= refs;
}

/** Gateways whose routes lead to a Service, by the listeners that these are attached to. */
function gatewaysTo(subject: Subject, service: ResourceKey): Set<ResourceKey> {
  const gateways = new Set<ResourceKey>();
  for (const { compiled } of usersOf(subject, service)) {
    if (compiled.kind !== 'route') continue;
    for (const place of compiled.route.attachments) {
      if (place.kind !== 'listener') continue;
      const gateway = subject.snapshot.edge.get(place.listener)?.spec.gateway;
      if (gateway !== undefined) gateways.add(`Gateway/${gateway}` as ResourceKey);
    }
  }
  return gateways;
}

function parentOf(key: ResourceKey): ParentRef {
  const { kind, namespace = '', name } = refOf(key);
  return { group: kind === 'Service' ? '' : GATEWAY_GROUP, kind, namespace, name };
}
