import { isDeepStrictEqual } from 'node:util';
import type { ChangeSetEvent } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { NO_REVISION, type Revision, compareRevisions } from '#contracts/revision.ts';
import type { Clock } from '#platform/clock.ts';
import { stateOf } from '#platform/config-log/chain.ts';
import { epochBegunBy } from '#platform/config-log/event.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { decodeJson } from '#platform/nats.ts';
import { MeshState, type StateChange } from '#platform/state.ts';
import type { Fleet } from '../fleet.ts';
import { refusalOf } from './refusal.ts';
import type { Served, Verdict } from './verdict.ts';
import { type Followed, Rebuild, olderThan } from './rebuild.ts';

export interface ApplierOptions {
  mesh: string;
  fleet: Fleet;
  clock: Clock;
  log: Log;
  verdict: (verdict: Verdict) => void;
  /** After each state that came into service. */
  applied: (served: Served) => void;
}

/** Changes that are brought into service together while the proxy catches up. */
const CHANGES_TOGETHER_MAX = 256;
/** After a resync ended at a broken event, the log is read anew no sooner than this. */
const RESYNC_INTERVAL_MS = 30_000;

/**
 * Follows the config log event by event: each has to continue the chain of digests, and a state is
 * brought into service as a whole or not at all. A break in the chain asks for the log from its
 * beginning; a break that is still there then leaves in service what was. So does a log that turns
 * out not to hold the revision served: it was lost or restored from an older copy, and only an
 * event that begins a new epoch is the order to go on with what it holds.
 */
export class Applier {
  readonly #options: ApplierOptions;
  #state = new MeshState();
  #epoch = NO_REVISION.epoch;
  #served: Served | undefined;
  /** Changes in `#state` that the workers do not serve yet; undefined: they need all of it. */
  #pending: { changes: StateChange[]; changed: Set<ResourceKey> } | undefined;
  #newestTime = '';
  readonly #rebuild = new Rebuild();
  #brokenAt = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #noResyncBeforeMs = Number.NEGATIVE_INFINITY;
  #verdict: Verdict | undefined;
  #flushing = false;

