import type { ResourceKey } from '#contracts/names.ts';
import { type Revision, compareRevisions } from '#contracts/revision.ts';
import type { Clock } from '#platform/clock.ts';
import { EventChain, type RefusalCause } from '#platform/config-log/chain.ts';
import { epochBegunBy } from '#platform/config-log/event.ts';
import type { Kept } from '#platform/config-log/snapshots.ts';
import type { Log } from '#platform/log.ts';
import type { Trust } from '#platform/signing.ts';
import type { MeshState } from '#platform/state.ts';
import { Turns } from '#platform/turns.ts';
import type { Target } from '../fleet.ts';
import { type Followed, Rebuild, olderThan } from './rebuild.ts';
import { Serving } from './serving.ts';
import type { Served, Verdict } from './verdict.ts';
import { Verdicts } from './verdicts.ts';

export interface ApplierOptions {
  mesh: string;
  /** What brings a state into service, as far as it can be. */
  fleet: Target;
  clock: Clock;
  log: Log;
  /** Whose signatures are believed; undefined: the mesh is unsigned. */
  trust?: Trust | undefined;
  /** A message of the log was not taken; said once of each. */
  refused: (sentence: string) => void;
  verdict: (verdict: Verdict) => void;
  /** After each state that came into service. */
  applied: (served: Served) => void;
}

/** One message of the log. */
export interface LogMessage {
  sequence: number;
  /** With its body. */
  data: Uint8Array;
  /** More of the log is on its way. */
  more: boolean;
  /** As it stands in the log, where that is without its body. */
  proof?: Uint8Array;
}

/** Changes that are brought into service together while the proxy catches up. */
const CHANGES_TOGETHER_MAX = 256;
/** After a resync ended at a broken event, the log is read anew no sooner than this. */
const RESYNC_INTERVAL_MS = 30_000;

/**
 * Follows the config log event by event, by the rule that all its readers share
 * (platform/config-log/chain.ts): each has to continue the chain of digests, and a state is
 * brought into service as a whole or not at all. A break in the chain asks for the log from its
 * beginning; a break that is still there then leaves in service what was. So does a log that turns
 * out not to hold the revision served: it was lost or restored from an older copy, and only an
 * event that begins a new epoch is the order to go on with what it holds.
 */
