import { type Endpoint, HEARTBEAT_INTERVAL_MS, type Heartbeat } from '#contracts/events.ts';
import type { Clock } from '#platform/clock.ts';
import { EndpointSets, areSame } from './endpoints.ts';
import { type Heard, type KnownProxy, ProxyTable, SILENCE_MS } from './proxies.ts';

export interface RegistryOptions {
  clock: Clock;
  addresses: AddressRules;
  /** A service's set is another than before: to be published. */
  onChange: (service: string) => void;
  /** An announcement is not taken; said once for each start of a proxy and reason. */
  onRefused: (heartbeat: Heartbeat, why: string) => void;
  /** Silent endpoints that the bound on expiry keeps; 0 when there are none (again). */
  onHeld?: (count: number) => void;
  onForgotten?: (proxy: string) => void;
}

/** Where endpoints may be: made by compile from the Mesh resource, the same as in every proxy. */
export interface AddressRules {
  allows: (address: string) => boolean;
}

/** After the link came (back), nobody is called silent for this long. */
export const GRACE_MS = 15_000;
export const TICK_MS = HEARTBEAT_INTERVAL_MS;
/** Another proxy may take over an address whose owner missed a heartbeat. */
const ADDRESS_HELD_MS = HEARTBEAT_INTERVAL_MS * 1.5;

interface Published {
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
  readonly #options: RegistryOptions;
  readonly #published = new Map<string, Published>();
  readonly #differs = new Set<string>();
  /** Said already, by proxy: the start and the reason. */
  readonly #refused = new Map<string, string>();
  #addresses: AddressRules;
  #linkUpMs: number | undefined;
  #lastTickMs: number;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#addresses = options.addresses;
    this.proxies = new ProxyTable(options.clock);
    this.sets = new EndpointSets(options.onChange);
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

  /** The Mesh resource changed; endpoints that it no longer allows go at once. */
  setAddresses(addresses: AddressRules): void {
    this.#addresses = addresses;
    this.#refused.clear();
    this.sets.recheck((address) => !addresses.allows(address));
  }

  hear(heartbeat: Heartbeat): Heard {
    const heard = this.proxies.hear(heartbeat);
    if (heard !== 'taken') return heard;
    const { announces, proxy, zone, state } = heartbeat;
    if (state !== 'up' || announces === undefined) {
      this.sets.remove(proxy);
      return heard;
    }
    const { address, port, service } = announces;
    if (!this.#addresses.allows(address)) {
      this.sets.remove(proxy);
      this.#refuse(heartbeat, `${address} is not within the mesh's endpointCidrs, or link-local`);
      return heard;
    }
    const nowMs = this.#options.clock.nowMs();
    const held = nowMs - ADDRESS_HELD_MS;
    const why = this.sets.put(service, { address, port, proxy, zone }, nowMs, held);
    if (why === undefined) this.#refused.delete(proxy);
    else this.#refuse(heartbeat, why);
    return heard;
  }

  /**
   * The last published set of a service, from the log: at start, or written by another config
   * service. Endpoints of proxies not heard yet are kept until they had time to speak.
   */
  adopt(service: string, endpoints: readonly Endpoint[], sequence: number): void {
    const nowMs = this.#options.clock.nowMs();
    const before = this.#published.get(service);
    if (before !== undefined && before.sequence >= sequence) return;
    this.#published.set(service, { endpoints, sequence });
    for (const endpoint of endpoints) {
      const known = this.proxies.get(endpoint.proxy);
      if (endpoint.proxy === '' || known !== undefined || this.sets.has(endpoint.proxy)) continue;
      if (!this.#addresses.allows(endpoint.address)) continue;
      this.sets.put(service, endpoint, nowMs, nowMs - ADDRESS_HELD_MS);
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
    const published = this.#published.get(service)?.endpoints ?? [];
    return areSame(wanted, published) ? undefined : wanted;
  }

  /** Once every TICK_MS. */
  tick(): void {
    const nowMs = this.#options.clock.nowMs();
    // This process itself was held up: what it did not hear it cannot blame on others.
    if (nowMs - this.#lastTickMs > 3 * TICK_MS && this.#linkUpMs !== undefined) this.linkUp();
    this.#lastTickMs = nowMs;
    if (!this.settled) return;
    for (const proxy of this.proxies.expire()) {
      this.#refused.delete(proxy);
      this.#options.onForgotten?.(proxy);
    }
    this.#options.onHeld?.(this.sets.expire(nowMs - SILENCE_MS));
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

  /**
   * Another config service may have published a set that is not ours: it is given one interval to
   * hear what we heard.
   */
  #reconcile(): void {
    for (const service of new Set([...this.sets.services(), ...this.#published.keys()])) {
      if (this.unpublishedSet(service) === undefined) this.#differs.delete(service);
      else if (this.#differs.delete(service)) this.#options.onChange(service);
      else this.#differs.add(service);
    }
  }

  #refuse(heartbeat: Heartbeat, why: string): void {
    const said = `${heartbeat.instance} ${why}`;
    if (this.#refused.get(heartbeat.proxy) === said) return;
    this.#refused.set(heartbeat.proxy, said);
    this.#options.onRefused(heartbeat, why);
  }
}
