import { isDeepStrictEqual } from 'node:util';
import { type ChangeSetEvent, EVENT_SCHEMA, type ReceiptResult } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { NO_REVISION, type Revision } from '#contracts/revision.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { decodeJson } from '#platform/nats.ts';
import { MeshState, type StateChange } from '#platform/state.ts';
import type { Fleet } from '../fleet.ts';

/** What is said of a revision; whoever sends it adds who says so. */
export interface Verdict {
  revision: Revision;
  result: ReceiptResult;
  logDigest: string;
  problems: ResourceProblem[];
  lagMs: number;
  applyMs: number;
}

/** What the workers serve now. */
export interface Served {
  revision: Revision;
  logDigest: string;
  problems: ResourceProblem[];
}

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
 * beginning; a break that is still there then leaves in service what was.
 */
export class Applier {
  readonly #options: ApplierOptions;
  #state = new MeshState();
  #epoch = NO_REVISION.epoch;
  #served: Served | undefined;
  /** Changes in `#state` that the workers do not serve yet; undefined: they need all of it. */
  #pending: { changes: StateChange[]; changed: Set<ResourceKey> } | undefined;
  #newestTime = '';
  #rebuilding = false;
  #brokenAt = 0;
  /** Sequence of the last message, taken or refused. */
  #read = 0;
  #isFirst = true;
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
      this.#read = state.sequence;
      this.#epoch = epoch;
      this.#pending = undefined;
      await this.#flush();
    });
  }

  /** The log is known to hold nothing that was not read: an empty log is a state too. */
  reachedHead(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isUnserved || this.#served === undefined) await this.#flush();
    });
  }

  /** The log is read from `state.sequence + 1` on: what comes first now is what it has there. */
  begins(): void {
    this.#isFirst = true;
  }

  /** False: the log has to be read again from `state.sequence + 1` (see `begins`). */
  accept(sequence: number, data: Uint8Array, more: boolean): Promise<boolean> {
    return this.#inTurn(() => this.#accept(sequence, data, more));
  }

  /** The state is known to be wrong: true when the log is to be read again from its beginning. */
  resync(): Promise<boolean> {
    return this.#inTurn(async () => this.#forget());
  }

  async #accept(sequence: number, data: Uint8Array, more: boolean): Promise<boolean> {
    if (sequence <= this.#state.sequence) return true;
    // The digests alone do not tell: missing changes that cancel one another leave their traces in
    // the ages of resources, which decide who of two comes first.
    if (sequence > this.#read + 1 && !this.#isFirst) return false;
    this.#isFirst = false;
    this.#read = sequence;
    const event = decodeJson(data) as ChangeSetEvent | undefined;
    const refusal = event === undefined ? 'it is no JSON object' : this.#refusalOf(event);
    if (event === undefined || refusal !== undefined) {
      return this.#passOver(sequence, refusal ?? '', { more, mayResync: false });
    }
    const change: StateChange = {
      sequence,
      time: event.time,
      upserts: event.upserts,
      deletes: event.deletes,
    };
    if (event.previousDigest !== this.#state.digest) {
      const why = 'it does not follow from the state before it';
      return this.#passOver(sequence, why, { more, mayResync: true });
    }
    if (event.digest !== this.#digestAfter(change)) {
      const why = 'its digest is not that of the state it makes';
      return this.#passOver(sequence, why, { more, mayResync: true });
    }
    const changed = this.#state.apply(change);
    this.#newestTime = event.time;
    if (this.#pending !== undefined) {
      this.#pending.changes.push(change);
      for (const key of changed) this.#pending.changed.add(key);
    }
    const full = (this.#pending?.changes.length ?? 0) >= CHANGES_TOGETHER_MAX;
    if (!more || (full && !this.#rebuilding)) await this.#flush();
    return true;
  }

  /** What was read is not what is served, and is not older either. */
  get #isUnserved(): boolean {
    const { sequence } = this.#state;
    if (this.#served === undefined) return sequence > 0;
    const { revision, logDigest } = this.#served;
    return (
      sequence > revision.sequence ||
      (sequence === revision.sequence && logDigest !== this.#state.digest)
    );
  }

  /** What came before the last message is served, though that one is refused. */
  async #passOver(
    sequence: number,
    why: string,
    { more, mayResync }: { more: boolean; mayResync: boolean },
  ): Promise<boolean> {
    const isReadAgain = this.#rebuilding;
    if (!more && this.#isUnserved) await this.#flush();
    return this.#broken(sequence, why, mayResync && !isReadAgain);
  }

  /** Forgets what was read, not what is served: the next events begin at 1. */
  #forget(): boolean {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs < this.#noResyncBeforeMs) return false;
    this.#noResyncBeforeMs = nowMs + RESYNC_INTERVAL_MS;
    this.#state = new MeshState();
    this.#pending = undefined;
    this.#rebuilding = true;
    return true;
  }

  #refusalOf(event: ChangeSetEvent): string | undefined {
    if (!(event.schema <= EVENT_SCHEMA)) return 'it needs a newer version of the proxy';
    if (event.mesh !== this.#options.mesh) return `it belongs to mesh ${String(event.mesh)}`;
    if (event.epoch !== this.#epoch) return `it belongs to epoch ${String(event.epoch)}`;
    if (!Array.isArray(event.upserts) || !Array.isArray(event.deletes)) {
      return 'it has no lists of resources';
    }
    return undefined;
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
    if (mayResync && this.#forget()) {
      this.#options.log.warn({ sequence }, `event refused: ${why}; reading the whole log again`);
      return false;
    }
    this.#rebuilding = false;
    if (sequence === this.#brokenAt) return true;
    this.#brokenAt = sequence;
    const message = `event ${sequence} of the config log is refused: ${why}`;
    this.#options.log.error({ sequence }, message);
    this.#say({
      revision: { epoch: this.#epoch, sequence },
      result: 'rejected',
      logDigest: this.#state.digest,
      problems: [{ resource: '', path: '', reason: 'cannot_apply', message }],
      lagMs: 0,
      applyMs: 0,
    });
    return true;
  }

  async #flush(): Promise<void> {
    const { fleet, log, clock } = this.#options;
    const revision = { epoch: this.#epoch, sequence: this.#state.sequence };
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
      this.#rebuilding = false;
      this.#served = { revision, logDigest: this.#state.digest, problems };
      const lagMs = Math.max(0, clock.wallMs() - Date.parse(this.#newestTime));
      // An empty log is no revision to speak of.
      if (revision.sequence > 0) this.#tell(Number.isFinite(lagMs) ? lagMs : 0, applyMs);
      this.#options.applied(this.#served);
    } catch (error) {
      const message = `the proxy failed to apply the state: ${sentenceOf(error)}`;
      log.error({ revision: revision.sequence }, message);
      const problem = { resource: '', path: '', reason: 'cannot_apply' as const, message };
      const logDigest = this.#state.digest;
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
  }

  /** The state changes in one place at a time, whoever asks. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run, run);
    this.#turn = result.catch(() => undefined);
    return result;
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
