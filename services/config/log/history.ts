import type { ChangeSetEvent } from '#contracts/events.ts';
import { type ResourceKey, keyOf } from '#contracts/names.ts';
import { NO_REVISION } from '#contracts/revision.ts';
import { MeshState, keyOfResource } from '#platform/state.ts';
import { keyPartOf } from './change-set-id.ts';
import { decodeEvent } from './event.ts';

export interface IndexedChange {
  key: ResourceKey;
  change: 'created' | 'updated' | 'deleted';
}

/** A change-set as the index keeps it: everything but the bodies, which stay in the log. */
export interface IndexedChangeSet {
  sequence: number;
  id: string;
  author: string;
  message: string;
  time: string;
  digest: string;
  changes: IndexedChange[];
  undoes?: string;
  restores?: string;
}

/** One version of a resource: the sequence whose message holds its body. */
export interface ResourceVersion {
  sequence: number;
  change: IndexedChange['change'];
}

export type Ingested =
  | { kind: 'applied'; entry: IndexedChangeSet; changed: ReadonlySet<ResourceKey> }
  /** Was read before. */
  | { kind: 'known' }
  /** Passed over; the state is as it was. */
  | { kind: 'refused'; why: string };

/**
 * The state of the mesh at the head of the log and an index of how it came about. It is fed every
 * message of the log in order; all readers of the same log come to the same state and digest. In
 * memory, a few dozen bytes per changed resource: bodies of older versions are read from the log
 * when somebody asks.
 */
export class History {
  readonly state = new MeshState();
  readonly epoch = NO_REVISION.epoch;
  readonly #mesh: string;
  readonly #changeSets: IndexedChangeSet[] = [];
  readonly #bySequence = new Map<number, IndexedChangeSet>();
  readonly #byId = new Map<string, number>();
  readonly #byKey = new Map<string, number>();
  readonly #versions = new Map<ResourceKey, ResourceVersion[]>();
  #lastSequence = 0;
  #broken: string | undefined;

  constructor(mesh: string) {
    this.#mesh = mesh;
  }

  /** Sequence of the last message read, whether it was a change-set or was passed over. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Sequence of the newest change-set: the head revision. 0 before the first. */
  get headSequence(): number {
    return this.state.sequence;
  }

  /**
   * Why nothing may be written after what was read; undefined when all is well. The chain of
   * digests is what tells a log from which messages are missing.
   */
  get broken(): string | undefined {
    return this.#broken;
  }

  ingest(sequence: number, data: Uint8Array): Ingested {
    if (sequence <= this.#lastSequence) return { kind: 'known' };
    this.#lastSequence = sequence;
    const decoded = decodeEvent(data, this.#mesh, this.epoch);
    if (decoded.kind === 'foreign') return { kind: 'refused', why: decoded.why };
    if (decoded.kind === 'newer') return this.#breakAt(sequence, decoded.why);
    const { event } = decoded;
    if (event.previousDigest !== this.state.digest) {
      return this.#breakAt(sequence, 'it does not continue from the change-set before it');
    }
    if (this.#digestAfter(event) !== event.digest) {
      return this.#breakAt(sequence, 'its content does not give the digest that it names');
    }
    return this.#apply(sequence, event);
  }

  /** Goes past a message that the log no longer has; the chain of digests tells what it meant. */
  passOver(sequence: number): void {
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
  }

  changeSet(sequence: number): IndexedChangeSet | undefined {
    return this.#bySequence.get(sequence);
  }

  /** Newest first, beginning before `before`. */
  page(before: number, limit: number): IndexedChangeSet[] {
    const end = lowerBound(this.#changeSets, before);
    return this.#changeSets.slice(Math.max(0, end - limit), end).reverse();
  }

  /** Oldest first. */
  since(sequence: number): IndexedChangeSet[] {
    return this.#changeSets.slice(lowerBound(this.#changeSets, sequence + 1));
  }

  /** The sequence of the change-set with this id, however long ago it was stored. */
  sequenceOf(id: string): number | undefined {
    return this.#byId.get(id);
  }

  /** The sequence of the change-set that was written with this idempotency key. */
  sequenceOfKey(keyPart: string): number | undefined {
    return this.#byKey.get(keyPart);
  }

  keys(): Iterable<ResourceKey> {
    return this.#versions.keys();
  }

  /** Every version of a resource, oldest first. */
  versions(key: ResourceKey): readonly ResourceVersion[] {
    return this.#versions.get(key) ?? [];
  }

  /** The version in force at a revision; undefined before it was first created. */
  versionAt(key: ResourceKey, sequence: number): ResourceVersion | undefined {
    return this.versions(key).findLast((version) => version.sequence <= sequence);
  }

  /** Undefined when a resource has no canonical form; no service of ours writes such a one. */
  #digestAfter(event: ChangeSetEvent): string | undefined {
    try {
      return this.state.digestAfter(event);
    } catch {
      return undefined; // The caller refuses the event and says so.
    }
  }

  #breakAt(sequence: number, why: string): Ingested {
    this.#broken = `message ${sequence} of the config log cannot be followed: ${why}`;
    return { kind: 'refused', why };
  }

  #apply(sequence: number, event: ChangeSetEvent): Ingested {
    const existed = new Set<ResourceKey>();
    const touched = [...event.deletes.map(keyOf), ...event.upserts.map(keyOfResource)];
    for (const key of touched) if (this.state.entries.has(key)) existed.add(key);
    const { time, upserts, deletes } = event;
    const changed = this.state.apply({ sequence, time, upserts, deletes });
    const changes = [...changed].sort().map((key) => {
      const change = !this.state.entries.has(key)
        ? ('deleted' as const)
        : existed.has(key)
          ? ('updated' as const)
          : ('created' as const);
      return { key, change };
    });
    const entry: IndexedChangeSet = {
      sequence,
      id: event.id,
      author: event.author,
      message: event.message,
      time,
      digest: event.digest,
      changes,
      ...(event.undoes === undefined ? {} : { undoes: event.undoes }),
      ...(event.restores === undefined ? {} : { restores: event.restores }),
    };
    this.#changeSets.push(entry);
    this.#bySequence.set(sequence, entry);
    this.#byId.set(entry.id, sequence);
    const keyPart = keyPartOf(entry.id);
    if (keyPart !== undefined) this.#byKey.set(keyPart, sequence);
    for (const { key, change } of changes) {
      const versions = this.#versions.get(key);
      if (versions === undefined) this.#versions.set(key, [{ sequence, change }]);
      else versions.push({ sequence, change });
    }
    this.#broken = undefined;
    return { kind: 'applied', entry, changed };
  }
}

/** Index of the first change-set whose sequence is `sequence` or later. */
function lowerBound(changeSets: readonly IndexedChangeSet[], sequence: number): number {
  let low = 0;
  let high = changeSets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((changeSets[middle]?.sequence ?? Number.POSITIVE_INFINITY) < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
