import type { Heartbeat } from '#contracts/events.ts';
import type { Clock } from '#platform/clock.ts';

/**
 * Figures as in route flap damping (RFC 2439), for endpoints instead of routes: each time that an
 * endpoint goes costs one point, and points halve with time.
 */
export const HALF_LIFE_MS = 60_000;
/** From so many points on it is held out: the fourth time within seconds, the sixth in a minute. */
export const HOLD_POINTS = 3.5;
/** It is taken again at so many. */
export const REUSE_POINTS = 1.5;
/** Nothing is held out for longer after the last time that it went. */
export const HELD_MAX_MS = 5 * HALF_LIFE_MS;
const POINTS_MAX = REUSE_POINTS * 2 ** (HELD_MAX_MS / HALF_LIFE_MS);
/** Fewer are none. */
const POINTS_MIN = 0.1;

interface Flaps {
  points: number;
  /** When they were that many. Monotonic ms. */
  atMs: number;
  isHeld: boolean;
}

/**
 * How often the endpoints of proxies went lately, and those that are held out for it. Each time
 * makes the wait longer: clients are not sent to a sidecar that starts and fails in turns, and the
 * mesh is not told of each turn.
 */
export class FlapDamping {
  readonly #clock: Clock;
  readonly #onDamped: (proxy: string, until: string | undefined) => void;
  readonly #flaps = new Map<string, Flaps>();
  /** What was heard last of those held out, by proxy. */
  readonly #heldOut = new Map<string, Heartbeat>();

  /** `onDamped`: an endpoint is held out until an RFC 3339 time; without one: no longer. */
  constructor(clock: Clock, onDamped: (proxy: string, until: string | undefined) => void) {
    this.#clock = clock;
    this.#onDamped = onDamped;
  }

  get size(): number {
    return this.#heldOut.size;
  }

  /** The endpoint of this proxy went. */
  note(proxy: string): void {
    const before = this.#flaps.get(proxy);
    const points = Math.min(POINTS_MAX, 1 + (before === undefined ? 0 : this.#pointsOf(before)));
    const isHeld = points >= HOLD_POINTS || this.untilOf(proxy) !== undefined;
    this.#flaps.set(proxy, { points, atMs: this.#clock.nowMs(), isHeld });
  }

  /** RFC 3339: until when its endpoint may not be taken; undefined when it may. */
  untilOf(proxy: string): string | undefined {
    const flaps = this.#flaps.get(proxy);
    if (flaps?.isHeld !== true) return undefined;
    const heldMs = HALF_LIFE_MS * Math.log2(flaps.points / REUSE_POINTS);
    const leftMs = flaps.atMs + heldMs - this.#clock.nowMs();
    return leftMs > 0 ? new Date(this.#clock.wallMs() + leftMs).toISOString() : undefined;
  }

  /** Remembers what a proxy announces that may not be taken until then. */
  holdOut(heartbeat: Heartbeat, until: string): void {
    const isNew = !this.#heldOut.has(heartbeat.proxy);
    this.#heldOut.set(heartbeat.proxy, heartbeat);
    if (isNew) this.#onDamped(heartbeat.proxy, until);
  }

  isHeldOut(proxy: string): boolean {
    return this.#heldOut.has(proxy);
  }

  /** Held out with an endpoint of this service. */
  waitingFor(service: string): Heartbeat[] {
    return [...this.#heldOut.values()].filter(({ announces }) => announces?.service === service);
  }

  /** It is no longer announced: one that is held out and goes flaps on. */
  leave(proxy: string): void {
    if (this.isHeldOut(proxy)) this.note(proxy);
    this.release(proxy);
  }

  /** It is taken. */
  release(proxy: string): void {
    if (this.#heldOut.delete(proxy)) this.#onDamped(proxy, undefined);
  }

  /** Forgets who has not flapped for long, and who is held out and no longer up. */
  sweep(isUp: (proxy: string) => boolean): void {
    for (const [proxy, flaps] of this.#flaps) {
      if (this.#pointsOf(flaps) < POINTS_MIN) this.#flaps.delete(proxy);
    }
    for (const proxy of this.#heldOut.keys()) if (!isUp(proxy)) this.leave(proxy);
  }

  #pointsOf({ points, atMs }: Flaps): number {
    return points * 2 ** (-(this.#clock.nowMs() - atMs) / HALF_LIFE_MS);
  }
}
