import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { type Wheel, WheelTimer } from '../wheel.ts';
import { EventLoopMeter, type EventLoopReport } from './event-loop.ts';
import type { Memory } from './memory.ts';

export interface OverloadParts {
  memory: Memory;
  /** How many file descriptors the process may have. */
  descriptors: number;
  /** Connections of clients and to upstreams, each of which takes one. */
  connections: () => number;
  clock: Clock;
  wheel: Wheel;
  log: Log;
  /** Listeners stop or go on accepting; false: they could not, and are asked again. */
  accept: (accepting: boolean) => Promise<boolean>;
}

/** What a worker tells of its load. */
export interface OverloadReport {
  /** 1: connections end with their answer, 2: new requests get 503, 3: none is accepted. */
  level: number;
  /** Share of the memory's limit, with what is not collected yet. */
  memoryShare: number;
  accepting: boolean;
  /** How often accepting has paused since the start. */
  pauses: number;
  eventLoop: EventLoopReport;
}

const SAMPLE_MS = 100;
/** From this share on requests look, too: a few of them may take what is left within one sample. */
const NEAR_SHARE = 0.8;
const NEAR_SAMPLE_MS = 5;
/** Shares of the memory's limit at which the levels begin (SAFETY.md). */
const LEVELS = [0.92, 0.95, 0.98] as const;
const SHED = 2;
const NO_ACCEPT = 3;
/** So much below its beginning a level ends. */
const MARGIN = 0.02;
/** Collections that are made to know take a tenth of the time at most. */
const COLLECT_MIN_MS = 500;
const COLLECT_SPACING = 10;
/** Descriptors kept from clients: for connections to upstreams, files and the process itself. */
const RESERVE_SHARE = 0.25;
const RESERVE_MIN = 32;
const RESERVE_MAX = 1_024;

/**
 * Whether one worker has more to do than it can hold. A heap that is only full of what is not
 * collected yet is no load.
 */
export class Overload {
  readonly #parts: OverloadParts;
  readonly #timer: WheelTimer;
  readonly #reserve: number;
  readonly #eventLoop: EventLoopMeter;
  /** Descriptors from this number on are not for clients. */
  readonly descriptorsMax: number;
  #level = 0;
  #isNear = false;
  #lookDueMs = 0;
  #collectDueMs = 0;
  /** What the last collection has freed: so much of what is there may be none again. */
  #freedShare = 0;
  /** Accepting goes on when so few connections are left; undefined: it has not paused for that. */
  #enoughAt: number | undefined;
  #accepting = true;
  #isAsking = false;
  #pauses = 0;

  constructor(parts: OverloadParts) {
    this.#parts = parts;
    const { descriptors: limit } = parts;
    const reserve = Math.min(RESERVE_MAX, Math.max(RESERVE_MIN, limit * RESERVE_SHARE));
    this.#reserve = reserve;
    this.descriptorsMax = limit - reserve;
    this.#timer = new WheelTimer(() => this.#sample());
    parts.wheel.set(this.#timer, SAMPLE_MS);
    this.#eventLoop = new EventLoopMeter(SAMPLE_MS, parts.clock.nowMs());
  }

  /** Answers are the last on their connection. */
  get closes(): boolean {
    return this.#level > 0;
  }

  /** New requests are answered 503. To be asked for each of them. */
  get sheds(): boolean {
    if (this.#isNear && this.#parts.clock.nowMs() >= this.#lookDueMs) this.#look();
    return this.#level >= SHED;
  }

  report(): OverloadReport {
    const { memory } = this.#parts;
    return {
      level: this.#level,
      memoryShare: memory.usedBytes / memory.limitBytes,
      accepting: this.#accepting,
      pauses: this.#pauses,
      eventLoop: this.#eventLoop.report(),
    };
  }

  /** A client's connection has got a descriptor that is not for clients. */
  descriptorsShort(): void {
    if (this.#enoughAt !== undefined) return;
    const { log, descriptors, connections } = this.#parts;
    this.#enoughAt = Math.max(0, connections() - this.#reserve / 2);
    log.warn({ limit: descriptors }, 'file descriptors run out: accepting pauses');
    this.#setAccepting();
  }

  stop(): void {
    this.#parts.wheel.clear(this.#timer);
  }

  #sample(): void {
    this.#eventLoop.turned(this.#parts.clock.nowMs());
    this.#parts.wheel.set(this.#timer, SAMPLE_MS);
    this.#look();
    const { connections, log } = this.#parts;
    if (this.#enoughAt !== undefined && connections() <= this.#enoughAt) {
      this.#enoughAt = undefined;
      log.warn('file descriptors are free again: accepting goes on');
    }
    this.#setAccepting();
  }

  #look(): void {
    this.#setLevel(this.#measure());
    this.#lookDueMs = this.#parts.clock.nowMs() + NEAR_SAMPLE_MS;
  }

  /**
   * Share of the limit that is in use. At the first level a full collection says whether it is;
   * from there on what is new is believed to be needed until the next one: nothing is to be lost
   * by refusing a little too much there, and all of it by waiting.
   */
  #measure(): number {
    const { memory, clock } = this.#parts;
    const share = memory.usedBytes / memory.limitBytes;
    this.#isNear = share >= NEAR_SHARE;
    if (share < LEVELS[0] - (this.#level > 0 ? MARGIN : 0)) return share;
    const startMs = clock.nowMs();
    if (startMs < this.#collectDueMs) return this.#level > 0 ? share : share - this.#freedShare;
    memory.collect();
    const endMs = clock.nowMs();
    const spaceMs = Math.max(COLLECT_MIN_MS, COLLECT_SPACING * (endMs - startMs));
    this.#collectDueMs = endMs + spaceMs;
    const leftShare = memory.usedBytes / memory.limitBytes;
    this.#freedShare = Math.max(0, share - leftShare);
    return leftShare;
  }

  #setLevel(share: number): void {
    let level = LEVELS.filter((from) => share >= from).length;
    const stays = (LEVELS[this.#level - 1] ?? 0) - MARGIN;
    if (level < this.#level && share >= stays) level = this.#level;
    if (level === this.#level) return;
    const { log } = this.#parts;
    const fields = { level, memory: Math.round(share * 100) / 100 };
    if (level > this.#level) log.warn(fields, 'memory runs out');
    else log.warn(fields, 'memory is free again');
    this.#level = level;
  }

  #setAccepting(): void {
    const accepting = this.#level < NO_ACCEPT && this.#enoughAt === undefined;
    if (accepting === this.#accepting || this.#isAsking) return;
    this.#isAsking = true;
    this.#parts.accept(accepting).then(
      (isDone) => {
        this.#isAsking = false;
        if (!isDone) return;
        this.#accepting = accepting;
        if (!accepting) this.#pauses++;
      },
      (error: unknown) => {
        this.#isAsking = false;
        this.#parts.log.error({ error: sentenceOf(error) }, 'accepting cannot be changed');
      },
    );
  }
}
