import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';

/** What comes over the config plane, or from disk, and may turn out not to be believed. */
export const REFUSED = ['event', 'head', 'endpoints', 'snapshot'] as const;
export type Refused = (typeof REFUSED)[number];

/** What is wrong for as long as it lasts. */
export type Condition = 'head-silent' | 'log-lost' | 'log-truncated';

/** Whoever sends rubbish fast fills no disk with it: all is counted, and this much of it told. */
const TOLD_AT_ONCE = 10;
const TOLD_EVERY_MS = 1_000;

/**
 * What an operator has to know of the config plane although the proxy serves on: what was refused,
 * counted and told, and what is wrong at the moment, until it is over.
 */
export class Alarms {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #counts = new Map<Refused, number>(REFUSED.map((what) => [what, 0]));
  /** How much more may be told of each now. */
  readonly #allowance = new Map<Refused, { left: number; atMs: number }>();
  readonly #standing = new Map<Condition, string>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** One message or file was not believed; `sentence` says which and why. */
  refused(what: Refused, sentence: string, fields: object = {}): void {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    if (this.#mayTell(what)) this.#log.error({ ...fields, refused: count }, sentence);
  }

  #mayTell(what: Refused): boolean {
    const nowMs = this.#clock.nowMs();
    const before = this.#allowance.get(what) ?? { left: TOLD_AT_ONCE, atMs: nowMs };
    const left = Math.min(TOLD_AT_ONCE, before.left + (nowMs - before.atMs) / TOLD_EVERY_MS);
    this.#allowance.set(what, { left: left < 1 ? left : left - 1, atMs: nowMs });
    return left >= 1;
  }

  /** Told once, when it begins. */
  raise(condition: Condition, sentence: string): void {
    if (!this.#standing.has(condition)) this.#log.error(sentence);
    this.#standing.set(condition, sentence);
  }

  clear(condition: Condition): void {
    const sentence = this.#standing.get(condition);
    if (!this.#standing.delete(condition)) return;
    this.#log.info(`over: ${sentence}`);
  }

  /** What is wrong now, one sentence each. */
  get standing(): string[] {
    return [...this.#standing.values()];
  }

  /** Refused since the start. */
  get counts(): [Refused, number][] {
    return [...this.#counts];
  }
}
