import type { ChangeSetRequest, ChangeSetResponse } from '#contracts/api/config.ts';
import { type ChangeSetEvent, EVENT_SCHEMA } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { MIN_PROXY_VERSION } from '#contracts/version.ts';
import type { Clock } from '#platform/clock.ts';
import { HttpProblem } from '#platform/http.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { pause } from '#platform/nats.ts';
import { Turns } from '#platform/turns.ts';
import { type ChangeSetId, changeSetId } from '../log/change-set-id.ts';
import type { ConfigLog } from '../log/config-log.ts';
import { changesOf } from '../log/images.ts';
import { type Candidate, candidateOf } from './candidate.ts';
import type { CompiledSnapshot } from '#proxy/pure.ts';
import type { Compiler } from './compiler.ts';
import { refuseOverlap, refuseStaleVersions } from './conflicts.ts';
import { type AudienceProxy, effectsOf } from './effects.ts';
import { withHints } from './hints.ts';
import { problemsBeyond } from './review.ts';
import { invalid, keysOf, readIntent } from './intent.ts';
import { type Plan, planOf } from './plan.ts';
import type { Vault } from '../secrets/vault.ts';
import { sealSecrets } from './secrets.ts';
import { findSequence, headOf } from './revisions.ts';
import { refuseTooLarge } from './limits.ts';
import { warningsOf } from './warnings.ts';

const WAITING_MAX = 100;
/** A bound on work; it is WRITE_TIMEOUT_MS that ends a writer whom others outrun. */
const ATTEMPTS_MAX = 1_000;
const RETRY_MAX_MS = 500;
const RETRY_MS = 50;
const WRITE_TIMEOUT_MS = 15_000;
const ANONYMOUS = 'anonymous';

export interface WriterOptions {
  mesh: string;
  log: ConfigLog;
  compiler: Compiler;
  clock: Clock;
  logger: Log;
  /** Keeps the values of Secrets; absent: this service takes none. */
  vault?: Vault | undefined;
  /** Proxies that are up, whose receipts a writer may wait for. */
  audience: () => AudienceProxy[];
  onPublished?: (event: { sequence: number; audience: string[]; tookMs: number }) => void;
}

export interface WriteRequest {
  body: ChangeSetRequest;
  dryRun: boolean;
  ifMatch?: string;
  idempotencyKey?: string;
  /** Throws 403 unless the writer may write these. */
  authorize: (keys: Iterable<ResourceKey>) => void;
}

interface Draft {
  request: WriteRequest;
  id: ChangeSetId;
  plan: Plan;
  /** The revision that the writer looked at; what others did after it may be a conflict. */
  base: number;
  author: string;
}

/** A change-set that may be published on the head as it is. */
interface Checked {
  candidate: Candidate;
  event: ChangeSetEvent;
  warnings: string[];
  /** The candidate, compiled. */
  snapshot: CompiledSnapshot;
}

