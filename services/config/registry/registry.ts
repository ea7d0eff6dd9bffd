import { type Endpoint, HEARTBEAT_INTERVAL_MS, type Heartbeat } from '#contracts/events.ts';
import {
  ADDRESS_HELD_MS,
  type AddressRules,
  type AnnouncementOptions,
  Announcements,
} from './announcements.ts';
import { EndpointSets, areSame } from './endpoints.ts';
import { type Heard, type KnownProxy, ProxyTable, SILENCE_MS } from './proxies.ts';

export interface RegistryOptions extends AnnouncementOptions {
  /** A service's set is another than before: to be published. */
  onChange: (service: string) => void;
  /** Silent endpoints that the bound on expiry keeps; 0 when there are none (again). */
  onHeld?: (count: number) => void;
  onForgotten?: (proxy: string) => void;
}

/** After the link came (back), nobody is called silent for this long. */
export const GRACE_MS = 15_000;
export const TICK_MS = HEARTBEAT_INTERVAL_MS;

/** What is known of a published set beside its endpoints. */
export interface PublishedWord {
  /** When it was published, by its own account, in Unix ms. */
  timeMs: number;
  /** It has to be written again although it may say the same (see published.ts). */
  stale: boolean;
}

interface Published extends PublishedWord {
  endpoints: readonly Endpoint[];
  /** Sequence of the message, which the next publish must name. */
  sequence: number;
}

/**
 * Who is in the mesh and where services can be reached, from heartbeats. Holds no connection and
 * no timer: it is told what arrives and when an interval has passed, and tells what to publish.
 */
export class Registry {
  readonly proxies: ProxyTable;
  readonly sets: EndpointSets;
  readonly announcements: Announcements;
  readonly #options: RegistryOptions;
  readonly #published = new Map<string, Published>();
  readonly #differs = new Set<string>();
  #linkUpMs: number | undefined;
  /** Since when this is the registry that writes; undefined while another one is, or nobody. */
  #writesSinceMs: number | undefined;
  #lastTickMs: number;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.proxies = new ProxyTable(options.clock);
    this.sets = new EndpointSets(options.onChange);
    this.announcements = new Announcements(options, this.sets);
    this.#lastTickMs = options.clock.nowMs();
  }

  /** True when silence means something: the link is up and was not interrupted lately. */
  get settled(): boolean {
    const upMs = this.#linkUpMs;
    return upMs !== undefined && this.#options.clock.nowMs() - upMs >= GRACE_MS;
  }

  linkUp(): void {
    this.#linkUpMs = this.#options.clock.nowMs();
  }

  linkDown(): void {
    this.#linkUpMs = undefined;
  }

  get writes(): boolean {
    return this.#writesSinceMs !== undefined;
  }

  /**
   * From here on this registry says what stands in the log. What it knows and the log does not is
   * published now; silence counts only later, as after a link that was down.
   */
  takeOver(): void {
    this.#writesSinceMs = this.#options.clock.nowMs();
    this.#differs.clear();
    for (const service of this.#everyService()) {
      if (this.unpublishedSet(service) !== undefined) this.#options.onChange(service);
    }
  }

  standDown(): void {
    this.#writesSinceMs = undefined;
    this.#options.onHeld?.(0);
  }

  /** The Mesh resource changed; endpoints that it no longer allows go at once. */
  setAddresses(addresses: AddressRules): void {
    this.announcements.setAddresses(addresses);
  }

  hear(heartbeat: Heartbeat): Heard {
    const heard = this.proxies.hear(heartbeat);
    if (heard === 'taken') this.announcements.hear(heartbeat);
    return heard;
  }

  /**
   * The last published set of a service, from the log: at start, or written by another config
   * service. Endpoints of proxies not heard yet, or no longer, are kept until they had time to
   * speak; while another registry writes, what it let go is let go here too.
   */
  adopt(
    service: string,
    endpoints: readonly Endpoint[],
    sequence: number,
    word: PublishedWord = { timeMs: 0, stale: false },
  ): void {
    const nowMs = this.#options.clock.nowMs();
    const before = this.#published.get(service);
    if (before !== undefined && before.sequence >= sequence) return;
    this.#published.set(service, { endpoints, sequence, ...word });
    for (const endpoint of endpoints) {
      const state = this.proxies.get(endpoint.proxy)?.state ?? 'gone';
      // Who was heard lately speaks for itself.
      if (endpoint.proxy === '' || state !== 'gone' || this.sets.has(endpoint.proxy)) continue;
      if (!this.announcements.allows(endpoint.address)) continue;
      this.sets.put(service, endpoint, nowMs, nowMs - ADDRESS_HELD_MS);
    }
    // Nobody is let go on a word that is not believed.
    if (this.writes || word.stale) return;
    const listed = new Set(endpoints.map(({ proxy }) => proxy));
    for (const { proxy } of this.sets.of(service)) {
      if (!listed.has(proxy) && this.#isSilent(proxy)) this.sets.remove(proxy);
    }
  }

  /** The stream no longer has a message for this service. */
  unpublished(service: string): void {
    this.#published.delete(service);
  }

  published(service: string): Published | undefined {
    return this.#published.get(service);
  }

  publishedServices(): Iterable<string> {
    return this.#published.keys();
  }

  /** What should stand in the log and does not; undefined when it does. */
  unpublishedSet(service: string): Endpoint[] | undefined {
    const wanted = this.sets.of(service);
    const published = this.#published.get(service);
    const isThere = published?.stale !== true && areSame(wanted, published?.endpoints ?? []);
    return isThere ? undefined : wanted;
  }

  /** Once every TICK_MS. */
  tick(): void {
    const nowMs = this.#options.clock.nowMs();
    // This process itself was held up: what it did not hear it cannot blame on others.
    if (nowMs - this.#lastTickMs > 3 * TICK_MS && this.#linkUpMs !== undefined) this.linkUp();
    this.#lastTickMs = nowMs;
    if (!this.settled) return;
    for (const proxy of this.proxies.expire()) {
      this.announcements.forget(proxy);
      this.#options.onForgotten?.(proxy);
    }
    this.announcements.sweep((proxy) => this.proxies.get(proxy)?.state === 'up');
    // While another registry writes, nothing goes here but what that one lets go.
    if (this.#writesSinceMs === undefined || nowMs - this.#writesSinceMs < GRACE_MS) return;
    const { gone, kept } = this.sets.expire(nowMs - SILENCE_MS);
    for (const proxy of gone) this.announcements.expired(proxy);
    this.#options.onHeld?.(kept);
    this.#reconcile();
  }

  /** The last one of each proxy that is in the mesh. */
  *heartbeats(): Generator<Heartbeat> {
    for (const { heartbeat, state } of this.proxies.values()) if (state !== 'left') yield heartbeat;
  }

  /** Names of the proxies that are up and serve. */
  up(): KnownProxy[] {
    return [...this.proxies.values()].filter(({ state }) => state === 'up');
  }

  /** A set that stands in the log and is not ours, for longer than one interval: said again. */
  #reconcile(): void {
    for (const service of this.#everyService()) {
      if (this.unpublishedSet(service) === undefined) this.#differs.delete(service);
      else if (this.#differs.delete(service)) this.#options.onChange(service);
      else this.#differs.add(service);
    }
  }

  #everyService(): Set<string> {
    return new Set([...this.sets.services(), ...this.#published.keys()]);
  }

  #isSilent(proxy: string): boolean {
    const known = this.proxies.get(proxy);
    return known === undefined || this.#options.clock.nowMs() - known.lastSeenMs > SILENCE_MS;
  }
}
