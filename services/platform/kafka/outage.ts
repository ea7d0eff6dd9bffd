import type { Clock } from '../clock.ts';

const AGAIN_MS = 60_000;

/**
 * Which of many failures in a row are worth a line: the first of each kind, and again each minute,
 * so that an outage fills no log and what needs somebody's hand does not go unheard.
 */
export class Outage {
  /** Failures since the last end. */
  failures = 0;
  readonly #clock: Clock;
  readonly #saidMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a failure; true when it is to be said. */
  failed(kind: string): boolean {
    const nowMs = this.#clock.nowMs();
    this.failures++;
    if (nowMs - (this.#saidMs.get(kind) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return false;
    this.#saidMs.set(kind, nowMs);
    return true;
  }

  ended(): void {
    this.failures = 0;
    this.#saidMs.clear();
  }
}
