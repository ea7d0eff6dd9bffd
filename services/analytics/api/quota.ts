import type { Clock } from '#platform/clock.ts';
import { TooManyRequests } from '#platform/http-problem.ts';
import { QUERY_SECONDS_MAX } from './limits.ts';

/** What one subject may ask by SQL; undefined: as much as it likes. */
export interface SqlLimits {
  queriesPerMinute?: number | undefined;
  /** Seconds for which ClickHouse works for it, of all its statements, failed ones among them. */
  secondsPerHour?: number | undefined;
}

export const SQL_LIMITS = { queriesPerMinute: 60, secondsPerHour: 600 } as const;

/** Why a statement was refused: the label of a counter. */
export type SqlLimit = 'queries' | 'seconds';

export interface QuotaParts {
  limits: SqlLimits;
  clock: Clock;
  /** Called for each refusal. */
  refused: (limit: SqlLimit) => void;
}

/** Whom it remembers; the one that asked least lately is forgotten for another. */
export const SUBJECTS_MAX = 10_000;

/** Something that fills up evenly to a ceiling; taking may leave a debt, which fills up as well. */
class Bucket {
  readonly #size: number;
  readonly #perMs: number;
  #held: number;
  #atMs: number;

  constructor(size: number, overMs: number, nowMs: number) {
    this.#size = size;
    this.#perMs = size / overMs;
    this.#held = size;
    this.#atMs = nowMs;
  }

  /** Ms until so much is there; 0: it is. */
  waitMs(amount: number, nowMs: number): number {
    this.#fill(nowMs);
    // What a filled bucket cannot hold is there when it is full.
    const lacking = Math.min(amount, this.#size) - this.#held;
    // Less than a millionth is what rounding leaves.
    return lacking < 1e-6 ? 0 : lacking / this.#perMs;
  }

  take(amount: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#held = Math.min(this.#size, this.#held - amount);
  }

  #fill(nowMs: number): void {
    this.#held = Math.min(this.#size, this.#held + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }
}

interface Account {
  queries: Bucket | undefined;
  seconds: Bucket | undefined;
}

/**
 * How much SQL each subject may still ask, counted by this process alone. A statement takes the
 * longest time that it may need when it starts and gets back what it did not need, so that many at
 * once cannot overdraw what one after the other could not.
 */
export class SqlQuota {
  readonly #parts: QuotaParts;
  readonly #accounts = new Map<string, Account>();

  constructor(parts: QuotaParts) {
    this.#parts = parts;
  }

  /** Runs work on a subject's account; rejects with TooManyRequests, or as the work does. */
  async run<T>(subject: string, work: () => Promise<T>): Promise<T> {
    const { clock, limits } = this.#parts;
    const { queries, seconds } = this.#accountOf(subject);
    const startedMs = clock.nowMs();
    this.#demand('queries', queries?.waitMs(1, startedMs), {
      amount: limits.queriesPerMinute,
      unit: 'statements a minute',
    });
    this.#demand('seconds', seconds?.waitMs(QUERY_SECONDS_MAX, startedMs), {
      amount: limits.secondsPerHour,
      unit: 'seconds of ClickHouse an hour',
    });
    queries?.take(1, startedMs);
    seconds?.take(QUERY_SECONDS_MAX, startedMs);
    try {
      return await work();
    } finally {
      const endedMs = clock.nowMs();
      seconds?.take((endedMs - startedMs) / 1_000 - QUERY_SECONDS_MAX, endedMs);
    }
  }

  /** How many subjects are remembered. */
  get subjects(): number {
    return this.#accounts.size;
  }

  #demand(
    limit: SqlLimit,
    waitMs: number | undefined,
    allowed: { amount: number | undefined; unit: string },
  ): void {
    if (waitMs === undefined || waitMs === 0) return;
    this.#parts.refused(limit);
    const seconds = Math.ceil(waitMs / 1_000);
    throw new TooManyRequests(
      `SQL is limited to ${allowed.amount ?? 0} ${allowed.unit}; ask again in ${seconds} s`,
      seconds,
    );
  }

  #accountOf(subject: string): Account {
    const { clock, limits } = this.#parts;
    const bucket = (size: number | undefined, overMs: number): Bucket | undefined =>
      size === undefined ? undefined : new Bucket(size, overMs, clock.nowMs());
    const account = this.#accounts.get(subject) ?? {
      queries: bucket(limits.queriesPerMinute, 60_000),
      seconds: bucket(limits.secondsPerHour, 3_600_000),
    };
    // Put last again: a Map keeps the order in which its keys came.
    this.#accounts.delete(subject);
    this.#accounts.set(subject, account);
    if (this.#accounts.size > SUBJECTS_MAX) {
      const [oldest] = this.#accounts.keys();
      if (oldest !== undefined) this.#accounts.delete(oldest);
    }
    return account;
  }
}

/** Reads the flags; 0 is no limit. Throws one sentence. */
export function readSqlLimits(flags: { perMinute: number; secondsPerHour: number }): SqlLimits {
  const whole = (flag: string, value: number): number | undefined => {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new Error(`${flag} ${value} is no whole number from 0 on`);
    }
    return value === 0 ? undefined : value;
  };
  return {
    queriesPerMinute: whole('--sql-per-minute', flags.perMinute),
    secondsPerHour: whole('--sql-seconds-per-hour', flags.secondsPerHour),
  };
}