/**
 * Turns requests into revisions, one at a time: plan on the head, check, publish only if the head
 * is still the same, else look again. Nothing is decided by this process's memory alone: the log's
 * compare-and-set decides, so several config services may write to one mesh.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #turns = new Turns();
  #waiting = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Throws HttpProblem: 400, 403, 404, 409, 413, 422 or 503. */
  async write(request: WriteRequest): Promise<ChangeSetResponse> {
    const { log, mesh, compiler } = this.#options;
    const read = readIntent(request.body);
    // First: what others have is no business of whoever may not write there, in problems neither.
    request.authorize(keysOf(read));
    const { intent, pending } = await sealSecrets(read, this.#options.vault);
    if (intent.kind === 'write' && intent.refused.problems.length > 0) {
      throw invalid(problemsBeyond(intent, log.history, compiler));
    }
    const base =
      request.ifMatch === undefined
        ? log.history.lastSequence
        : await findSequence(log, request.ifMatch, { orNone: true });
    const { body } = request;
    // Without values: an id is a plain digest, which would tell a short one.
    const asked = intent.kind === 'write' ? { ...body, upserts: intent.upserts } : body;
    const id = changeSetId(mesh, request.idempotencyKey, [asked, request.ifMatch ?? '']);
    const author = request.body.author ?? ANONYMOUS;
    const plan = await planOf(intent, log);
    request.authorize(plan.touches ?? []);
    const draft: Draft = { request, id, plan, base, author };
    if (request.dryRun) return this.#rehearse(draft);
    await this.#options.vault?.store(pending);
    // From now on and not from its turn: behind others who time out nobody waits for minutes.
    const endMs = this.#options.clock.nowMs() + WRITE_TIMEOUT_MS;
    return this.#inTurn(() => this.#commit(draft, endMs));
  }

  #rehearse(draft: Draft): ChangeSetResponse {
    const { audience, compiler } = this.#options;
    const checked = this.#check(draft);
    const { snapshot: after, candidate } = checked;
    const compiled = { before: compiler.head(), after, state: candidate.state };
    const effects = effectsOf({ ...compiled, proxies: audience() });
    return { ...this.#answer(draft, checked), effects };
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_MAX) {
      throw new HttpProblem('unavailable', `${WAITING_MAX} change-sets wait already; try again`);
    }
    this.#waiting += 1;
    try {
      return await this.#turns.run(work);
    } finally {
      this.#waiting -= 1;
    }
  }

  async #commit(draft: Draft, endMs: number): Promise<ChangeSetResponse> {
    const { log, clock } = this.#options;
    const { history } = log;
    let why = 'others were quicker each time';
    let isStoredPerhaps = false;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX && clock.nowMs() < endMs; attempt++) {
      const before = this.#storedBefore(draft.id);
      if (before !== undefined) return this.#stored(draft, before);
      if (log.problem !== undefined) throw new HttpProblem('unavailable', log.problem);
      const checked = this.#check(draft);
      if (checked.candidate.changed.size === 0) return this.#answer(draft, checked);
      const startedMs = clock.nowMs();
      const result = await log.publish(checked.event, history.lastSequence);
      if (result.kind === 'refused') {
        why = result.why;
        // Unless an earlier try may still arrive there is nothing to wait for.
        if (!isStoredPerhaps) break;
      }
      if (result.kind === 'unknown') {
        why = result.why;
        isStoredPerhaps = true;
        await pause(Math.min(RETRY_MS * attempt, RETRY_MAX_MS));
      }
      // Also after "stored": a publish that the server had already may stand further back.
      if (history.sequenceOf(draft.id.id) === undefined) await this.#readOn();
      const sequence = history.sequenceOf(draft.id.id);
      if (sequence === undefined) continue;
      const answer = this.#answer(draft, checked, sequence);
      const { audience } = answer;
      this.#options.onPublished?.({ sequence, audience, tookMs: clock.nowMs() - startedMs });
      return answer;
    }
    throw new HttpProblem('unavailable', notStored(why, isStoredPerhaps));
  }

  /** Reads the log to its end; without an answer the next publish will tell. */
  async #readOn(): Promise<void> {
    try {
      await this.#options.log.catchUp();
    } catch (error) {
      this.#options.logger.warn({ error: sentenceOf(error) }, 'the config log does not answer');
    }
  }

  /** Everything that can be wrong with a change-set on the head as it is now. Reads nothing. */
  #check(draft: Draft): Checked {
    const { log, compiler, clock } = this.#options;
    const { history } = log;
    const asked = draft.plan.make(history);
    refuseStaleVersions(history, asked.upserts);
    const time = new Date(clock.wallMs()).toISOString();
    const candidate = candidateOf(history.state, asked, history.lastSequence + 1, time);
    draft.request.authorize(candidate.changed);
    refuseTooLarge(candidate);
    refuseOverlap(history, draft.base, candidate.changed, candidate.upserts);
    const judged = compiler.newProblems(candidate.state, candidate.changed);
    const { refusing, revoked, notes, snapshot } = judged;
    if (refusing.length > 0) throw invalid(withHints(refusing, candidate.state));
    const event = this.#event(draft, candidate, time);
    const warnings = warningsOf({
      history,
      ...{ candidate, revoked, notes },
      written: asked.upserts,
      author: draft.author,
      seen: draft.request.ifMatch !== undefined || draft.plan.kind !== 'write',
      minProxy: event.minProxy,
      proxies: this.#options.audience(),
      wallMs: clock.wallMs(),
    });
    return { candidate, event, warnings, snapshot };
  }

  #event({ plan, request, id, author }: Draft, candidate: Candidate, time: string): ChangeSetEvent {
    const { mesh, log } = this.#options;
    return {
      schema: EVENT_SCHEMA,
      minProxy: MIN_PROXY_VERSION,
      mesh,
      epoch: log.history.epoch,
      id: id.id,
      author,
      message: request.body.message ?? plan.message,
      time,
      upserts: candidate.upserts,
      deletes: candidate.deletes,
      previousDigest: log.history.state.digest,
      digest: candidate.state.digest,
      ...(plan.undoes === undefined ? {} : { undoes: plan.undoes }),
      ...(plan.restores === undefined ? {} : { restores: plan.restores }),
    };
  }

  /** The same publish, or the same idempotency key, stood in the log before. */
  #storedBefore({ id, keyPart }: ChangeSetId): number | undefined {
    const { history } = this.#options.log;
    const mine = history.sequenceOf(id);
    if (mine !== undefined || keyPart === undefined) return mine;
    const other = history.sequenceOfKey(keyPart);
    if (other === undefined) return undefined;
    const revision = history.revisionOf(other);
    throw new HttpProblem(
      'conflict',
      `this Idempotency-Key was used for another change-set, stored as ${revision}`,
    );
  }

  async #stored(draft: Draft, sequence: number): Promise<ChangeSetResponse> {
    const { log } = this.#options;
    const entry = log.history.changeSet(sequence);
    if (entry === undefined) throw new Error(`revision ${sequence} is in no index`);
    draft.request.authorize(entry.changes.map(({ key }) => key));
    return {
      revision: log.history.revisionOf(sequence),
      created: true,
      dryRun: false,
      digest: entry.digest,
      id: draft.id.id,
      changes: await changesOf(log, entry),
      warnings: [],
      audience: this.#options.audience().map(({ proxy }) => proxy),
    };
  }

  #answer(draft: Draft, checked: Checked, sequence?: number): ChangeSetResponse {
    const { log, audience } = this.#options;
    return {
      revision: sequence === undefined ? headOf(log) : log.history.revisionOf(sequence),
      created: sequence !== undefined,
      dryRun: draft.request.dryRun,
      digest: checked.candidate.state.digest,
      id: draft.id.id,
      changes: checked.candidate.changes,
      warnings: checked.warnings,
      audience: audience().map(({ proxy }) => proxy),
    };
  }
}

function notStored(why: string, perhaps: boolean): string {
  return perhaps
    ? `the change-set could not be stored in time (${why}); whether it still arrives is not ` +
        'known: repeat it with the same Idempotency-Key, or look at the history'
    : `the change-set was not stored: ${why}`;
}
