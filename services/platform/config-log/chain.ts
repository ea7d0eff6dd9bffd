import type { ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { NO_REVISION } from '#contracts/revision.ts';
import { MeshState } from '../state.ts';
import { decodeEvent, entriesOf } from './event.ts';
import type { Rooted } from './snapshots.ts';

export type Taken =
  | { kind: 'applied'; event: ChangeSetEvent; changed: ReadonlySet<ResourceKey> }
  /** Was read before. */
  | { kind: 'known' }
  /** Passed over; the state is as it was. */
  | { kind: 'refused'; why: string };

/**
 * The state of a mesh as the messages of its config log make it, one after the other: the one rule
 * for what a service takes from the log.
 *
 * What is no change-set of this mesh and epoch is passed over, as if it were not there. What is one
 * and does not fit (it does not continue from the state before it, its content does not give its
 * digest, a newer version wrote it) is passed over too, and the chain is broken: the state stays
 * the last good one until a later event continues from exactly that state, or begins a new epoch.
 */
export class EventChain {
  readonly state = new MeshState();
  readonly mesh: string;
  #epoch = NO_REVISION.epoch;
  #lastSequence = 0;
  #broken: string | undefined;

  constructor(mesh: string) {
    this.mesh = mesh;
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
    const decoded = decodeEvent(data, this.mesh, this.#epoch);
    if (decoded.kind === 'foreign') return { kind: 'refused', why: decoded.why };
    if (decoded.kind !== 'event') return this.#breakAt(sequence, decoded.why);
    const { event } = decoded;
    if (event.epoch > this.#epoch) return this.#begin(sequence, event);
    if (event.previousDigest !== this.state.digest) {
      return this.#breakAt(sequence, 'it does not continue from the change-set before it');
    }
    if (this.#digestAfter(event) !== event.digest) {
      return this.#breakAt(sequence, 'its content does not give the digest that it names');
    }
    const { time, upserts, deletes } = event;
    const changed = this.state.apply({ sequence, time, upserts, deletes });
    this.#broken = undefined;
    return { kind: 'applied', event, changed };
  }

  /** Goes past a message that the log no longer has; the chain of digests tells what it meant. */
  passOver(sequence: number): void {
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
  }

  /** A new epoch: what was before is of no account, the event has to be whole in itself. */
  #begin(sequence: number, event: ChangeSetEvent): Taken {
    const next = stateOf(event, sequence);
    if (next === undefined) {
      return this.#breakAt(sequence, 'its content does not give the digest that it names');
    }
    const changed = new Set([...this.state.entries.keys(), ...next.entries.keys()]);
    this.state.replaceBy(next);
    this.#epoch = event.epoch;
    this.#broken = undefined;
    return { kind: 'applied', event, changed };
  }

  /** Undefined when a resource has no canonical form; no service of ours writes such a one. */
  #digestAfter(event: ChangeSetEvent): string | undefined {
    try {
      return this.state.digestAfter(event);
    } catch {
      return undefined; // The caller refuses the event and says so.
    }
  }

  #breakAt(sequence: number, why: string): Taken {
    this.#broken = `message ${sequence} of the config log cannot be followed: ${why}`;
    return { kind: 'refused', why };
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