  constructor(options: ApplierOptions) {
    this.#options = options;
    options.fleet.onProblems((problems) => this.#problemsChanged(problems));
  }

  get state(): MeshState {
    return this.#state;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get served(): Served | undefined {
    return this.#served;
  }

  /** What was said last; undefined before the first. */
  get verdict(): Verdict | undefined {
    return this.#verdict;
  }

  /** Puts a snapshot from disk into service, which is worth a receipt: this instance is new. */
  restore(state: MeshState, epoch: number): Promise<void> {
    return this.#inTurn(async () => {
      this.#state = state;
      this.#epoch = epoch;
      this.#pending = undefined;
      await this.#flush(true);
    });
  }

  /**
   * Goes on from a state that was kept of the log, if that is newer than what was read; answers
   * whether. Read anew, it may be older than what is served, and is on the way to that.
   */
  adopt({ state, epoch }: Followed): Promise<boolean> {
    return this.#inTurn(async () => {
      const { sequence } = state;
      const read = { epoch: this.#epoch, sequence: this.#state.sequence };
      if (compareRevisions({ epoch, sequence }, read) <= 0) return false;
      this.#state = state;
      this.#epoch = epoch;
      this.#pending = undefined;
      const isNewer = olderThan({ epoch, sequence }, this.#served?.revision) === undefined;
      if (isNewer) await this.#flush(true);
      return true;
    });
  }

  /** The log is known to hold nothing that was not read: an empty log is a state too. */
  reachedHead(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#served === undefined || this.#rebuild.isRunning) await this.#flush(false);
    });
  }

  /** False: the log has to be read again from `state.sequence + 1`. */
  accept(sequence: number, data: Uint8Array, more: boolean): Promise<boolean> {
    return this.#inTurn(() => this.#accept(sequence, data, more));
  }

  /** The state is known to be wrong: true when the log is to be read again from its beginning. */
  resync(): Promise<boolean> {
    return this.#inTurn(async () => this.#forget());
  }

  async #accept(sequence: number, data: Uint8Array, more: boolean): Promise<boolean> {
    if ((epochBegunBy(data) ?? 0) > this.#epoch) return this.#begin(sequence, data, more);
    if (sequence <= this.#state.sequence) return true;
    const event = decodeJson(data) as ChangeSetEvent | undefined;
    const refusal =
      event === undefined
        ? 'it is no JSON object'
        : refusalOf(event, this.#options.mesh, this.#epoch);
    if (event === undefined || refusal !== undefined) {
      return this.#broken(sequence, refusal ?? '', false);
    }
    const change: StateChange = {
      sequence,
      time: event.time,
      upserts: event.upserts,
      deletes: event.deletes,
    };
    if (event.epoch > this.#epoch) {
      return this.#broken(sequence, 'the first event of its epoch is not there', true);
    }
    const forked = this.#rebuild.refusal(this.#followed, this.#served, sequence);
    if (forked !== undefined) return this.#broken(sequence, forked, false);
    if (event.previousDigest !== this.#state.digest) {
      return this.#broken(sequence, 'it does not follow from the state before it', true);
    }
    if (event.digest !== this.#digestAfter(change)) {
      return this.#broken(sequence, 'its digest is not that of the state it makes', true);
    }
    const changed = this.#state.apply(change);
    this.#newestTime = event.time;
    if (this.#pending !== undefined) {
      this.#pending.changes.push(change);
      for (const key of changed) this.#pending.changed.add(key);
    }
    const full = (this.#pending?.changes.length ?? 0) >= CHANGES_TOGETHER_MAX;
    if (!more || (full && !this.#rebuild.isRunning)) await this.#flush(true);
    return true;
  }

  /** Takes the first event of a later epoch, wherever it stands in the log. */
  async #begin(sequence: number, data: Uint8Array, more: boolean): Promise<boolean> {
    const event = decodeJson(data) as unknown as ChangeSetEvent;
    const wrong = refusalOf(event, this.#options.mesh, this.#epoch);
    const next = wrong === undefined ? stateOf(event, sequence) : undefined;
    if (next === undefined) {
      return this.#broken(sequence, wrong ?? 'it does not hold what it names', false);
    }
    const { from } = event.genesis ?? {};
    this.#options.log.warn({ epoch: event.epoch, from }, 'the config log begins a new epoch');
    this.#state = next;
    this.#epoch = event.epoch;
    this.#pending = undefined;
    this.#newestTime = event.time;
    // Read anew, it is only on the way to the revision that is served.
    if (!more || !this.#rebuild.isRunning) await this.#flush(true);
    return true;
  }

  /** Forgets what was read, not what is served: the next events begin at 1. */
  #forget(): boolean {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs < this.#noResyncBeforeMs) return false;
    this.#noResyncBeforeMs = nowMs + RESYNC_INTERVAL_MS;
    this.#rebuild.begin(this.#followed);
    this.#state = new MeshState();
    this.#epoch = NO_REVISION.epoch;
    this.#pending = undefined;
    return true;
  }

  /** The digest after a change; undefined when a resource in it has no readable form. */
  #digestAfter(change: StateChange): string | undefined {
    try {
      return this.#state.digestAfter(change);
    } catch (error) {
      this.#options.log.error({ error: sentenceOf(error) }, 'an event holds no readable resources');
      return undefined;
    }
  }

  #broken(sequence: number, why: string, mayResync: boolean): boolean {
    if (mayResync && !this.#rebuild.isRunning && this.#forget()) {
      this.#options.log.warn({ sequence }, `event refused: ${why}; reading the whole log again`);
      return false;
    }
    this.#giveUp();
    if (sequence === this.#brokenAt) return true;
    this.#brokenAt = sequence;
    const message = `event ${sequence} of the config log is refused: ${why}`;
    this.#options.log.error({ sequence }, message);
    this.#reject({ epoch: this.#epoch, sequence }, message);
    return true;
  }

  get #followed(): Followed {
    return { state: this.#state, epoch: this.#epoch };
  }

  /** Reading anew led nowhere: what is served is what is followed. */
  #giveUp(): void {
    const before = this.#rebuild.giveUp();
    if (before === undefined) return;
    this.#state = before.state;
    this.#epoch = before.epoch;
    this.#pending = undefined;
  }

  async #flush(tell: boolean): Promise<void> {
    const { fleet, log, clock } = this.#options;
    const revision = { epoch: this.#epoch, sequence: this.#state.sequence };
    const lost =
      olderThan(revision, this.#served?.revision) ??
      this.#rebuild.refusal(this.#followed, this.#served);
    if (lost !== undefined) {
      this.#broken(revision.sequence, lost, false);
      return;
    }
    const step = this.#served === undefined ? undefined : this.#pending;
    this.#pending = undefined;
    this.#flushing = true;
    try {
      const { problems, applyMs } = await fleet.apply({
        state: this.#state,
        revision,
        ...(step === undefined ? {} : { step }),
      });
      this.#pending = { changes: [], changed: new Set() };
      this.#rebuild.done();
      this.#served = { revision, logDigest: this.#state.digest, problems };
      const lagMs = Math.max(0, clock.wallMs() - Date.parse(this.#newestTime));
      if (tell) this.#tell(Number.isFinite(lagMs) ? lagMs : 0, applyMs);
      this.#options.applied(this.#served);
    } catch (error) {
      const message = `the proxy failed to apply the state: ${sentenceOf(error)}`;
      log.error({ revision: revision.sequence }, message);
      this.#reject(revision, message);
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
  }

  /** The state changes in one place at a time, whoever asks. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run, run);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #reject(revision: Revision, message: string): void {
    const problem = { resource: '', path: '', reason: 'cannot_apply' as const, message };
    const logDigest = this.#state.digest;
    const result = 'rejected';
    this.#say({ revision, result, logDigest, problems: [problem], lagMs: 0, applyMs: 0 });
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
