import { type ChangeSetEvent, EVENT_SCHEMA } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { NO_REVISION } from '#contracts/revision.ts';
import type { Trust } from '../signing.ts';
import { MeshState, type PreparedChange } from '../state.ts';
import { decodeEvent, entriesOf, newer } from './event.ts';
import type { Rooted } from './snapshots.ts';

export type Taken =
  | { kind: 'applied'; event: ChangeSetEvent; changed: ReadonlySet<ResourceKey> }
  /** Was read before. */
  | { kind: 'known' }
  /** Passed over; the state is as it was. */
  | { kind: 'refused'; cause: RefusalCause; why: string };

/**
 * `foreign` and `untrusted` messages are as if they were not there; any other cause breaks the
 * chain: a `newer` version wrote it, it does not `fit`, its body is gone (`bodiless`), or it is of
 * an epoch whose beginning was not read (`ahead`).
 */
export type RefusalCause = 'foreign' | 'untrusted' | 'newer' | 'fit' | 'bodiless' | 'ahead';

const OTHER_CONTENT = 'its content does not give the digest that it names';

export interface ChainOptions {
  /** Whose signatures are believed; undefined: the mesh is unsigned. */
  trust?: Trust | undefined;
  /**
   * Follows an event of a newer form where its digests are right: for a proxy, which keeps from
   * service what it does not know (`minProxy`), and not for who writes after it.
   */
  readsNewer?: boolean;
  /** A state whose log is read on behind it. */
  from?: { state: MeshState; epoch: number };
}

/**
 * The state of a mesh as the messages of its config log make it, one after the other: the one rule
 * for what services and proxies take from the log.
 *
 * What is no change-set of this mesh and epoch, or is not signed by a trusted key for exactly this
 * place in the log, is passed over, as if it were not there: by every reader alike, so that nobody
 * who may merely publish can break the log. What is one
 * and does not fit (it does not continue from the state before it, its content does not give its
 * digest, a newer version wrote it) is passed over too, and the chain is broken: the state stays
 * the last good one until a later event continues from exactly that state, or begins a new epoch.
 */
export class EventChain {
  readonly state: MeshState;
  readonly mesh: string;
  readonly #options: ChainOptions;
  #epoch: number;
  #lastSequence: number;
  #broken: string | undefined;

  constructor(mesh: string, options: ChainOptions = {}) {
    this.mesh = mesh;
    this.#options = options;
    this.state = options.from?.state ?? new MeshState();
    this.#epoch = options.from?.epoch ?? NO_REVISION.epoch;
    this.#lastSequence = this.state.sequence;
  }

  /** Of the state. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Sequence of the last message read, whether it was a change-set or was passed over. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /**
   * Why the state may be older than the log, in one sentence; undefined when all is well. The
   * chain of digests is what tells a log from which messages are missing.
   */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Begins with a state that was kept, unless what was read is newer. */
  startFrom({ state, epoch, upTo }: Rooted): boolean {
    if (epoch < this.#epoch || (epoch === this.#epoch && upTo <= this.#lastSequence)) return false;
    this.state.replaceBy(state);
    this.#epoch = epoch;
    this.#lastSequence = upTo;
    this.#broken = undefined;
    return true;
  }

  /** Messages come in the order of the log; what comes again is known. */
  take(sequence: number, data: Uint8Array): Taken {
    if (sequence <= this.#lastSequence) return { kind: 'known' };
    this.#lastSequence = sequence;
    const { trust, readsNewer = false } = this.#options;
    const place = { mesh: this.mesh, epoch: this.#epoch, sequence, trust, readsNewer };
    const decoded = decodeEvent(data, place);
    if (decoded.kind === 'foreign' || decoded.kind === 'untrusted') {
      return { kind: 'refused', cause: decoded.kind, why: decoded.why };
    }
    if (decoded.kind !== 'event') return this.#breakAt(sequence, decoded.kind, decoded.why);
    const { event } = decoded;
    if (event.epoch > this.#epoch) return this.#begin(sequence, event);
    if (event.previousDigest !== this.state.digest) {
      return this.#refuse(sequence, event, 'it does not continue from the change-set before it');
    }
    const prepared = this.#prepare(event);
    if (prepared?.digest !== event.digest) return this.#refuse(sequence, event, OTHER_CONTENT);
    const { time, upserts, deletes, minProxy } = event;
    const changed = this.state.apply({ sequence, time, upserts, deletes, minProxy }, prepared);
    this.#broken = undefined;
    return { kind: 'applied', event, changed };
  }

  /** Goes past a message that the log no longer has; the chain of digests tells what it meant. */
  passOver(sequence: number): void {
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
  }

  /** What follows the state is to be read again: it may have been lost on the way. */
  rewind(): void {
    this.#lastSequence = this.state.sequence;
  }

  /** A new epoch: what was before is of no account, the event has to be whole in itself. */
  #begin(sequence: number, event: ChangeSetEvent): Taken {
    const next = stateOf(event, sequence);
    if (next === undefined) return this.#refuse(sequence, event, OTHER_CONTENT);
    const changed = new Set([...this.state.entries.keys(), ...next.entries.keys()]);
    this.state.replaceBy(next);
    this.#epoch = event.epoch;
    this.#broken = undefined;
    return { kind: 'applied', event, changed };
  }

  /** Of a newer form it is no wonder that it does not fit. */
  #refuse(sequence: number, { schema }: { schema: number }, misfit: string): Taken {
    if (schema > EVENT_SCHEMA) return this.#breakAt(sequence, 'newer', newer(schema).why);
    return this.#breakAt(sequence, 'fit', misfit);
  }

  /** Undefined when a resource has no canonical form; no service of ours writes such a one. */
  #prepare(event: ChangeSetEvent): PreparedChange | undefined {
    try {
      return this.state.prepare(event);
    } catch {
      return undefined; // The caller refuses the event and says so.
    }
  }

  #breakAt(sequence: number, cause: RefusalCause, why: string): Taken {
    this.#broken = `message ${sequence} of the config log cannot be followed: ${why}`;
    return { kind: 'refused', cause, why };
  }
}

/** The state that a genesis makes; undefined when it is not the one that it names. */
export function stateOf(event: ChangeSetEvent, sequence: number): MeshState | undefined {
  try {
    const state = MeshState.restore(entriesOf(event, sequence), sequence);
    const follows = event.previousDigest === new MeshState().digest && event.deletes.length === 0;
    return follows && state.digest === event.digest ? state : undefined;
  } catch {
    return undefined; // A resource without canonical form: the caller refuses the event.
  }
}
