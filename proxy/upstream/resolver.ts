import { isIP } from 'node:net';
import type { Clock } from '#platform/clock.ts';
import { type Wheel, WheelTimer } from '../wheel.ts';
import { type DnsAnswer, type Lookup, systemLookup } from './dns.ts';

/** The system tells no time to live; what changes is seen within so long. */
const KEPT_MS = 5_000;
const NAMES_MAX = 1_024;
const LOOKUPS_MAX = 256;
const LOOKUP_MS = 5_000;
const NONE: readonly string[] = Object.freeze([]);

interface Known {
  addresses: readonly string[];
  untilMs: number;
}

type Waiter = (addresses: readonly string[]) => void;

/**
 * Addresses of hosts that are no Services. Those who ask for one host at once share one lookup, and
 * who asks after them within seconds has its answer, also that there is none. While nobody answers
 * the last good answer stays. Bounded in every way: the names are a workload's to choose.
 */
export class Resolver {
  readonly #clock: Clock;
  readonly #wheel: Wheel;
  readonly #lookup: Lookup;
  readonly #known = new Map<string, Known>();
  readonly #waiting = new Map<string, Waiter[]>();

  constructor(clock: Clock, wheel: Wheel, lookup: Lookup = systemLookup) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.#lookup = lookup;
  }

  /** Calls back once, perhaps before it returns; empty: there is no such host, or not in time. */
  resolve(host: string, done: Waiter): void {
    if (isIP(host) !== 0) {
      done([host]);
      return;
    }
    const known = this.#known.get(host);
    if (known !== undefined && known.untilMs > this.#clock.nowMs()) {
      done(known.addresses);
      return;
    }
    const waiting = this.#waiting.get(host);
    if (waiting !== undefined) waiting.push(done);
    else if (this.#waiting.size >= LOOKUPS_MAX) done(NONE);
    else this.#ask(host, done);
  }

  #ask(host: string, done: Waiter): void {
    this.#waiting.set(host, [done]);
    const timer = new WheelTimer(() => settle({ kind: 'failed' }));
    let isOver = false;
    const settle = (answer: DnsAnswer): void => {
      if (isOver) return;
      isOver = true;
      this.#wheel.clear(timer);
      const addresses = this.#addressesBy(host, answer);
      this.#keep(host, addresses);
      const waiting = this.#waiting.get(host) ?? [];
      this.#waiting.delete(host);
      for (const waiter of waiting) waiter(addresses);
    };
    this.#wheel.set(timer, LOOKUP_MS);
    this.#lookup(host, settle);
  }

  #addressesBy(host: string, answer: DnsAnswer): readonly string[] {
    if (answer.kind === 'found') return answer.addresses;
    return answer.kind === 'none' ? NONE : (this.#known.get(host)?.addresses ?? NONE);
  }

  #keep(host: string, addresses: readonly string[]): void {
    this.#known.delete(host);
    this.#known.set(host, { addresses, untilMs: this.#clock.nowMs() + KEPT_MS });
    if (this.#known.size <= NAMES_MAX) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}
