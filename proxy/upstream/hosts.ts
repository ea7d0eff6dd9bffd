import type { Clock, Random, Timer } from '#platform/clock.ts';
import type { DnsAnswer, Lookup } from './dns.ts';

export interface HostsOptions {
  clock: Clock;
  random: Random;
  lookup: Lookup;
  /** This host has other addresses than before, or its first answer has come. */
  onChange: (host: string) => void;
}

/** An answer is good for as long as it says, within these bounds. */
const TTL_MIN_MS = 1_000;
const TTL_MAX_MS = 3_600_000;
/** Where nobody says for how long. */
const TTL_UNKNOWN_MS = 5_000;
/** Between questions that are not answered, doubled each time. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** So often in a row must be said that a host has no address, before it has none. */
const NONES_MIN = 2;
/** Requests wait so long for the first answer; then the host is one without addresses. */
const FIRST_MS = 2_000;
const QUESTIONS_MAX = 32;
const ADDRESSES_MAX = 256;
const NO_ADDRESSES: readonly string[] = Object.freeze([]);

interface Host {
  addresses: readonly string[];
  /** Neither an answer nor the time in which one was to come. */
  isNew: boolean;
  /** Answers in a row that there is no address, and none at all. */
  nones: number;
  failures: number;
  timer: Timer | undefined;
}

/**
 * The addresses of the hosts that endpoints are declared by, kept fresh for as long as they are:
 * asked for again when an answer has lived its time. While DNS is away the last good answer stays,
 * for ever; and one odd "there is no such name" empties nothing.
 */
export class Hosts {
  readonly #options: HostsOptions;
  readonly #hosts = new Map<string, Host>();
  readonly #waiting: string[] = [];
  #questions = 0;

  constructor(options: HostsOptions) {
    this.#options = options;
  }

  /** From here on these hosts and no others. */
  watch(names: ReadonlySet<string>): void {
    for (const [name, host] of this.#hosts) {
      if (names.has(name)) continue;
      host.timer?.cancel();
      this.#hosts.delete(name);
    }
    for (const name of names) {
      if (this.#hosts.has(name)) continue;
      const host: Host = {
        ...{ addresses: NO_ADDRESSES, isNew: true, nones: 0, failures: 0 },
        timer: undefined,
      };
      this.#hosts.set(name, host);
      this.#options.clock.after(FIRST_MS, () => this.#isKnown(name, host));
      this.#ask(name);
    }
  }

  addressesOf(name: string): readonly string[] {
    return this.#hosts.get(name)?.addresses ?? NO_ADDRESSES;
  }

  /** True while its first answer is waited for. */
  isNew(name: string): boolean {
    return this.#hosts.get(name)?.isNew ?? false;
  }

  #ask(name: string): void {
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    if (this.#questions >= QUESTIONS_MAX) {
      this.#waiting.push(name);
      return;
    }
    this.#questions++;
    this.#options.lookup(name, (answer) => {
      this.#questions--;
      const next = this.#waiting.shift();
      if (next !== undefined) this.#ask(next);
      if (this.#hosts.get(name) === host) this.#onAnswer(name, host, answer);
    });
  }

  #onAnswer(name: string, host: Host, answer: DnsAnswer): void {
    const { clock, random } = this.#options;
    let delayMs: number;
    if (answer.kind === 'found') {
      host.nones = 0;
      host.failures = 0;
      this.#set(name, host, answer.addresses);
      const ttlMs = answer.ttlMs ?? TTL_UNKNOWN_MS;
      // Proxies that heard the same answer do not ask again in the same moment.
      delayMs = Math.min(TTL_MAX_MS, Math.max(TTL_MIN_MS, ttlMs * (0.9 + 0.1 * random())));
    } else {
      host.failures++;
      host.nones = answer.kind === 'none' ? host.nones + 1 : 0;
      if (host.nones >= NONES_MIN) this.#set(name, host, NO_ADDRESSES);
      delayMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (host.failures - 1));
      delayMs *= 0.5 + 0.5 * random();
    }
    this.#isKnown(name, host);
    host.timer = clock.after(delayMs, () => this.#ask(name));
  }

  #set(name: string, host: Host, addresses: readonly string[]): void {
    const sorted = [...new Set(addresses)].sort().slice(0, ADDRESSES_MAX);
    if (sorted.join() === host.addresses.join()) return;
    host.addresses = sorted;
    host.isNew = false;
    this.#options.onChange(name);
  }

  #isKnown(name: string, host: Host): void {
    if (!host.isNew || this.#hosts.get(name) !== host) return;
    host.isNew = false;
    this.#options.onChange(name);
  }
}
