import type { ResourceKey } from '#contracts/names.ts';
import { hasMoved, touchedAt } from './host-kinds.ts';
import { refsOf } from './refs.ts';
import { NOTHING_SHUT } from './shut.ts';
import { Table } from './table.ts';
import { HOST_ROUTES, MESH_ROUTES, type NodeKey, type Refs, type SnapshotIndex } from './units.ts';
import type { Entries } from './view.ts';

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
  shut: NOTHING_SHUT,
});

/**
 * Kinds that change what their target is to those who use it: the networks of the mesh, what may be
 * referred to in a namespace, how a Service is called.
 */
const SEEN_BY_USERS: ReadonlySet<string> = new Set(['Mesh', 'ReferenceGrant', 'BackendTLSPolicy']);

const NO_REFS: Refs = Object.freeze({ uses: [], attaches: [] });

/**
 * Follows a change along the references. Compiled again are: what changed; what uses it, with what
 * that is part of; what attaches to it; what it attaches to, before and now; and what attaches
 * there too, since of such rivals the oldest wins. Routes that ask for one hostname are no such
 * rivals unless they are of two kinds.
 */
export function follow(
  index: SnapshotIndex,
  entries: Entries,
  changed: ReadonlySet<ResourceKey>,
): Graph {
  const links = relink(index, entries, changed);
  const { users, attached, refs, nodes, seen, refsAt } = links;
  // Where everything is new there is nothing more to find.
  if (index === NO_INDEX) return { users, attached, refs, dirty: changed, nodes };
  const dirty = new Set<ResourceKey>(changed);
  const addTarget = (node: NodeKey): void => {
    if (entries.has(node as ResourceKey)) dirty.add(node as ResourceKey);
  };
  const addAttached = (node: NodeKey): void => {
    for (const key of attached.get(node) ?? []) dirty.add(key);
  };
  const addUsers = (node: NodeKey): void => {
    for (const key of users.get(node) ?? []) {
      dirty.add(key);
      // What a user becomes part of changes with it: a Service with its slices.
      for (const target of refsAt(key).attaches) addTarget(target);
    }
  };
  for (const key of withListeners(changed, links)) {
    addTarget(key);
    addUsers(key);
    addAttached(key);
  }
  for (const node of hostsMoved(changed, links)) {
    for (const key of touchedAt(node, attached)) dirty.add(key);
  }
  for (const node of nodes) {
    // Routes of one kind do not compete here: those of less specific kinds use the node.
    if (node.startsWith(MESH_ROUTES)) {
      addUsers(node);
      continue;
    }
    if (seen.has(node)) addUsers(node);
    addTarget(node);
    addAttached(node);
  }
  return { users, attached, refs, dirty, nodes };
}

/** Who points at what after a change, and the nodes at which something changed. */
interface Relinked {
  readonly users: Links;
  readonly attached: Links;
  readonly refs: ReadonlyMap<ResourceKey, Refs>;
  readonly nodes: ReadonlySet<NodeKey>;
  /** Hostnames that routes ask for. */
  readonly hosts: ReadonlySet<NodeKey>;
  /** Nodes that are others now to those who use them. */
  readonly seen: ReadonlySet<NodeKey>;
  /** Gateways that ListenerSets join or left. */
  readonly joined: ReadonlySet<NodeKey>;
  /** Of any resource, as it is now. */
  readonly refsAt: (key: ResourceKey) => Refs;
}

function relink(
  index: SnapshotIndex,
  entries: Entries,
  changed: ReadonlySet<ResourceKey>,
): Relinked {
  const refs = new Map<ResourceKey, Refs>();
  const users = new LinkEdit(index.users);
  const attached = new LinkEdit(index.attached);
  const nodes = new Set<NodeKey>();
  const hosts = new Set<NodeKey>();
  const seen = new Set<NodeKey>();
  const joined = new Set<NodeKey>();
  for (const key of changed) {
    const unit = index.units.get(key);
    const before = unit?.refs ?? NO_REFS;
    const entry = entries.get(key);
    const after = entry === undefined ? NO_REFS : refsOf(entry.resource);
    refs.set(key, after);
    users.replace(key, before.uses, after.uses);
    attached.replace(key, before.attaches, after.attaches);
    const isMoved = hasMoved(unit?.entry, entry);
    for (const node of [...before.attaches, ...after.attaches]) {
      if (node.startsWith(HOST_ROUTES)) {
        if (isMoved) hosts.add(node);
        continue;
      }
      nodes.add(node);
      if (SEEN_BY_USERS.has(kindOf(key))) seen.add(node);
      if (kindOf(key) === 'ListenerSet') joined.add(node);
    }
  }
  const refsAt = (key: ResourceKey): Refs => refs.get(key) ?? index.units.get(key)?.refs ?? NO_REFS;
  return {
    ...{ users: users.done(), attached: attached.done() },
    ...{ refs, nodes, hosts, seen, joined, refsAt },
  };
}

/** Labels of a Namespace may let its routes in, or out: others of their hostnames then move. */
function hostsMoved(
  changed: ReadonlySet<ResourceKey>,
  { hosts, users, refsAt }: Relinked,
): ReadonlySet<NodeKey> {
  const moved = new Set(hosts);
  for (const key of changed) {
    if (kindOf(key) !== 'Namespace') continue;
    for (const user of users.get(key) ?? []) {
      for (const node of refsAt(user).attaches) if (node.startsWith(HOST_ROUTES)) moved.add(node);
    }
  }
  return moved;
}

/** What a route may attach to, and so has to see again when it changes. */
const LISTENER_KINDS: ReadonlySet<string> = new Set(['Gateway', 'ListenerSet']);

/**
 * With the Gateways and ListenerSets that a change opens, closes or makes others of: a class comes
 * or goes, a grant for a certificate, a Namespace's labels; and of the ListenerSets of one Gateway
 * each has to stand back behind the older ones.
 */
function withListeners(
  changed: ReadonlySet<ResourceKey>,
  { seen, joined, users, attached, refsAt }: Relinked,
): ReadonlySet<ResourceKey> {
  const all = new Set(changed);
  const add = (node: NodeKey): void => {
    for (const user of users.get(node) ?? []) {
      if (LISTENER_KINDS.has(kindOf(user))) all.add(user);
    }
  };
  for (const key of changed) {
    if (kindOf(key) === 'GatewayClass' || kindOf(key) === 'Namespace') add(key);
  }
  for (const node of seen) add(node);
  const gateways = new Set(joined);
  for (const key of all) {
    if (kindOf(key) === 'Gateway') gateways.add(key);
    if (kindOf(key) !== 'ListenerSet') continue;
    for (const node of refsAt(key).attaches) gateways.add(node);
  }
  for (const gateway of gateways) {
    for (const key of attached.get(gateway) ?? []) {
      if (kindOf(key) === 'ListenerSet') all.add(key);
    }
  }
  return all;
}

function kindOf(key: ResourceKey): string {
  return key.slice(0, key.indexOf('/'));
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
