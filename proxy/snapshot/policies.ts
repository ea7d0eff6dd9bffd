import { type ResourceKey, keyOf } from '#contracts/names.ts';
import { GATEWAY_GROUP, type Resource, type ResourceOf } from '#contracts/resources/index.ts';
import type { TargetRef } from '#contracts/resources/schema.ts';
import type { ApiKeyConfig } from '../policy/api-key/config.ts';
import { compilePolicyConfig } from '../policy/compilers.ts';
import { type PolicyConfig, type PolicyKind, SECURITY_KINDS } from '../policy/kinds.ts';
import { limitsOfTarget } from '../policy/rate-limit/compile.ts';
import type { LimitConfig } from '../policy/rate-limit/config.ts';
import type { Security } from './compiled.ts';
import { namespaceOf } from './refs.ts';
import type { Report } from './report.ts';
import type { PolicyTarget, PolicyUnit } from './units.ts';
import type { View } from './view.ts';

type Policy = ResourceOf<PolicyKind>;

export function compilePolicy(policy: Policy, view: View, report: Report): PolicyUnit {
  // First, so that a problem of a target never makes the policy itself unusable.
  const config = compilePolicyConfig(policy, report);
  const namespace = namespaceOf(policy);
  const seen = new Set<string>();
  const targets = policy.spec.targetRefs.map((ref: TargetRef, index): PolicyTarget => {
    const path = `spec.targetRefs[${index}]`;
    const { kind, name, sectionName: section } = ref;
    const key = keyOf({ kind, namespace, name });
    const label = targetName(key, section);
    if (seen.has(label)) report.add(path, 'duplicate', `${label} stands twice here`);
    seen.add(label);
    checkTarget(ref, view.entry(key)?.resource, path, report);
    return { key, section, governs: governs(policy, key, section, path, view, report) };
  });
  return { config, targets };
}

function checkTarget(
  ref: TargetRef,
  target: Resource | undefined,
  path: string,
  report: Report,
): void {
  const { kind, name, group, sectionName: section } = ref;
  const expected = kind === 'Service' ? '' : GATEWAY_GROUP;
  if (group !== undefined && group !== expected) {
    const hint = `write group: ${expected === '' ? '""' : expected}`;
    report.add(`${path}.group`, 'invalid_value', `${kind} is not of group ${group}`, hint);
  }
  if (target === undefined) {
    report.add(`${path}.name`, 'missing_reference', `there is no ${kind} ${name} here`);
  } else if (section !== undefined && target.kind === 'Service') {
    const message = 'a policy for one port of a Service is not supported by this version yet';
    report.add(`${path}.sectionName`, 'not_supported_yet', message);
  } else if (section !== undefined && !sectionsOf(target).includes(section)) {
    const what = kind === 'HTTPRoute' ? 'rule' : 'listener';
    const message = `${kind} ${name} has no ${what} called ${section}`;
    report.add(`${path}.sectionName`, 'missing_reference', message);
  }
}

function sectionsOf(target: Resource): string[] {
  if (target.kind === 'Gateway' || target.kind === 'ListenerSet') {
    return target.spec.listeners.map((listener) => listener.name);
  }
  if (target.kind !== 'HTTPRoute' && target.kind !== 'GRPCRoute') return [];
  return (target.spec.rules ?? []).flatMap((rule) => (rule.name === undefined ? [] : [rule.name]));
}

/** Of two policies of one kind on one target the older governs; security policies both act. */
function governs(
  policy: Policy,
  key: ResourceKey,
  section: string | undefined,
  path: string,
  view: View,
  report: Report,
): boolean {
  const own = keyOf({
    kind: policy.kind,
    namespace: namespaceOf(policy),
    name: policy.metadata.name,
  });
  const rivals = view.attached(key).filter(({ resource }) => {
    if (resource.kind !== policy.kind) return false;
    return (resource as Policy).spec.targetRefs.some((ref: TargetRef) => {
      const isSame = keyOf({ ...ref, namespace: namespaceOf(resource) }) === key;
      return isSame && ref.sectionName === section;
    });
  });
  const oldest = rivals[0];
  if (oldest === undefined || oldest.key === own) return true;
  const rival = oldest.resource.metadata.name;
  report.add(
    path,
    'conflict',
    `${targetName(key, section)} already has the ${policy.kind} ${rival}, which is older`,
    `put both into ${rival}`,
  );
  return SECURITY_KINDS.has(policy.kind);
}

export function targetName(key: ResourceKey, section: string | undefined): string {
  return section === undefined ? key : `${key}#${section}`;
}

/** The policies that govern one target, the oldest first. */
export function* policiesOf(
  view: View,
  key: ResourceKey,
  section: string | undefined,
): Generator<{ key: ResourceKey; config: PolicyConfig | undefined }> {
  for (const entry of view.attached(key)) {
    const unit = view.compiled(entry.key);
    if (unit?.kind !== 'policy') continue;
    const { config, targets } = unit.policy;
    const isGoverned = targets.some(
      (target) => target.governs && target.key === key && target.section === section,
    );
    if (isGoverned) yield { key: entry.key, config };
  }
}

type Levels = readonly (readonly [key: ResourceKey, section: string | undefined])[];

/** Of policies that replace one another whole (SEMANTICS.md): the one of the narrowest target. */
export function narrowest<K extends PolicyKind>(
  view: View,
  levels: Levels,
  kind: K,
): Extract<PolicyConfig, { kind: K }> | undefined {
  for (const [key, section] of levels.toReversed()) {
    for (const { config } of policiesOf(view, key, section)) {
      if (config?.kind === kind) return config as Extract<PolicyConfig, { kind: K }>;
    }
  }
  return undefined;
}

export const NO_SECURITY: Security = Object.freeze({
  authentication: Object.freeze([]),
  limits: Object.freeze([]),
  unavailable: Object.freeze([]),
});

/** What the security policies of these targets ask for, the widest target first. */
export function securityOf(view: View, targets: Levels): Security {
  const authentication: ApiKeyConfig[] = [];
  const limits: LimitConfig[] = [];
  const unavailable: ResourceKey[] = [];
  for (const [key, section] of targets) {
    unavailable.push(...view.lost(key, section));
    for (const policy of policiesOf(view, key, section)) {
      const { config } = policy;
      if (!SECURITY_KINDS.has(policy.key.slice(0, policy.key.indexOf('/')))) continue;
      if (config === undefined) unavailable.push(policy.key);
      else if (config.kind === 'AuthenticationPolicy') authentication.push(config.apiKey);
      else if (config.kind === 'RateLimitPolicy') {
        limits.push(...limitsOfTarget(config.limits, targetName(key, section)));
      }
    }
  }
  if (authentication.length + limits.length + unavailable.length === 0) return NO_SECURITY;
  return Object.freeze({
    authentication: Object.freeze(authentication),
    limits: Object.freeze(limits),
    unavailable: Object.freeze(unavailable),
  });
}
