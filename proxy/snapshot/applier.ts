import { isDeepStrictEqual } from 'node:util';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Clock } from '#platform/clock.ts';
import { EventChain, type RefusalCause } from '#platform/config-log/chain.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { Trust } from '#platform/signing.ts';
import type { MeshState } from '#platform/state.ts';
import { Turns } from '#platform/turns.ts';
import type { Target } from '../fleet.ts';
import type { Served, Verdict } from './verdict.ts';

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

/** Changes that are brought into service together while the proxy catches up. */
const CHANGES_TOGETHER_MAX = 256;
/** After a resync ended at a broken event, the log is read anew no sooner than this. */
const RESYNC_INTERVAL_MS = 30_000;

/**
 * Follows the config log event by event, by the rule that all its readers share
 * (platform/config-log/chain.ts): each has to continue the chain of digests, and a state is
 * brought into service as a whole or not at all. A break in the chain asks for the log from its
 * beginning; a break that is still there then leaves in service what was.
 */
export class Applier {
  readonly #options: ApplierOptions;
  #chain: EventChain;
  #proof: Uint8Array | undefined;
  #served: Served | undefined;
  /** Changes in `state` that the workers do not serve yet; undefined: they need all of it. */
  #pending: { changes: number; changed: Set<ResourceKey> } | undefined;
  #newestTime = '';
  #rebuilding = false;
  /**
   * Sequence of the last message, taken or refused, that the next one has to follow; undefined:
   * whatever comes next is what the log has there.
   */
  #read: number | undefined = 0;
  /** The newest message that was refused: what is read again is not said again. */
  #refusedUpTo = 0;
  /** The state changes in one place at a time, whoever asks. */
  readonly #turns = new Turns();
  #noResyncBeforeMs = Number.NEGATIVE_INFINITY;
  #verdict: Verdict | undefined;
  #flushing = false;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#chain = this.#newChain();
    options.fleet.onProblems((problems) => this.#problemsChanged(problems));
  }

  get state(): MeshState {
    return this.#chain.state;
  }

  get epoch(): number {
    return this.#chain.epoch;
  }

  /** Sequence of the last message read, applied or passed over: reading goes on behind it. */
  get position(): number {
    return this.#chain.lastSequence;
  }

  /** The message whose digest is that of `state`, as it stands in the log. */
  get proof(): Uint8Array | undefined {
    return this.#proof;
  }

  get served(): Served | undefined {
    return this.#served;
  }

  /** What was said last; undefined before the first. */
  get verdict(): Verdict | undefined {
    return this.#verdict;
  }

