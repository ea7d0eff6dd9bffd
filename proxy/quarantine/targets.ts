import { DEFAULT_NAMESPACE, type ResourceKey, keyOf, refOf } from '#contracts/names.ts';
import { kindEntry } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import { SECURITY_KINDS } from '../policy/kinds.ts';
import { targetName } from '../snapshot/policies.ts';
import { allOf } from '../snapshot/shut.ts';

/** Kinds of other versions whose names are known, and which guard nothing. */
const HARMLESS: ReadonlySet<string> = new Set(['FallbackPolicy', 'TelemetryPolicy']);

/**
 * Whether a policy guards its targets, so that without it they must not be open. A policy of a kind
 * that this version does not know might.
 */
export function isGuard({ key, resource }: StateEntry): boolean {
  const { kind } = refOf(key);
  if (SECURITY_KINDS.has(kind) || kind === 'BackendTLSPolicy') return true;
  if (kindEntry(kind) !== undefined || HARMLESS.has(kind)) return false;
  return kind.endsWith('Policy') || listOfTargets(resource) !== undefined;
}

/**
 * What a policy says that it is for, as `Shut` names it; read from whatever version wrote it, as
 * GEP-713 has it. Where that cannot be read it may be for anything in its namespace.
 */
export function targetsOf({ key, resource }: StateEntry): ReadonlySet<string> {
  const { namespace = DEFAULT_NAMESPACE } = refOf(key);
  const everything = new Set([allOf(namespace)]);
  const list = listOfTargets(resource);
  if (list === undefined) return everything;
  const names = new Set<string>();
  for (const target of list) {
    const name = nameOf(target, namespace);
    if (name === undefined) return everything;
    names.add(name);
  }
  return names.size === 0 ? everything : names;
}

function listOfTargets(resource: unknown): readonly unknown[] | undefined {
  const { spec } = resource as { spec?: { targetRefs?: unknown; targetRef?: unknown } | null };
  if (Array.isArray(spec?.targetRefs)) return spec.targetRefs;
  return spec?.targetRef === undefined ? undefined : [spec.targetRef];
}

function nameOf(target: unknown, own: string): string | undefined {
  if (typeof target !== 'object' || target === null) return undefined;
  const { kind, name, namespace = own, sectionName } = target as Record<string, unknown>;
  if (typeof kind !== 'string' || typeof name !== 'string') return undefined;
  if (typeof namespace !== 'string') return undefined;
  if (sectionName !== undefined && typeof sectionName !== 'string') return undefined;
  const key: ResourceKey = keyOf({ kind, namespace, name });
  // A Service is guarded as a whole.
  return targetName(key, kind === 'Service' ? undefined : sectionName);
}
