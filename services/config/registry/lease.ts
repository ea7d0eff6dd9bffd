import type { Clock, Random, Timer } from '#platform/clock.ts';

/** Who holds the lease; nobody when it was given back. */
export interface LeaseRecord {
  holder: string;
}

/** One record that is only ever replaced by who knows its revision. Everything may throw. */
export interface LeaseStore {
  /** Undefined: there has never been one. */
  read(): Promise<{ record: LeaseRecord; revision: number } | undefined>;
  /** Replaces that revision (0: none) and resolves with the new one; undefined: it is another. */
  write(record: LeaseRecord, revision: number): Promise<number | undefined>;
  /** True when nobody answers to that name any more: a process that ended, or lost its link. */
  isAway(holder: string): Promise<boolean>;
}

export interface LeaseOptions {
  store: LeaseStore;
  /** Random for each start of a process. */
  id: string;
  clock: Clock;
  random: Random;
  onHeld: () => void;
  onLost: () => void;
  /** The store cannot be used; said each time, and with undefined each time that it can. */
  onTrouble: (error: unknown) => void;
}

/** How often the holder writes the record again, and how often others look. */
export const RENEW_MS = 2_000;
export const LOOK_MS = 1_000;
/** The holder stops believing in a renewal this long after it asked for it. */
export const VALID_MS = 5_000;
/** Others take over from a holder that is there and has not renewed for this long, and longer… */
export const TAKEOVER_MS = 6_500;
/** …by a share of this, so that they do not all come at once. */
const JITTER_MS = 1_500;

/**
 * One holder at a time, by compare-and-set on a record. Nobody compares wall clocks: each measures,
 * on its own monotonic clock, how long the record has not changed. A holder that stood still may
 * believe in its lease for a moment longer than it has it; what it writes then must be refused by
 * what it writes to (publisher.ts: the fence).
 */
export class Lease {
  readonly #options: LeaseOptions;
  #held: { revision: number; untilMs: number } | undefined;
  /** The newest revision seen of another holder, when, and how long it is waited for. */
  #seen: { revision: number; atMs: number; patienceMs: number } | undefined;
  #timer: Timer | undefined;
  #expiry: Timer | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  get isHeld(): boolean {
    return this.#held !== undefined && this.#options.clock.nowMs() < this.#held.untilMs;
  }

  /** Looks at the record now; also the first time. */
  look(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** What the holder writes was refused: it is the holder no longer, or has to begin anew. */
  doubt(): void {
    this.#lose();
    this.look();
  }

  /** Gives it back, so that another one has it at once. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
    const { store, onTrouble } = this.#options;
    const held = this.#held;
    this.#lose();
    if (held === undefined) return;
    await store.write({ holder: '' }, held.revision).catch(onTrouble);
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      this.#timer?.cancel();
      try {
        if (this.#held === undefined) await this.#tryToTake();
        else await this.#renew(this.#held.revision);
        this.#options.onTrouble(undefined);
      } catch (error) {
        this.#options.onTrouble(error);
      }
      if (!this.#stopped) this.#lookLater();
    }
  }

  #lookLater(): void {
    const { clock, random } = this.#options;
    const delayMs = this.#held === undefined ? LOOK_MS * (0.75 + random() / 2) : RENEW_MS;
    this.#timer = clock.after(delayMs, () => this.look());
  }

  async #renew(revision: number): Promise<void> {
    const { store, id, clock } = this.#options;
    const askedMs = clock.nowMs();
    const written = await store.write({ holder: id }, revision);
    if (written !== undefined) {
      this.#hold(written, askedMs);
      return;
    }
    // Another one's, or our own whose answer was lost.
    const found = await store.read();
    if (found?.record.holder !== id) this.#lose();
    else if (this.#held !== undefined) this.#held.revision = found.revision;
    this.#again = true;
  }

  async #tryToTake(): Promise<void> {
    const { store, id, clock } = this.#options;
    const found = await store.read();
    if (found !== undefined && !(await this.#isFree(found.record.holder, found.revision))) return;
    const askedMs = clock.nowMs();
    const written = await store.write({ holder: id }, found?.revision ?? 0);
    if (written !== undefined && !this.#stopped) this.#hold(written, askedMs);
    else this.#again = true;
  }

  async #isFree(holder: string, revision: number): Promise<boolean> {
    const { store, id, clock, random } = this.#options;
    if (holder === '' || holder === id) return true;
    const nowMs = clock.nowMs();
    if (this.#seen?.revision !== revision) {
      this.#seen = { revision, atMs: nowMs, patienceMs: TAKEOVER_MS + random() * JITTER_MS };
    }
    return nowMs - this.#seen.atMs >= this.#seen.patienceMs || (await store.isAway(holder));
  }

  #hold(revision: number, askedMs: number): void {
    const { clock, onHeld } = this.#options;
    const isNew = this.#held === undefined;
    const untilMs = askedMs + VALID_MS;
    this.#held = { revision, untilMs };
    this.#expiry?.cancel();
    this.#expiry = clock.after(Math.max(0, untilMs - clock.nowMs()), () => this.#lose());
    if (isNew) onHeld();
  }

  #lose(): void {
    this.#expiry?.cancel();
    if (this.#held === undefined) return;
    this.#held = undefined;
    this.#seen = undefined;
    this.#options.onLost();
  }
}