export class Applier {
  readonly #options: ApplierOptions;
  #chain: EventChain;
  #proof: Uint8Array | undefined;
  readonly #rebuild = new Rebuild();
  /** Changes in `state` that the workers do not serve yet; undefined: they need all of it. */
  #pending: { changes: number; changed: Set<ResourceKey> } | undefined;
  #newestTime = '';
  /**
   * Sequence of the last message, taken or refused, that the next one has to follow; undefined:
   * whatever comes next is what the log has there.
   */
  #read: number | undefined = 0;
  /** The state changes in one place at a time, whoever asks. */
  readonly #turns = new Turns();
  #noResyncBeforeMs = Number.NEGATIVE_INFINITY;
  readonly #verdicts: Verdicts;
  readonly #serving: Serving;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#chain = this.#newChain();
    this.#verdicts = new Verdicts(options);
    this.#serving = new Serving({ ...options, verdicts: this.#verdicts });
  }

  get state(): MeshState {
    return this.#chain.state;
  }

  get epoch(): number {
    return this.#chain.epoch;
  }

  /** Of the state. */
  get revision(): Revision {
    return { epoch: this.epoch, sequence: this.state.sequence };
  }

  /** Sequence of the last message read, applied or passed over: reading goes on behind it. */
  get position(): number {
    return this.#chain.lastSequence;
  }

  /** What is signed of the digest of `state`: a message of the log, or a snapshot's head. */
  get proof(): Uint8Array | undefined {
    return this.#proof;
  }

  get served(): Served | undefined {
    return this.#serving.served;
  }

  /** What was said last; undefined before the first. */
  get verdict(): Verdict | undefined {
    return this.#verdicts.last;
  }

  /** Puts a snapshot from disk into service, which is worth a receipt: this instance is new. */
  restore(state: MeshState, epoch: number, proof?: Uint8Array): Promise<void> {
    return this.#turns.run(async () => {
      this.#goOnFrom({ chain: this.#newChain({ state, epoch }), proof });
      await this.#flush();
    });
  }

  /**
   * Goes on from a state that was kept of the log, if that is newer than what was read; answers
   * whether. Read anew, it may be older than what is served, and is on the way to that.
   */
  adopt({ state, epoch, upTo, head }: Kept): Promise<boolean> {
    return this.#turns.run(async () => {
      const revision = { epoch, sequence: state.sequence };
      if (compareRevisions(revision, this.revision) <= 0) return false;
      const chain = this.#newChain({ state, epoch });
      chain.passOver(upTo);
      this.#goOnFrom({ chain, proof: head });
      if (olderThan(revision, this.#serving.revision) === undefined) await this.#flush();
      return true;
    });
  }

  /** The log is known to hold nothing that was not read: an empty log is a state too. */
  reachedHead(): Promise<void> {
    return this.#turns.run(async () => {
      const isOpen = this.served === undefined || this.#rebuild.isRunning;
      if (isOpen || this.#isUnserved) await this.#flush();
    });
  }

  /** The log is read from `position + 1` on: what comes first now is what it has there. */
  begins(): void {
    this.#read = undefined;
  }

  /**
   * Takes a message, a large one with its body. False: the log has to be read again from
   * `position + 1` (see `begins`).
   */
  accept({ sequence, data, more, proof = data }: LogMessage): Promise<boolean> {
    return this.#turns.run(() => this.#accept({ sequence, data, more, proof }));
  }

  /** The state is known to be wrong: true when the log is to be read again from its beginning. */
  resync(): Promise<boolean> {
    return this.#turns.run(async () => this.#forget());
  }

  async #accept(message: Required<LogMessage>): Promise<boolean> {
    const { sequence, data, more, proof } = message;
    if ((epochBegunBy(data) ?? 0) > this.epoch) return this.#begin(message);
    // The digests alone do not tell: missing changes that cancel one another leave their traces in
    // the ages of resources, which decide who of two comes first.
    if (this.#read !== undefined && sequence > this.#read + 1) return false;
    this.#read = Math.max(this.#read ?? 0, sequence);
    const forked = this.#rebuild.refusal(this.#chain, this.served, sequence);
    if (forked !== undefined) {
      this.#giveUp();
      this.#sayRefused(sequence, forked);
      return true;
    }
    const taken = this.#chain.take(sequence, data);
    if (taken.kind === 'known') return true;
    if (taken.kind === 'refused') {
      const isReadAgain = this.#rebuild.isRunning;
      // What came before the last message is served, though that one is refused.
      if (!more && this.#isUnserved) await this.#flush();
      return this.#refuse(sequence, taken, isReadAgain);
    }
    const { event, changed } = taken;
    this.#proof = proof;
    this.#newestTime = event.time;
    if (this.#pending !== undefined) {
      this.#pending.changes++;
      for (const key of changed) this.#pending.changed.add(key);
    }
    const full = (this.#pending?.changes ?? 0) >= CHANGES_TOGETHER_MAX;
    if (!more || (full && !this.#rebuild.isRunning)) await this.#flush();
    return true;
  }

  /** Takes the first event of a later epoch, wherever it stands in the log. */
  async #begin({ sequence, data, more, proof }: Required<LogMessage>): Promise<boolean> {
    const chain = this.#newChain();
    const taken = chain.take(sequence, data);
    this.#read = Math.max(this.#read ?? 0, sequence);
    if (taken.kind === 'refused') {
      this.#chain.passOver(sequence);
      return this.#refuse(sequence, taken, true);
    }
    if (taken.kind === 'applied') {
      const { epoch, genesis, time } = taken.event;
      this.#options.log.warn({ epoch, from: genesis?.from }, 'the config log begins a new epoch');
      this.#newestTime = time;
    }
    this.#goOnFrom({ chain, proof });
    if (!more) await this.#flush();
    return true;
  }

  #goOnFrom({ chain, proof }: Followed): void {
    this.#chain = chain;
    this.#read = this.position;
    this.#proof = proof;
    this.#pending = undefined;
  }

  /** Reading anew led nowhere: what is served is what is followed. */
  #giveUp(): void {
    const before = this.#rebuild.giveUp();
    if (before !== undefined) this.#goOnFrom(before);
  }

  /** Forgets what was read, not what is served: the next events begin at 1. */
  #forget(): boolean {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs < this.#noResyncBeforeMs) return false;
    this.#noResyncBeforeMs = nowMs + RESYNC_INTERVAL_MS;
    this.#rebuild.begin({ chain: this.#chain, proof: this.#proof });
    this.#goOnFrom({ chain: this.#newChain(), proof: undefined });
    return true;
  }

  /** What was read is not what is served, and is not older either. */
  get #isUnserved(): boolean {
    if (this.served === undefined) return this.state.sequence > 0;
    const order = compareRevisions(this.revision, this.served.revision);
    return order > 0 || (order === 0 && this.state.digest !== this.served.logDigest);
  }

  /** False: the log is to be read again from its beginning. */
  #refuse(
    sequence: number,
    { cause, why }: { cause: RefusalCause; why: string },
    isReadAgain: boolean,
  ): boolean {
    const { log } = this.#options;
    if ((cause === 'fit' || cause === 'ahead') && !isReadAgain && this.#forget()) {
      log.warn({ sequence }, `event refused: ${why}; reading the whole log again`);
      return false;
    }
    if (cause !== 'foreign' && cause !== 'untrusted') {
      const { revision } = this;
      if (olderThan(revision, this.#serving.revision) === undefined) this.#rebuild.done();
      else this.#giveUp();
      // What it should have followed may come yet; what is passed over for ever need not.
      this.#chain.rewind();
    }
    this.#sayRefused(sequence, why);
    return true;
  }

  #sayRefused(sequence: number, why: string): void {
    this.#verdicts.refused({ epoch: this.epoch, sequence }, this.state.digest, why);
  }

  #newChain(from?: { state: MeshState; epoch: number }): EventChain {
    const { mesh, trust } = this.#options;
    const options = { trust, readsNewer: true };
    return new EventChain(mesh, { ...options, ...(from === undefined ? {} : { from }) });
  }

  async #flush(): Promise<void> {
    const { revision } = this;
    const lost =
      olderThan(revision, this.#serving.revision) ??
      this.#rebuild.refusal(this.#chain, this.served);
    if (lost !== undefined) {
      this.#giveUp();
      this.#sayRefused(revision.sequence, lost);
      return;
    }
    const changed = this.served === undefined ? undefined : this.#pending?.changed;
    this.#pending = undefined;
    const update = { state: this.state, revision, ...(changed === undefined ? {} : { changed }) };
    if (!(await this.#serving.bring(update, this.#newestTime))) return;
    this.#pending = { changes: 0, changed: new Set() };
    this.#rebuild.done();
  }
}
