import type { ChangeSetEvent, ResourceAge } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { formatRevision } from '#contracts/revision.ts';
import { EventChain, type RefusalCause } from '#platform/config-log/chain.ts';
import type { Trust } from '#platform/signing.ts';
import { type MeshState, keyOfResource } from '#platform/state.ts';
import { keyPartOf } from './change-set-id.ts';

export interface IndexedChange {
  key: ResourceKey;
  change: 'created' | 'updated' | 'deleted';
}

/** A change-set as the index keeps it: everything but the bodies, which stay in the log. */
export interface IndexedChangeSet {
  epoch: number;
  sequence: number;
  id: string;
  author: string;
  message: string;
  time: string;
  digest: string;
  changes: IndexedChange[];
  undoes?: string;
  restores?: string;
  /** Of the first of an epoch: the revision whose state it begins with. */
  recovers?: string;
}

/** One version of a resource: the sequence whose message holds its body. */
export interface ResourceVersion {
  sequence: number;
  change: IndexedChange['change'];
  /** Of one that a genesis carried over. */
  age?: ResourceAge;
}

export type Ingested =
  | { kind: 'applied'; entry: IndexedChangeSet; changed: ReadonlySet<ResourceKey> }
  /** Was read before. */
  | { kind: 'known' }
  /** Passed over; the state is as it was. */
  | { kind: 'refused'; cause: RefusalCause; why: string };

/**
 * The state of the mesh at the head of the log and an index of how it came about. It is fed every
 * message of the log in order; all readers of the same log come to the same state and digest. In
 * memory, a few dozen bytes per changed resource: bodies of older versions are read from the log
 * when somebody asks.
 */
export class History {
  readonly #chain: EventChain;
  readonly #changeSets: IndexedChangeSet[] = [];
  readonly #bySequence = new Map<number, IndexedChangeSet>();
  readonly #byId = new Map<string, number>();
  readonly #byKey = new Map<string, number>();
  readonly #versions = new Map<ResourceKey, ResourceVersion[]>();

  constructor(mesh: string, trust?: Trust) {
    this.#chain = new EventChain(mesh, { trust });
  }

  get state(): MeshState {
    return this.#chain.state;
  }

  get epoch(): number {
    return this.#chain.epoch;
  }

  /** Sequence of the last message read, whether it was a change-set or was passed over. */
  get lastSequence(): number {
    return this.#chain.lastSequence;
  }

  /** Sequence of the newest change-set: the head revision. 0 before the first. */
  get headSequence(): number {
    return this.state.sequence;
  }

  /** Why nothing may be written after what was read; undefined when all is well. */
  get broken(): string | undefined {
    return this.#chain.broken;
  }

  ingest(sequence: number, data: Uint8Array): Ingested {
    const taken = this.#chain.take(sequence, data);
    if (taken.kind !== 'applied') return taken;
    const { event, changed } = taken;
    return { kind: 'applied', entry: this.#index(sequence, event, changed), changed };
  }

  passOver(sequence: number): void {
    this.#chain.passOver(sequence);
  }

  changeSet(sequence: number): IndexedChangeSet | undefined {
    return this.#bySequence.get(sequence);
  }

  /** In full, as people write it; of the state before the first change-set, too. */
  revisionOf(sequence: number): string {
    const epoch = this.#bySequence.get(sequence)?.epoch ?? this.epoch;
    return formatRevision({ epoch, sequence });
  }

  /** Those that are wanted, newest first, beginning before `before`. */
  page(
    before: number,
    limit: number,
    isWanted: (entry: IndexedChangeSet) => boolean = () => true,
  ): IndexedChangeSet[] {
    const found: IndexedChangeSet[] = [];
    for (let i = lowerBound(this.#changeSets, before) - 1; i >= 0 && found.length < limit; i--) {
      const entry = this.#changeSets[i];
      if (entry !== undefined && isWanted(entry)) found.push(entry);
    }
    return found;
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

  #index(
    sequence: number,
    event: ChangeSetEvent,
    changed: ReadonlySet<ResourceKey>,
  ): IndexedChangeSet {
    const changes = [...changed].sort().map((key): IndexedChange => {
      const entry = this.state.entries.get(key);
      if (entry === undefined) return { key, change: 'deleted' };
      return { key, change: entry.createdAt === sequence ? 'created' : 'updated' };
    });
    const entry: IndexedChangeSet = {
      epoch: event.epoch,
      sequence,
      id: event.id,
      author: event.author,
      message: event.message,
      time: event.time,
      digest: event.digest,
      changes,
      ...(event.undoes === undefined ? {} : { undoes: event.undoes }),
      ...(event.restores === undefined ? {} : { restores: event.restores }),
      ...(event.genesis === undefined ? {} : { recovers: event.genesis.from }),
    };
    this.#changeSets.push(entry);
    this.#bySequence.set(sequence, entry);
    this.#byId.set(entry.id, sequence);
    const keyPart = keyPartOf(entry.id);
    if (keyPart !== undefined) this.#byKey.set(keyPart, sequence);
    const ages = agesIn(event);
    for (const { key, change } of changes) {
      const age = ages.get(key);
      const version = { sequence, change, ...(age === undefined ? {} : { age }) };
      const versions = this.#versions.get(key);
      if (versions === undefined) this.#versions.set(key, [version]);
      else versions.push(version);
    }
    return entry;
  }
}

function agesIn({ upserts, ages }: ChangeSetEvent): Map<ResourceKey, ResourceAge> {
  return new Map(ages?.map((age, i) => [keyOfResource(upserts[i] as Resource), age]));
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
