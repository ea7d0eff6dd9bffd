import { createHash, hash as hashOnce } from 'node:crypto';
import { type ResourceKey, type ResourceRef, keyOf } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { canonicalJson } from './canonical.ts';

/** A resource as the log has it: what its author wrote, and what the log knows of it. */
export interface StateEntry {
  key: ResourceKey;
  /** Without the fields that the server gives (resourceVersion, generation, creationTimestamp). */
  resource: Resource;
  /** Sequence of the revision that created it (its age) and of the one that changed it last. */
  createdAt: number;
  changedAt: number;
  createdTime: string;
  /** Number of its changes, from 1. */
  generation: number;
}

/** One change-set's content, with what the log knows of the message that carries it. */
export interface StateChange {
  sequence: number;
  time: string;
  upserts: readonly Resource[];
  deletes: readonly ResourceRef[];
}

type Hash = Buffer | undefined;

const BUCKETS = 256;
const EMPTY: Buffer = Buffer.alloc(32);

/**
 * All resources of a mesh as of one revision, with a digest that every healthy proxy computes
 * alike.
 *
 * The digest is a two-level hash tree: resources fall into 256 buckets by the hash of their key, a
 * bucket's digest is the SHA-256 of its resources' hashes in the order of their keys, the state's
 * that of the buckets. An edit rehashes one bucket and the root. A resource's hash is that of its
 * key and its canonical JSON (RFC 8785). All this is done when a digest is asked for: a proxy that
 * reads its first state from files has nobody to compare it with, and hashing would take a fifth
 * of its start.
 *
 * The state is mutable and has one owner; `apply` is all or nothing.
 */
export class MeshState {
  readonly entries = new Map<ResourceKey, StateEntry>();
  sequence = 0;
  /** Hashes of resources; undefined: not made yet. */
  readonly #buckets = Array.from({ length: BUCKETS }, () => new Map<ResourceKey, Hash>());
  readonly #bucketDigests: Buffer[] = Array.from({ length: BUCKETS }, () => EMPTY);
  /** Buckets whose digest is not that of what they hold now. */
  readonly #stale = new Set<number>();
  #digest: string | undefined;

  get digest(): string {
    this.#digest ??= rootDigest(this.#freshDigests());
    return this.#digest;
  }

