import { type ResourceKey, refOf } from '#contracts/names.ts';
import type { StateEntry } from '#platform/state.ts';
import { refsOf } from '../snapshot/refs.ts';
import type { Shut } from '../snapshot/shut.ts';
import { type NodeKey, THE_MESH, grantsNode } from '../snapshot/units.ts';
import { withoutRevoked } from './revoked.ts';
import { isGuard, targetsOf } from './targets.ts';

export interface Entries {
  get(key: ResourceKey): StateEntry | undefined;
}

/** What stands against a resource in its wanted version. */
export interface Unappliable {
  /** It can be served in part, which is better than nothing where it has no previous version. */
  readonly isUsable: boolean;
  /** Nor can the version that is in service. */
  readonly isPreviousToo?: boolean;
}

export interface PlanInput {
  /** What is in service, each resource in the version that is. */
  readonly served: Entries;
  readonly wanted: Entries;
  /** Every key that may differ between the two. */
  readonly touched: Iterable<ResourceKey>;
  readonly unappliable: ReadonlyMap<ResourceKey, Unappliable>;
}

/** A resource that is not served as it is wanted. */
export interface Held {
  readonly wanted: StateEntry;
  /** The version that stays in service; undefined: none does. */
  readonly kept: StateEntry | undefined;
  /** What it depends on that is held too; undefined: itself cannot be applied. */
  readonly because: ResourceKey | undefined;
  /** What answers 503 because this policy is not there; as `Shut` names it. */
  readonly shuts: readonly string[];
}

export interface Plan {
  /** What changes in what is in service; undefined: it goes. */
  readonly edits: ReadonlyMap<ResourceKey, StateEntry | undefined>;
  readonly held: ReadonlyMap<ResourceKey, Held>;
  readonly shut: Shut;
}

/**
 * Which version of each resource to serve. What cannot be applied is held with everything wanted
 * that depends on it; these keep the version that is in service, without what the wanted one
 * revokes. What is deleted goes, and comes back in no version. Pure; its cost grows with `touched`.
 *
 * A new policy that guards is not held for what it depends on: it can only add to what guards.
 * What a held policy would guard, and its kept version does not, is shut.
 */
export function planOf({ served, wanted, touched, unappliable }: PlanInput): Plan {
  const pending = new Map<ResourceKey, StateEntry>();
  const edits = new Map<ResourceKey, StateEntry | undefined>();
  for (const key of touched) {
    const before = served.get(key);
    const entry = wanted.get(key);
    if (entry === undefined) {
      if (before !== undefined) edits.set(key, undefined);
    } else {
      if (entry !== before) edits.set(key, entry);
      if (unappliable.has(key) || !isSame(entry, before)) pending.set(key, entry);
    }
  }
  const held = new Map<ResourceKey, Held>();
  const because = heldFor(pending, served, unappliable);
  for (const [key, cause] of because) {
    const entry = pending.get(key);
    if (entry === undefined) continue;
    const before = served.get(key);
    const isGone = unappliable.get(key)?.isPreviousToo === true;
    const previous = isGone ? undefined : previousOf(entry, before);
    const kept = previous === undefined ? undefined : withoutRevoked(previous, entry);
    held.set(key, { wanted: entry, kept, because: cause, shuts: shutFor(entry, kept) });
    if (kept === before) edits.delete(key);
    else edits.set(key, kept);
  }
  return { edits, held, shut: shutBy(held) };
}

/** The keys that are held, each with what it is held for. */
function heldFor(
  pending: ReadonlyMap<ResourceKey, StateEntry>,
  served: Entries,
  unappliable: ReadonlyMap<ResourceKey, Unappliable>,
): ReadonlyMap<ResourceKey, ResourceKey | undefined> {
  const held = new Map<ResourceKey, ResourceKey | undefined>();
  for (const [key, { isUsable }] of unappliable) {
    const entry = pending.get(key);
    if (entry === undefined) continue;
    if (!isUsable || previousOf(entry, served.get(key)) !== undefined) held.set(key, undefined);
  }
  if (held.size === 0) return held;
  const dependants = dependantsIn(pending, held);
  // The map grows under the loop, which comes to what was added too.
  for (const key of held.keys()) {
    for (const user of nodesOf(key).flatMap((node) => dependants.get(node) ?? [])) {
      const entry = pending.get(user);
      if (entry === undefined || held.has(user)) continue;
      const isNew = previousOf(entry, served.get(user)) === undefined;
      if (!(isNew && isGuard(entry))) held.set(user, key);
    }
  }
  return held;
}

/** Who of `pending` refers to a node in its wanted version; what is held for itself is left out. */
function dependantsIn(
  pending: ReadonlyMap<ResourceKey, StateEntry>,
  held: ReadonlyMap<ResourceKey, unknown>,
): ReadonlyMap<NodeKey, ResourceKey[]> {
  const dependants = new Map<NodeKey, ResourceKey[]>();
  for (const [key, { resource }] of pending) {
    if (held.has(key)) continue;
    const { uses, attaches } = refsOf(resource);
    // Nodes that are no resources are attached to by rivals, which do not depend on each other.
    for (const node of [...uses, ...attaches.filter(isResource)]) {
      const list = dependants.get(node);
      if (list === undefined) dependants.set(node, [key]);
      else list.push(key);
    }
  }
  return dependants;
}

function isResource(node: NodeKey): boolean {
  return node.includes('/') && !node.includes(' ');
}

/** The nodes by which others refer to a resource. */
export function nodesOf(key: ResourceKey): NodeKey[] {
  const { kind, namespace = '' } = refOf(key);
  if (kind === 'ReferenceGrant') return [key, grantsNode(namespace)];
  return kind === 'Mesh' ? [key, THE_MESH] : [key];
}

/** The other version that is in service, of the same resource: not of one that was deleted. */
function previousOf(wanted: StateEntry, served: StateEntry | undefined): StateEntry | undefined {
  if (served === undefined || served.createdAt !== wanted.createdAt) return undefined;
  return isSame(wanted, served) ? undefined : served;
}

export function isSame(a: StateEntry, b: StateEntry | undefined): boolean {
  return a === b || (a.createdAt === b?.createdAt && a.changedAt === b.changedAt);
}

function shutFor(wanted: StateEntry, kept: StateEntry | undefined): readonly string[] {
  if (!isGuard(wanted)) return [];
  const guarded = kept === undefined ? new Set<string>() : targetsOf(kept);
  return [...targetsOf(wanted)].filter((name) => !guarded.has(name));
}

function shutBy(held: ReadonlyMap<ResourceKey, Held>): Shut {
  const shut = new Map<string, ResourceKey[]>();
  for (const key of [...held.keys()].sort()) {
    for (const name of held.get(key)?.shuts ?? []) {
      shut.set(name, [...(shut.get(name) ?? []), key]);
    }
  }
  return shut;
}
