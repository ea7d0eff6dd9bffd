import { isDeepStrictEqual } from 'node:util';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { StateUpdate, Target } from '../fleet.ts';
import type { Served } from './verdict.ts';
import type { Verdicts } from './verdicts.ts';

export interface ServingOptions {
  /** What brings a state into service, as far as it can be. */
  fleet: Target;
  clock: Clock;
  log: Log;
  verdicts: Verdicts;
  /** After each state that came into service. */
  applied: (served: Served) => void;
}

/** What the workers serve, and how it came about. */
export class Serving {
  readonly #options: ServingOptions;
  #served: Served | undefined;
  #isChanging = false;

  constructor(options: ServingOptions) {
    this.#options = options;
    options.fleet.onProblems((problems) => this.#problemsChanged(problems));
  }

  get served(): Served | undefined {
    return this.#served;
  }

  get revision(): Revision | undefined {
    return this.#served?.revision;
  }

  /** `writtenAt`: when its newest change was (RFC 3339). False, and said so, when it failed. */
  async bring(update: StateUpdate, writtenAt: string): Promise<boolean> {
    const { fleet, log, clock, verdicts } = this.#options;
    const { revision, state } = update;
    this.#isChanging = true;
    try {
      const { problems, applyMs } = await fleet.apply(update);
      this.#served = { revision, logDigest: state.digest, problems };
      const lagMs = Math.max(0, clock.wallMs() - Date.parse(writtenAt));
      // An empty log is no revision to speak of.
      if (revision.sequence > 0) {
        verdicts.served(this.#served, Number.isFinite(lagMs) ? lagMs : 0, applyMs);
      }
      this.#options.applied(this.#served);
      return true;
    } catch (error) {
      const message = `the proxy failed to apply the state: ${sentenceOf(error)}`;
      log.error({ revision: revision.sequence }, message);
      verdicts.rejected(revision, state.digest, message);
      return false;
    } finally {
      this.#isChanging = false;
    }
  }

  /** In the middle of an update they are of the next state, whose receipt will name them. */
  #problemsChanged(problems: ResourceProblem[]): void {
    if (this.#served === undefined || this.#isChanging) return;
    if (isDeepStrictEqual(problems, this.#served.problems)) return;
    this.#served = { ...this.#served, problems };
    this.#options.verdicts.served(this.#served, 0, 0);
    // What is kept from earlier revisions may have changed with them.
    this.#options.applied(this.#served);
  }
}
