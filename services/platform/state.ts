import { hash as hashOnce } from 'node:crypto';
import { type ResourceKey, type ResourceRef, keyOf } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { canonicalJson } from './canonical.ts';
import { SHARDS, SharedMap, shardNumber } from './shared-map.ts';

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
  /** The least proxy version that understands it as it is now; absent: every one does. */
  minProxy?: string;
}

/** One change-set's content, with what the log knows of the message that carries it. */
export interface StateChange {
  sequence: number;
  time: string;
  upserts: readonly Resource[];
  deletes: readonly ResourceRef[];
  /** As the event has it; absent where there is none, as in files. */
  minProxy?: string;
}

type Hash = Buffer | undefined;

/** What a change comes to in one state, worked out before it is applied. */
export interface PreparedChange {
  /** Of the state after it. */
  readonly digest: string;
  /** By the upserts themselves. */
  readonly hashes: ReadonlyMap<Resource, Buffer>;
  readonly bucketDigests: Buffer;
  /** Of the state that it was worked out for. */
  readonly version: number;
}

type ChangeContent = Pick<StateChange, 'upserts' | 'deletes'>;

const DIGEST_BYTES = 32;
const EMPTY: Buffer = Buffer.alloc(DIGEST_BYTES);

/**
 * All resources of a mesh as of one revision, with a digest that every healthy proxy computes
 * alike.
 *
 * The digest is a two-level hash tree: resources fall into 256 buckets, the shards of the maps, by
 * the hash of their key; a bucket's digest is the SHA-256 of its resources' hashes in the order of
 * their keys, the state's that of the buckets. An edit rehashes one bucket and the root. A
 * resource's hash is that of its key and its canonical JSON (RFC 8785). All this is done when a
 * digest is asked for: a proxy that reads its first state from files has nobody to compare it with,
 * and hashing would take a fifth of its start.
 *
 * The state is mutable and has one owner; `apply` is all or nothing. A clone shares with it what
 * neither has changed since.
 */
export class MeshState {
  readonly entries: SharedMap<ResourceKey, StateEntry>;
  sequence: number;
  /** Hashes of resources; undefined: not made yet. */
  readonly #hashes: SharedMap<ResourceKey, Hash>;
  /** One after the other. */
  #bucketDigests: Buffer;
  /** Buckets whose digest is not that of what they hold now. */
  readonly #stale = new Set<number>();
  #digest: string | undefined;
  /** Number of changes to what it holds. */
  #version = 0;

  constructor(from?: MeshState) {
    this.sequence = from?.sequence ?? 0;
    if (from === undefined) {
      this.entries = new SharedMap();
      this.#hashes = new SharedMap();
      this.#bucketDigests = Buffer.alloc(SHARDS * DIGEST_BYTES);
      return;
    }
    // First, for it makes the hashes that both then share.
    this.#digest = from.digest;
    this.entries = from.entries.copy();
    this.#hashes = from.#hashes.copy();
    this.#bucketDigests = Buffer.from(from.#freshDigests());
  }

  get digest(): string {
    this.#digest ??= rootDigest(this.#freshDigests());
    return this.#digest;
  }

  /** The digest that `apply` would give, without applying. */
  digestAfter(change: ChangeContent): string {
    return this.prepare(change).digest;
  }

