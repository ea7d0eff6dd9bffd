import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';
import type { Served, Verdict } from './verdict.ts';

/** What is told of this proxy's revisions. */
export class Verdicts {
  readonly #say: (verdict: Verdict) => void;
  readonly #refused: (sentence: string) => void;
  #last: Verdict | undefined;
  /** The newest message that was refused: what is read again is not said again. */
  #refusedUpTo = 0;

  constructor(options: {
    verdict: (verdict: Verdict) => void;
    refused: (sentence: string) => void;
  }) {
    this.#say = options.verdict;
    this.#refused = options.refused;
  }

  /** Undefined before the first. */
  get last(): Verdict | undefined {
    return this.#last;
  }

  served(served: Served, lagMs: number, applyMs: number): void {
    const result = served.problems.length === 0 ? 'applied' : 'partial';
    this.#tell({ ...served, result, lagMs, applyMs });
  }

  /** A message of the log is not followed; `logDigest` is that of the state before it. */
  refused(revision: Revision, logDigest: string, why: string): void {
    const { sequence } = revision;
    if (sequence <= this.#refusedUpTo) return;
    this.#refusedUpTo = sequence;
    const message = `event ${sequence} of the config log is refused: ${why}`;
    this.#refused(message);
    this.rejected(revision, logDigest, message);
  }

  rejected(revision: Revision, logDigest: string, message: string): void {
    const reason = 'cannot_apply' as const;
    const problems: ResourceProblem[] = [{ resource: '', path: '', reason, message }];
    this.#tell({ revision, result: 'rejected', logDigest, problems, lagMs: 0, applyMs: 0 });
  }

  #tell(verdict: Verdict): void {
    this.#last = verdict;
    this.#say(verdict);
  }
}
