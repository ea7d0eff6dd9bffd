import type { RETRY_CONDITIONS } from '#contracts/resources/index.ts';

export type RetryCondition = (typeof RETRY_CONDITIONS)[number];

export interface RetryConfig {
  /** Further tries after the first. */
  readonly attempts: number;
  readonly on: ReadonlySet<RetryCondition>;
  /** Bounds each try until its response head; Infinity: the other time-outs alone. */
  readonly perTryMs: number;
  /** Retries at most: this share of the requests, or so many a second where that is more. */
  readonly budgetShare: number;
  readonly budgetMinPerSecond: number;
}

export const RETRY_DEFAULT: RetryConfig = Object.freeze({
  attempts: 1,
  on: new Set<RetryCondition>(['ConnectFailure', 'Reset']),
  perTryMs: Number.POSITIVE_INFINITY,
  budgetShare: 0.2,
  budgetMinPerSecond: 10,
});
