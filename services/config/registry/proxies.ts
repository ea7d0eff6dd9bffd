import type { ProxyStatus } from '#contracts/api/config.ts';
import { HEARTBEATS_MISSED_MAX, HEARTBEAT_INTERVAL_MS, type Heartbeat } from '#contracts/events.ts';
import type { Clock } from '#platform/clock.ts';

export interface KnownProxy {
  heartbeat: Heartbeat;
  state: ProxyStatus['state'];
  /** Monotonic, and as an RFC 3339 time. */
  lastSeenMs: number;
  lastSeen: string;
  /** Earlier starts of this name: what still arrives from them is ignored. */
  retired: string[];
}

/** Silent for this long means gone. */
export const SILENCE_MS = HEARTBEAT_INTERVAL_MS * HEARTBEATS_MISSED_MAX;
/** Who left or is gone is shown for this long. */
const REMEMBER_MS = 60 * 60_000;
const PROXIES_MAX = 10_000;
const RETIRED_MAX = 8;

/** `taken`: the heartbeat counts. Else why it does not, for the counter. */
export type Heard = 'taken' | 'retired' | 'too_many';

/** Every proxy that was heard of, by name. */
export class ProxyTable {
  readonly #clock: Clock;
  readonly #proxies = new Map<string, KnownProxy>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(proxy: string): KnownProxy | undefined {
    return this.#proxies.get(proxy);
  }

  values(): Iterable<KnownProxy> {
    return this.#proxies.values();
  }

  /**
   * The newest start of a name wins, by order of arrival and not by clocks, which may jump: an
   * instance that another one replaced, or that said goodbye, is not listened to again.
   */
  hear(heartbeat: Heartbeat): Heard {
    const before = this.#proxies.get(heartbeat.proxy);
    if (before === undefined && this.#proxies.size >= PROXIES_MAX) return 'too_many';
    const retired = before?.retired ?? [];
    if (retired.includes(heartbeat.instance)) return 'retired';
    const { instance } = heartbeat;
    if (before !== undefined && before.heartbeat.instance !== instance) {
      retired.push(before.heartbeat.instance);
    }
    if (heartbeat.state === 'goodbye') retired.push(instance);
    this.#proxies.set(heartbeat.proxy, {
      heartbeat,
      state: heartbeat.state === 'goodbye' ? 'left' : heartbeat.state,
      lastSeenMs: this.#clock.nowMs(),
      lastSeen: new Date(this.#clock.wallMs()).toISOString(),
      retired: retired.slice(-RETIRED_MAX),
    });
    return 'taken';
  }

  /** Marks the silent as gone; forgets who is gone for long and returns their names. */
  expire(): string[] {
    const nowMs = this.#clock.nowMs();
    const forgotten: string[] = [];
    for (const [name, proxy] of this.#proxies) {
      const silentMs = nowMs - proxy.lastSeenMs;
      if (isAlive(proxy) && silentMs > SILENCE_MS) {
        proxy.state = 'gone';
      } else if (!isAlive(proxy) && silentMs > REMEMBER_MS) {
        this.#proxies.delete(name);
        forgotten.push(name);
      }
    }
    return forgotten;
  }
}

function isAlive(proxy: KnownProxy): boolean {
  return proxy.state === 'up' || proxy.state === 'draining';
}
