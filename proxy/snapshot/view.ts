import type { ResourceKey } from '#contracts/names.ts';
import type { Kind, ResourceOf } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import { compareText } from './report.ts';
import type { CompiledUnit, NodeKey } from './units.ts';

/** The resources of a state by their keys. */
export type Entries = Pick<ReadonlyMap<ResourceKey, StateEntry>, 'get' | 'has' | 'keys'>;

/** What the compilers of single resources may look at. */
export interface View {
  entry(key: ResourceKey): StateEntry | undefined;
  /** Of a kind that is compiled before the one that asks. */
  compiled(key: ResourceKey): CompiledUnit | undefined;
  /** What attaches to a node, the oldest first. */
  attached(node: NodeKey): readonly StateEntry[];
  /** The policies that a target, or a section of it, has lost (shut.ts). */
  lost(key: ResourceKey, section: string | undefined): readonly ResourceKey[];
}

export function resourceAt<K extends Kind>(
  view: View,
  kind: K,
  key: ResourceKey,
): ResourceOf<K> | undefined {
  const resource = view.entry(key)?.resource;
  return resource?.kind === kind ? (resource as ResourceOf<K>) : undefined;
}

/** A resource's age decides between equals; the name where both came with one change-set. */
export function byAge(a: StateEntry, b: StateEntry): number {
  return a.createdAt - b.createdAt || compareText(a.key, b.key);
}