  /** Puts a snapshot from disk into service, which is worth a receipt: this instance is new. */
  restore(state: MeshState, epoch: number, proof?: Uint8Array): Promise<void> {
    return this.#turns.run(async () => {
      this.#chain = this.#newChain({ state, epoch });
      this.#read = this.position;
      this.#proof = proof;
      this.#pending = undefined;
      await this.#flush();
    });
  }

  /** The log is known to hold nothing that was not read: an empty log is a state too. */
  reachedHead(): Promise<void> {
    return this.#turns.run(async () => {
      if (this.#served === undefined || this.#isUnserved) await this.#flush();
    });
  }

  /** The log is read from `position + 1` on: what comes first now is what it has there. */
  begins(): void {
    this.#read = undefined;
  }

  /** False: the log has to be read again from `position + 1` (see `begins`). */
  accept(sequence: number, data: Uint8Array, more: boolean): Promise<boolean> {
    return this.#turns.run(() => this.#accept(sequence, data, more));
  }

  /** The state is known to be wrong: true when the log is to be read again from its beginning. */
  resync(): Promise<boolean> {
    return this.#turns.run(async () => this.#forget());
  }

  async #accept(sequence: number, data: Uint8Array, more: boolean): Promise<boolean> {
    // The digests alone do not tell: missing changes that cancel one another leave their traces in
    // the ages of resources, which decide who of two comes first.
    if (this.#read !== undefined && sequence > this.#read + 1) return false;
    this.#read = Math.max(this.#read ?? 0, sequence);
    const taken = this.#chain.take(sequence, data);
    if (taken.kind === 'known') return true;
    if (taken.kind === 'refused') {
      const isReadAgain = this.#rebuilding;
      // What came before the last message is served, though that one is refused.
      if (!more && this.#isUnserved) await this.#flush();
      return this.#refuse(sequence, taken, isReadAgain);
    }
    const { event, changed } = taken;
    this.#proof = data;
    this.#newestTime = event.time;
    if (this.#pending !== undefined) {
      this.#pending.changes++;
      for (const key of changed) this.#pending.changed.add(key);
    }
    const full = (this.#pending?.changes ?? 0) >= CHANGES_TOGETHER_MAX;
    if (!more || (full && !this.#rebuilding)) await this.#flush();
    return true;
  }

  /** Forgets what was read, not what is served: the next events begin at 1. */
  #forget(): boolean {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs < this.#noResyncBeforeMs) return false;
    this.#noResyncBeforeMs = nowMs + RESYNC_INTERVAL_MS;
    this.#chain = this.#newChain();
    this.#read = 0;
    this.#proof = undefined;
    this.#pending = undefined;
    this.#rebuilding = true;
    return true;
  }

  /** What was read is not what is served, and is not older either. */
  get #isUnserved(): boolean {
    const { sequence, digest } = this.state;
    if (this.#served === undefined) return sequence > 0;
    const { revision, logDigest } = this.#served;
    return sequence > revision.sequence || (sequence === revision.sequence && digest !== logDigest);
  }

  /** False: the log is to be read again from its beginning. */
  #refuse(
    sequence: number,
    { cause, why }: { cause: RefusalCause; why: string },
    isReadAgain: boolean,
  ): boolean {
    const { log } = this.#options;
    if (cause === 'fit' && !isReadAgain && this.#forget()) {
      log.warn({ sequence }, `event refused: ${why}; reading the whole log again`);
      return false;
    }
    if (cause === 'fit' || cause === 'newer') {
      this.#rebuilding = false;
      // What it should have followed may come yet; what is passed over for ever need not.
      this.#chain.rewind();
    }
    if (sequence <= this.#refusedUpTo) return true;
    this.#refusedUpTo = sequence;
    const message = `event ${sequence} of the config log is refused: ${why}`;
    this.#options.refused(message);
    this.#say({
      revision: { epoch: this.epoch, sequence },
      result: 'rejected',
      logDigest: this.state.digest,
      problems: [{ resource: '', path: '', reason: 'cannot_apply', message }],
      lagMs: 0,
      applyMs: 0,
    });
    return true;
  }

  #newChain(from?: { state: MeshState; epoch: number }): EventChain {
    const { mesh, trust } = this.#options;
    const options = { trust, readsNewer: true };
    return new EventChain(mesh, { ...options, ...(from === undefined ? {} : { from }) });
  }

  async #flush(): Promise<void> {
    const { fleet, log, clock } = this.#options;
    const revision = { epoch: this.epoch, sequence: this.state.sequence };
    const changed = this.#served === undefined ? undefined : this.#pending?.changed;
    this.#pending = undefined;
    this.#flushing = true;
    try {
      const { problems, applyMs } = await fleet.apply({
        state: this.state,
        revision,
        ...(changed === undefined ? {} : { changed }),
      });
      this.#pending = { changes: 0, changed: new Set() };
      this.#rebuilding = false;
      this.#served = { revision, logDigest: this.state.digest, problems };
      const lagMs = Math.max(0, clock.wallMs() - Date.parse(this.#newestTime));
      // An empty log is no revision to speak of.
      if (revision.sequence > 0) this.#tell(Number.isFinite(lagMs) ? lagMs : 0, applyMs);
      this.#options.applied(this.#served);
    } catch (error) {
      const message = `the proxy failed to apply the state: ${sentenceOf(error)}`;
      log.error({ revision: revision.sequence }, message);
      const problem = { resource: '', path: '', reason: 'cannot_apply' as const, message };
      const logDigest = this.state.digest;
      const result = 'rejected';
      this.#say({
        revision,
        result,
        logDigest,
        problems: [problem],
        lagMs: 0,
        applyMs: 0,
      });
    } finally {
      this.#flushing = false;
    }
  }

  /** In the middle of an update they are of the next state, whose receipt will name them. */
  #problemsChanged(problems: ResourceProblem[]): void {
    if (this.#served === undefined || this.#flushing) return;
    if (isDeepStrictEqual(problems, this.#served.problems)) return;
    this.#served = { ...this.#served, problems };
    this.#tell(0, 0);
    // What is kept from earlier revisions may have changed with them.
    this.#options.applied(this.#served);
  }

  #say(verdict: Verdict): void {
    this.#verdict = verdict;
    this.#options.verdict(verdict);
  }

  #tell(lagMs: number, applyMs: number): void {
    if (this.#served === undefined) return;
    const { problems } = this.#served;
    const result = problems.length === 0 ? 'applied' : 'partial';
    this.#say({ ...this.#served, result, lagMs, applyMs });
  }
}
