import type { RetryConfig } from './config.ts';

/** Seconds over which retries are held against requests. */
const WINDOW_S = 10;

/**
 * Bounds the load that retries add to a service in trouble: over the last ten seconds at most a
 * share of its requests, or a few a second where that is more (F24).
 */
export class RetryBudget {
  readonly #requests = new Uint32Array(WINDOW_S);
  readonly #retries = new Uint32Array(WINDOW_S);
  #second = 0;

  noteRequest(nowMs: number): void {
    this.#move(nowMs);
    const slot = this.#second % WINDOW_S;
    this.#requests[slot] = (this.#requests[slot] ?? 0) + 1;
  }

  /** Takes one retry out of the budget; false when it is used up. */
  take(config: RetryConfig, workers: number, nowMs: number): boolean {
    this.#move(nowMs);
    const allowed = Math.max(
      sum(this.#requests) * config.budgetShare,
      (config.budgetMinPerSecond * WINDOW_S) / workers,
    );
    if (sum(this.#retries) + 1 > allowed) return false;
    const slot = this.#second % WINDOW_S;
    this.#retries[slot] = (this.#retries[slot] ?? 0) + 1;
    return true;
  }

  #move(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const steps = Math.min(second - this.#second, WINDOW_S);
    for (let step = 0; step < steps; step++) {
      const slot = (second - step) % WINDOW_S;
      this.#requests[slot] = 0;
      this.#retries[slot] = 0;
    }
    if (second > this.#second) this.#second = second;
  }
}

function sum(slots: Uint32Array): number {
  let total = 0;
  for (const count of slots) total += count;
  return total;
}
