import type { Clock, Timer } from '#platform/clock.ts';

/** How much later than asked a timer may call back. */
export const TICK_MS = 10;
const SLOTS = 2_048;
const HORIZON_MS = TICK_MS * SLOTS;

/**
 * A time-out that may be set and cleared for every request: a link in a list, nothing of the
 * system's. Its owner is called back once, when it is due.
 */
export class WheelTimer {
  readonly run: () => void;
  dueTick = 0;
  next: WheelTimer | undefined;
  previous: WheelTimer | undefined;
  /** The list it stands in; -1 when it is not set. */
  slot = -1;

  constructor(run: () => void) {
    this.run = run;
  }

  get isSet(): boolean {
    return this.slot >= 0;
  }
}

/**
 * All time-outs of one worker on one timer of the system: a hashed wheel (Varghese and Lauck,
 * 1987). Setting and clearing cost the same however many there are. What is due beyond the wheel's
 * horizon waits in a list of its own, which is gone through now and then.
 */
export class Wheel {
  readonly #clock: Clock;
  /** Heads of the lists; the last one is for what lies beyond the horizon. */
  readonly #slots: (WheelTimer | undefined)[] = Array.from({ length: SLOTS + 1 });
  /** The tick up to which everything due was called. */
  #tick: number;
  #count = 0;
  /** When the far list is gone through next: four times a turn, so nothing in it is late. */
  #nearTick = 0;
  #wakeTick = Number.POSITIVE_INFINITY;
  #wake: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#tick = Math.floor(clock.nowMs() / TICK_MS);
  }

  /** Timers that are set. */
  get size(): number {
    return this.#count;
  }

  /** Calls back in `delayMs`, never earlier; a timer that is set already is moved. */
  set(timer: WheelTimer, delayMs: number): void {
    this.clear(timer);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    const nowMs = this.#clock.nowMs();
    const nowTick = Math.floor(nowMs / TICK_MS);
    if (this.#count === 0) this.#tick = nowTick;
    timer.dueTick = Math.max(this.#tick + 1, Math.ceil((nowMs + delayMs) / TICK_MS));
    this.#link(timer, nowTick);
    this.#count++;
    if (timer.dueTick < this.#wakeTick) this.#wakeAt(timer.dueTick);
  }

  clear(timer: WheelTimer): void {
    if (timer.slot < 0) return;
    this.#unlink(timer);
    this.#count--;
  }

  #link(timer: WheelTimer, nowTick: number): void {
    // Measured from now, not from the last turn: a slot must not hold two rounds of the wheel.
    const isFar = timer.dueTick - nowTick >= SLOTS;
    const slot = isFar ? SLOTS : timer.dueTick % SLOTS;
    const head = this.#slots[slot];
    timer.slot = slot;
    timer.next = head;
    timer.previous = undefined;
    if (head !== undefined) head.previous = timer;
    this.#slots[slot] = timer;
  }

  #unlink(timer: WheelTimer): void {
    const { next, previous } = timer;
    if (previous === undefined) this.#slots[timer.slot] = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    timer.next = undefined;
    timer.previous = undefined;
    timer.slot = -1;
  }

  #wakeAt(tick: number): void {
    this.#wake?.cancel();
    this.#wakeTick = tick;
    const delayMs = Math.max(0, tick * TICK_MS - this.#clock.nowMs());
    this.#wake = this.#clock.after(Math.min(delayMs, HORIZON_MS), () => this.#turn());
  }

  #turn(): void {
    this.#wakeTick = Number.POSITIVE_INFINITY;
    this.#wake = undefined;
    const nowTick = Math.floor(this.#clock.nowMs() / TICK_MS);
    // After a long stall every slot is due once; going round more often finds nothing new.
    const first = Math.max(this.#tick + 1, nowTick - SLOTS + 1);
    this.#bringNear(nowTick);
    try {
      for (let tick = first; tick <= nowTick; tick++) {
        this.#tick = tick;
        this.#runDue(tick % SLOTS, nowTick);
      }
    } finally {
      // Also when one of them throws: all others go on.
      this.#tick = Math.max(this.#tick, nowTick);
      this.#sleep(nowTick);
    }
  }

  #runDue(slot: number, nowTick: number): void {
    let timer = this.#slots[slot];
    while (timer !== undefined) {
      if (timer.dueTick <= nowTick) {
        this.clear(timer);
        timer.run();
        // What it called may have changed the list anywhere: begin again, it is short.
        timer = this.#slots[slot];
      } else timer = timer.next;
    }
  }

  #bringNear(nowTick: number): void {
    if (nowTick < this.#nearTick) return;
    this.#nearTick = nowTick + SLOTS / 4;
    let timer = this.#slots[SLOTS];
    while (timer !== undefined) {
      const { next } = timer;
      if (timer.dueTick - nowTick < SLOTS) {
        this.#unlink(timer);
        this.#link(timer, nowTick);
      }
      timer = next;
    }
  }

  #sleep(nowTick: number): void {
    if (this.#count === 0) return;
    let tick = nowTick + 1;
    const end = nowTick + SLOTS / 4;
    while (tick < end && this.#slots[tick % SLOTS] === undefined) tick++;
    if (tick < this.#wakeTick) this.#wakeAt(tick);
  }
}
