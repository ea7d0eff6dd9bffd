import type { LimitConfig } from './config.ts';

/** Buckets of one limit at most; a full bucket is worth no memory and goes first. */
export const BUCKETS_MAX = 50_000;
/** Buckets looked at to make room for a new one: bounds the cost of a flood of new keys. */
const EVICTION_SCAN_MAX = 16;

/** Rates are fractions: a token that is there but for rounding is there. */
const ONE_TOKEN = 1 - 1e-9;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Token buckets of one limit in one worker, one for each key. */
export class Limiter {
  readonly #buckets = new Map<string, Bucket>();
  #burst = 1;
  #perMs = 0;

  constructor(config: LimitConfig, workers: number) {
    this.configure(config, workers);
  }

  /** Takes new figures over; tokens already there stay, up to the new size. */
  configure(config: LimitConfig, workers: number): void {
    this.#burst = Math.max(1, config.burst / workers);
    this.#perMs = config.requests / config.perMs / workers;
  }

  /** Milliseconds until there is a token; 0 when there is one. Takes nothing. */
  waitMs(key: string, nowMs: number): number {
    const bucket = this.#buckets.get(key);
    const tokens = bucket === undefined ? this.#burst : this.#refilled(bucket, nowMs);
    return tokens >= ONE_TOKEN ? 0 : (1 - tokens) / this.#perMs;
  }

  take(key: string, nowMs: number): void {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= BUCKETS_MAX) this.#evict(nowMs);
      this.#buckets.set(key, (bucket = { tokens: this.#burst, atMs: nowMs }));
    }
    bucket.tokens = this.#refilled(bucket, nowMs) - 1;
    bucket.atMs = nowMs;
  }

  get size(): number {
    return this.#buckets.size;
  }

  #refilled(bucket: Bucket, nowMs: number): number {
    return Math.min(this.#burst, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * this.#perMs);
  }

  /** Looks at the oldest: drops the full ones, or the very oldest when none of them is full. */
  #evict(nowMs: number): void {
    let looked = 0;
    let oldest: string | undefined;
    for (const [key, bucket] of this.#buckets) {
      oldest ??= key;
      if (++looked > EVICTION_SCAN_MAX) break;
      if (this.#refilled(bucket, nowMs) < this.#burst) continue;
      this.#buckets.delete(key);
    }
    if (this.#buckets.size >= BUCKETS_MAX && oldest !== undefined) this.#buckets.delete(oldest);
  }
}
