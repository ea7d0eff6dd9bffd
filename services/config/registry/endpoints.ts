import type { Endpoint } from '#contracts/events.ts';

interface Held {
  endpoint: Endpoint;
  /** When its proxy was last heard, or when it was taken over from the log. Monotonic ms. */
  heardMs: number;
}

/** At most this share of a service's endpoints expires at a time; at least one, never the last. */
const EXPIRE_SHARE_MAX = 0.2;
const SERVICES_MAX = 10_000;

/**
 * The endpoints of every service, one for each proxy that announces it. An address belongs to one
 * proxy: when another one has it now, the first must be dead, and would otherwise send one
 * service's calls to another.
 */
export class EndpointSets {
  readonly #services = new Map<string, Map<string, Held>>();
  /** Address and port → who has it. */
  readonly #owners = new Map<string, { service: string; proxy: string }>();
  /** proxy → its service. */
  readonly #serviceOf = new Map<string, string>();
  readonly #onChange: (service: string) => void;

  constructor(onChange: (service: string) => void) {
    this.#onChange = onChange;
  }

  services(): Iterable<string> {
    return this.#services.keys();
  }

  /** Sorted by address and port. */
  of(service: string): Endpoint[] {
    return [...(this.#services.get(service)?.values() ?? [])]
      .map(({ endpoint }) => endpoint)
      .sort(byAddress);
  }

  has(proxy: string): boolean {
    return this.#serviceOf.has(proxy);
  }

  serviceOf(proxy: string): string | undefined {
    return this.#serviceOf.get(proxy);
  }

  /** True when this very endpoint stands in this service's set. */
  holds(service: string, endpoint: Endpoint): boolean {
    const held = this.#services.get(service)?.get(endpoint.proxy);
    return held !== undefined && isSame(held.endpoint, endpoint);
  }

  sizeOf(service: string): number {
    return this.#services.get(service)?.size ?? 0;
  }

  count(): number {
    return this.#serviceOf.size;
  }

  /**
   * A proxy is heard with this endpoint: replaces the one it had. Says why not when the address is
   * another's who was heard after `silentSinceMs`; nothing is changed then.
   */
  put(
    service: string,
    endpoint: Endpoint,
    heardMs: number,
    silentSinceMs: number,
  ): string | undefined {
    const { proxy } = endpoint;
    const owner = this.#owners.get(addressOf(endpoint));
    if (owner !== undefined && owner.proxy !== proxy) {
      const held = this.#services.get(owner.service)?.get(owner.proxy);
      if (held !== undefined && held.heardMs > silentSinceMs) {
        return `${addressOf(endpoint)} is announced by ${owner.proxy}, which is alive`;
      }
      this.remove(owner.proxy);
    }
    const before = this.#serviceOf.get(proxy);
    const held = before === service ? this.#services.get(service)?.get(proxy) : undefined;
    if (held !== undefined && isSame(held.endpoint, endpoint)) {
      held.heardMs = heardMs;
      return undefined;
    }
    this.remove(proxy);
    if (!this.#services.has(service) && this.#services.size >= SERVICES_MAX) {
      return `there are ${SERVICES_MAX} services with endpoints already`;
    }
    const set = this.#services.get(service) ?? new Map<string, Held>();
    this.#services.set(service, set);
    set.set(proxy, { endpoint, heardMs });
    this.#owners.set(addressOf(endpoint), { service, proxy });
    this.#serviceOf.set(proxy, service);
    this.#onChange(service);
    return undefined;
  }

  remove(proxy: string): void {
    const service = this.#serviceOf.get(proxy);
    if (service === undefined) return;
    const set = this.#services.get(service);
    const held = set?.get(proxy);
    set?.delete(proxy);
    // An empty set is no set: else every name ever announced would count towards SERVICES_MAX.
    if (set?.size === 0) this.#services.delete(service);
    this.#serviceOf.delete(proxy);
    if (held !== undefined) this.#owners.delete(addressOf(held.endpoint));
    this.#onChange(service);
  }

  /**
   * Removes endpoints last heard before `silentSinceMs`, the longest silent first, within the bound
   * for each service. Returns whose went, and how many the bound kept although their proxies are
   * silent.
   */
  expire(silentSinceMs: number): { gone: string[]; kept: number } {
    const gone: string[] = [];
    let kept = 0;
    for (const set of this.#services.values()) {
      const silent = [...set]
        .filter(([, { heardMs }]) => heardMs < silentSinceMs)
        .sort(([, a], [, b]) => a.heardMs - b.heardMs);
      const share = Math.max(1, Math.floor(set.size * EXPIRE_SHARE_MAX));
      const going = silent.slice(0, Math.min(share, set.size - 1));
      kept += silent.length - going.length;
      for (const [proxy] of going) {
        this.remove(proxy);
        gone.push(proxy);
      }
    }
    return { gone, kept };
  }

  /** Removes what a test on its address now refuses. */
  recheck(isRefused: (address: string) => boolean): void {
    for (const set of [...this.#services.values()]) {
      for (const [proxy, { endpoint }] of [...set]) {
        if (isRefused(endpoint.address)) this.remove(proxy);
      }
    }
  }
}

export function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port && a.proxy === b.proxy && a.zone === b.zone;
}

export function areSame(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  return (
    a.length === b.length &&
    a.every((endpoint, index) => {
      const other = b[index];
      return other !== undefined && isSame(endpoint, other);
    })
  );
}

function byAddress(a: Endpoint, b: Endpoint): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.port - b.port;
}

function addressOf(endpoint: Endpoint): string {
  return `${endpoint.address} port ${endpoint.port}`;
}
