import type { ResourceChange } from '#contracts/events.ts';
import { type ResourceKey, type ResourceRef, keyOf } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { type MeshState, keyOfResource, withoutServerFields } from '#platform/state.ts';

/** The state as it would be after a change-set, and what of the change-set has any effect. */
export interface Candidate {
  state: MeshState;
  changed: ReadonlySet<ResourceKey>;
  /** What really changes something, as it is published. */
  upserts: Resource[];
  deletes: ResourceRef[];
  /** For the answer: what changes, then what was asked for and is so already. */
  changes: ResourceChange[];
}

export function candidateOf(
  head: MeshState,
  asked: { upserts: readonly Resource[]; deletes: readonly ResourceRef[] },
  sequence: number,
  time: string,
): Candidate {
  const state = head.clone();
  const changed = state.apply({ sequence, time, ...asked });
  const written = asked.upserts.map((resource) => ({ key: keyOfResource(resource), resource }));
  const changes: ResourceChange[] = [...changed].sort().map((key) => {
    const before = head.entries.get(key)?.resource;
    const after = state.entries.get(key)?.resource;
    const change = before === undefined ? 'created' : after === undefined ? 'deleted' : 'updated';
    return {
      key,
      change,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    };
  });
  for (const { key } of written) if (!changed.has(key)) changes.push({ key, change: 'unchanged' });
  return {
    state,
    changed,
    upserts: written
      .filter(({ key }) => changed.has(key))
      .map(({ resource }) => withoutServerFields(resource)),
    deletes: asked.deletes.filter((ref) => changed.has(keyOf(ref))),
    changes,
  };
}