  /** Works out what `apply` needs: whoever looks at the digest first need not do it twice. */
  prepare(change: ChangeContent): PreparedChange {
    const bucketDigests = Buffer.from(this.#freshDigests());
    const hashes = new Map<Resource, Buffer>();
    const touched = new Map<number, Map<ResourceKey, Buffer>>();
    const bucketOf = (key: ResourceKey): Map<ResourceKey, Buffer> => {
      const number = shardNumber(key);
      let bucket = touched.get(number);
      if (bucket === undefined) touched.set(number, (bucket = new Map(this.#hashed(number))));
      return bucket;
    };
    for (const ref of change.deletes) bucketOf(keyOf(ref)).delete(keyOf(ref));
    for (const resource of change.upserts) {
      const key = keyOfResource(resource);
      const hash = hashOf(key, withoutServerFields(resource));
      hashes.set(resource, hash);
      bucketOf(key).set(key, hash);
    }
    for (const [number, bucket] of touched) {
      bucketDigest(bucket).copy(bucketDigests, number * DIGEST_BYTES);
    }
    const digest = rootDigest(bucketDigests);
    return { digest, hashes, bucketDigests, version: this.#version };
  }

  /**
   * Deletes first, then upserts; returns the keys whose content changed. `prepared`: of the same
   * change and this state, as it is.
   */
  apply(change: StateChange, prepared?: PreparedChange): Set<ResourceKey> {
    if (prepared !== undefined && prepared.version !== this.#version) {
      throw new Error('this change was prepared for another state');
    }
    const changed = new Set<ResourceKey>();
    for (const ref of change.deletes) {
      const key = keyOf(ref);
      if (!this.entries.delete(key)) continue;
      this.#hashes.delete(key);
      this.#touch(key);
      changed.add(key);
    }
    for (const resource of change.upserts) {
      const entry = this.#upsert(resource, change, prepared?.hashes);
      if (entry !== undefined) changed.add(entry.key);
    }
    this.sequence = change.sequence;
    if (prepared !== undefined) {
      this.#bucketDigests = prepared.bucketDigests;
      this.#stale.clear();
      this.#digest = prepared.digest;
    }
    return changed;
  }

  /** A copy that may go its own way (history, dry runs). */
  clone(): MeshState {
    return new MeshState(this);
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
    for (const key of [...this.entries.keys()]) {
      this.entries.delete(key);
      this.#hashes.delete(key);
      this.#touch(key);
    }
    for (const entry of other.entries.values()) this.#place(entry, other.#hash(entry));
    this.sequence = other.sequence;
  }

  #upsert(
    written: Resource,
    change: StateChange,
    hashes?: ReadonlyMap<Resource, Buffer>,
  ): StateEntry | undefined {
    const resource = withoutServerFields(written);
    const key = keyOfResource(resource);
    const before = this.entries.get(key);
    const made = hashes?.get(written);
    const hash = made ?? (before === undefined ? undefined : hashOf(key, resource));
    if (before !== undefined && hash?.equals(this.#hash(before)) === true) return undefined;
    const entry: StateEntry = {
      key,
      resource,
      createdAt: before?.createdAt ?? change.sequence,
      createdTime: before?.createdTime ?? change.time,
      changedAt: change.sequence,
      generation: (before?.generation ?? 0) + 1,
      ...(change.minProxy === undefined ? {} : { minProxy: change.minProxy }),
    };
    this.#place(entry, hash);
    return entry;
  }

  #place(entry: StateEntry, hash: Hash): void {
    this.entries.set(entry.key, entry);
    this.#hashes.set(entry.key, hash);
    this.#touch(entry.key);
  }

  #touch(key: ResourceKey): void {
    this.#stale.add(shardNumber(key));
    this.#digest = undefined;
    this.#version += 1;
  }

  #hash(entry: StateEntry): Buffer {
    const known = this.#hashes.get(entry.key);
    if (known !== undefined) return known;
    const hash = hashOf(entry.key, entry.resource);
    this.#hashes.set(entry.key, hash);
    return hash;
  }

  #freshDigests(): Buffer {
    for (const number of this.#stale) {
      bucketDigest(this.#hashed(number)).copy(this.#bucketDigests, number * DIGEST_BYTES);
    }
    this.#stale.clear();
    return this.#bucketDigests;
  }

  /** A bucket with all hashes made. */
  #hashed(number: number): ReadonlyMap<ResourceKey, Buffer> {
    for (const [key, entry] of this.entries.shard(number)) {
      if (this.#hashes.get(key) === undefined) this.#hash(entry);
    }
    return this.#hashes.shard(number) as ReadonlyMap<ResourceKey, Buffer>;
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

function bucketDigest(bucket: ReadonlyMap<ResourceKey, Buffer>): Buffer {
  if (bucket.size === 0) return EMPTY;
  const hashes = [...bucket.keys()].sort().map((key) => bucket.get(key) ?? EMPTY);
  return hashOnce('sha256', Buffer.concat(hashes), 'buffer');
}

function rootDigest(digests: Buffer): string {
  return `sha256:${hashOnce('sha256', digests, 'hex')}`;
}
