import { performance } from 'node:perf_hooks';
import { TICK_MS } from '../wheel.ts';

export interface EventLoopReport {
  /** Seconds since the worker's start in which it had work: its rate is the share of a core. */
  activeSeconds: number;
  /**
   * How late its sampling timer was at most in the last 15 to 30 s, to 10 ms: so long nothing else
   * was looked at either. Whoever asks every 15 s misses none.
   */
  delaySeconds: number;
}

export const PERIOD_MS = 15_000;

/**
 * How busy and how late a worker's event loop is. Periods are the worker's own and not those of
 * whoever asks, so that two scrapers see the same.
 */
export class EventLoopMeter {
  readonly #everyMs: number;
  #turnedMs: number;
  #periodEndMs: number;
  #lateMs = 0;
  #lateBeforeMs = 0;

  /** `everyMs`: how often `turned` is called by a timer of the wheel. */
  constructor(everyMs: number, nowMs: number) {
    this.#everyMs = everyMs;
    this.#turnedMs = nowMs;
    this.#periodEndMs = nowMs + PERIOD_MS;
  }

  turned(nowMs: number): void {
    const lateMs = nowMs - this.#turnedMs - this.#everyMs - TICK_MS;
    this.#turnedMs = nowMs;
    if (nowMs >= this.#periodEndMs) {
      this.#lateBeforeMs = this.#lateMs;
      this.#lateMs = 0;
      this.#periodEndMs = nowMs + PERIOD_MS;
    }
    this.#lateMs = Math.max(this.#lateMs, lateMs);
  }

  report(): EventLoopReport {
    return {
      activeSeconds: performance.eventLoopUtilization().active / 1_000,
      delaySeconds: Math.max(this.#lateMs, this.#lateBeforeMs) / 1_000,
    };
  }
}
