import type { Clock, Timer } from '#platform/clock.ts';

/** Does something again and again, with a pause after each time. The work must not reject. */
export class Repeat {
  readonly #clock: Clock;
  readonly #pauseMs: number;
  readonly #work: () => Promise<void>;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(clock: Clock, pauseMs: number, work: () => Promise<void>) {
    this.#clock = clock;
    this.#pauseMs = pauseMs;
    this.#work = work;
  }

  /** The first time comes after the first pause. */
  start(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.after(this.#pauseMs, () => {
      this.#running = this.#work().then(() => this.start());
    });
  }

  /** Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }
}