  /** The digest that `apply` would give, without applying. */
  digestAfter(change: Pick<StateChange, 'upserts' | 'deletes'>): string {
    const digests = [...this.#freshDigests()];
    const touched = new Map<number, Map<ResourceKey, Buffer>>();
    const bucketOf = (key: ResourceKey): Map<ResourceKey, Buffer> => {
      const number = bucketNumber(key);
      let bucket = touched.get(number);
      if (bucket === undefined) touched.set(number, (bucket = new Map(this.#hashed(number))));
      return bucket;
    };
    for (const ref of change.deletes) bucketOf(keyOf(ref)).delete(keyOf(ref));
    for (const resource of change.upserts) {
      const key = keyOfResource(resource);
      bucketOf(key).set(key, hashOf(key, withoutServerFields(resource)));
    }
    for (const [number, bucket] of touched) digests[number] = bucketDigest(bucket);
    return rootDigest(digests);
  }

  /** Deletes first, then upserts; returns the keys whose content changed. */
  apply(change: StateChange): Set<ResourceKey> {
    const changed = new Set<ResourceKey>();
    for (const ref of change.deletes) {
      const key = keyOf(ref);
      if (!this.entries.delete(key)) continue;
      const number = bucketNumber(key);
      this.#buckets[number]?.delete(key);
      this.#touch(number);
      changed.add(key);
    }
    for (const resource of change.upserts) {
      const entry = this.#upsert(resource, change);
      if (entry !== undefined) changed.add(entry.key);
    }
    this.sequence = change.sequence;
    return changed;
  }

  /** A copy that may go its own way (history, dry runs). */
  clone(): MeshState {
    const copy = new MeshState();
    const digests = this.#freshDigests();
    for (const entry of this.entries.values()) copy.#place(entry, this.#hash(entry));
    copy.#stale.clear();
    copy.#bucketDigests.splice(0, BUCKETS, ...digests);
    copy.#digest = this.#digest;
    copy.sequence = this.sequence;
    return copy;
  }

  /** Entries as a snapshot on disk or in the object store has them, in the order of their keys. */
  static restore(entries: Iterable<StateEntry>, sequence: number): MeshState {
    const state = new MeshState();
    for (const entry of entries) state.#place(entry, undefined);
    state.sequence = sequence;
    return state;
  }

  /** Becomes what another state is, which is not to be used any more. */
  replaceBy(other: MeshState): void {
    this.entries.clear();
    for (const bucket of this.#buckets) bucket.clear();
    for (const entry of other.entries.values()) this.#place(entry, other.#hash(entry));
    for (let number = 0; number < BUCKETS; number++) this.#touch(number);
    this.sequence = other.sequence;
  }

  #upsert(written: Resource, change: StateChange): StateEntry | undefined {
    const resource = withoutServerFields(written);
    const key = keyOfResource(resource);
    const before = this.entries.get(key);
    const hash = before === undefined ? undefined : hashOf(key, resource);
    if (before !== undefined && hash?.equals(this.#hash(before)) === true) return undefined;
    const entry: StateEntry = {
      key,
      resource,
      createdAt: before?.createdAt ?? change.sequence,
      createdTime: before?.createdTime ?? change.time,
      changedAt: change.sequence,
      generation: (before?.generation ?? 0) + 1,
    };
    this.#place(entry, hash);
    return entry;
  }

  #place(entry: StateEntry, hash: Hash): void {
    const number = bucketNumber(entry.key);
    this.entries.set(entry.key, entry);
    this.#buckets[number]?.set(entry.key, hash);
    this.#touch(number);
  }

  #touch(number: number): void {
    this.#stale.add(number);
    this.#digest = undefined;
  }

  #hash(entry: StateEntry): Buffer {
    const bucket = this.#buckets[bucketNumber(entry.key)];
    const hash = bucket?.get(entry.key) ?? hashOf(entry.key, entry.resource);
    bucket?.set(entry.key, hash);
    return hash;
  }

  #freshDigests(): readonly Buffer[] {
    for (const number of this.#stale) {
      this.#bucketDigests[number] = bucketDigest(this.#hashed(number));
    }
    this.#stale.clear();
    return this.#bucketDigests;
  }

  /** A bucket with all hashes made. */
  #hashed(number: number): ReadonlyMap<ResourceKey, Buffer> {
    const bucket = this.#buckets[number] ?? new Map<ResourceKey, Hash>();
    for (const [key, hash] of bucket) {
      const entry = this.entries.get(key);
      if (hash === undefined && entry !== undefined) this.#hash(entry);
    }
    return bucket as ReadonlyMap<ResourceKey, Buffer>;
  }
}

export function keyOfResource(resource: Resource): ResourceKey {
  const metadata = resource.metadata;
  return keyOf({
    kind: resource.kind,
    name: metadata.name,
    ...('namespace' in metadata && metadata.namespace !== undefined
      ? { namespace: metadata.namespace }
      : {}),
  });
}

/** What the author is responsible for: the server's own fields never count as a change. */
export function withoutServerFields(resource: Resource): Resource {
  const { resourceVersion, generation, creationTimestamp, ...metadata } = resource.metadata;
  if (
    resourceVersion === undefined &&
    generation === undefined &&
    creationTimestamp === undefined
  ) {
    return resource;
  }
  return { ...resource, metadata } as Resource;
}

/** As the API shows it: with the server's fields filled in. */
export function withServerFields(entry: StateEntry): Resource {
  return {
    ...entry.resource,
    metadata: {
      ...entry.resource.metadata,
      resourceVersion: String(entry.changedAt),
      generation: entry.generation,
      creationTimestamp: entry.createdTime,
    },
  } as Resource;
}

function hashOf(key: ResourceKey, resource: Resource): Buffer {
  return hashOnce('sha256', `${key}\0${canonicalJson(resource)}`, 'buffer');
}

function bucketNumber(key: ResourceKey): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % BUCKETS;
}

function bucketDigest(bucket: ReadonlyMap<ResourceKey, Buffer>): Buffer {
  if (bucket.size === 0) return EMPTY;
  const hash = createHash('sha256');
  for (const key of [...bucket.keys()].sort()) hash.update(bucket.get(key) ?? EMPTY);
  return hash.digest();
}

function rootDigest(digests: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const digest of digests) hash.update(digest);
  return `sha256:${hash.digest('hex')}`;
}
