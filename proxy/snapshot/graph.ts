import type { ResourceKey } from '#contracts/names.ts';
import type { StateEntry } from '#platform/state.ts';
import { refsOf } from './refs.ts';
import { Table } from './table.ts';
import { type NodeKey, type Refs, type SnapshotIndex, THE_MESH } from './units.ts';

type Links = Table<ReadonlySet<ResourceKey>>;

/** Who points at what, after a change; and what has to be compiled again because of it. */
export interface Graph {
  users: Links;
  attached: Links;
  refs: ReadonlyMap<ResourceKey, Refs>;
  dirty: ReadonlySet<ResourceKey>;
  /** API key nodes whose holder may be another one now. */
  nodes: ReadonlySet<NodeKey>;
}

export const NO_INDEX: SnapshotIndex = Object.freeze<SnapshotIndex>({
  units: Table.empty(),
  users: Table.empty(),
  attached: Table.empty(),
  troubled: Table.empty(),
});

const NO_REFS: Refs = Object.freeze({ uses: [], attaches: [] });

/**
 * Follows a change along the references. Compiled again are: what changed; what uses it, with what
 * that is part of; what attaches to it; what it attaches to, before and now; and what attaches
 * there too, since of such rivals the oldest wins.
 */
export function follow(
  index: SnapshotIndex,
  entries: ReadonlyMap<ResourceKey, StateEntry>,
  changed: ReadonlySet<ResourceKey>,
): Graph {
  const refs = new Map<ResourceKey, Refs>();
  const users = new LinkEdit(index.users);
  const attached = new LinkEdit(index.attached);
  const nodes = new Set<NodeKey>();
  for (const key of changed) {
    const before = index.units.get(key)?.refs ?? NO_REFS;
    const entry = entries.get(key);
    const after = entry === undefined ? NO_REFS : refsOf(entry.resource);
    refs.set(key, after);
    users.replace(key, before.uses, after.uses);
    attached.replace(key, before.attaches, after.attaches);
    for (const node of before.attaches) nodes.add(node);
    for (const node of after.attaches) nodes.add(node);
  }
  const newUsers = users.done();
  const newAttached = attached.done();
  // Where everything is new there is nothing more to find.
  if (index === NO_INDEX) {
    return { users: newUsers, attached: newAttached, refs, dirty: changed, nodes };
  }
  const dirty = new Set<ResourceKey>(changed);
  const addTarget = (node: NodeKey): void => {
    if (entries.has(node as ResourceKey)) dirty.add(node as ResourceKey);
  };
  const addAttached = (node: NodeKey): void => {
    for (const key of newAttached.get(node) ?? []) dirty.add(key);
  };
  const addUsers = (node: NodeKey): void => {
    for (const key of newUsers.get(node) ?? []) {
      dirty.add(key);
      // What a user becomes part of changes with it: a Service with its slices.
      const { attaches } = refs.get(key) ?? index.units.get(key)?.refs ?? NO_REFS;
      for (const target of attaches) addTarget(target);
    }
  };
  for (const key of withGatewaysOfClasses(changed, newUsers)) {
    addUsers(key);
    addAttached(key);
  }
  for (const node of nodes) {
    if (node === THE_MESH) addUsers(node);
    addTarget(node);
    addAttached(node);
  }
  return { users: newUsers, attached: newAttached, refs, dirty, nodes };
}

/** A class that comes or goes opens or closes its Gateways, and so touches their routes. */
function withGatewaysOfClasses(
  changed: ReadonlySet<ResourceKey>,
  users: Links,
): ReadonlySet<ResourceKey> {
  const all = new Set(changed);
  for (const key of changed) {
    if (!key.startsWith('GatewayClass/')) continue;
    for (const gateway of users.get(key) ?? []) all.add(gateway);
  }
  return all;
}

/** Edits of a table of sets, gathered so that each set is copied once. */
class LinkEdit {
  readonly #links: Links;
  readonly #sets = new Map<NodeKey, Set<ResourceKey>>();

  constructor(links: Links) {
    this.#links = links;
  }

  replace(key: ResourceKey, before: readonly NodeKey[], after: readonly NodeKey[]): void {
    for (const node of before) if (!after.includes(node)) this.#at(node).delete(key);
    for (const node of after) if (!before.includes(node)) this.#at(node).add(key);
  }

  done(): Links {
    const changes: [NodeKey, ReadonlySet<ResourceKey> | undefined][] = [];
    for (const [node, keys] of this.#sets) changes.push([node, keys.size === 0 ? undefined : keys]);
    return this.#links.edit(changes);
  }

  #at(node: NodeKey): Set<ResourceKey> {
    let keys = this.#sets.get(node);
    if (keys === undefined) {
      keys = new Set(this.#links.get(node));
      this.#sets.set(node, keys);
    }
    return keys;
  }
}
