import type { Endpoint } from '#contracts/events.ts';
import type { Random } from '#platform/clock.ts';
import { type AddressRules, endpointName } from './addresses.ts';
import { type Pool, choose } from './balance.ts';
import { endpointToken } from './session.ts';
import type { Balancing, DeclaredEndpoint, OutlierConfig } from './settings.ts';
import { TrackedEndpoint, noteOutcome } from './tracked.ts';
import type { EndpointView } from './view.ts';

const NO_ENDPOINTS: readonly DeclaredEndpoint[] = [];

/**
 * The endpoints of one service as one worker sees them: those announced by sidecars (they take
 * every port of the service) and those declared for a port, as far as the mesh allows their
 * address: a name is none, but what it leads to may be. Load and health are kept for endpoints that
 * stay, whatever else changes.
 */
export class EndpointBook {
  readonly #service: string;
  readonly #tracked = new Map<string, TrackedEndpoint>();
  readonly #pools = new Map<string, Pool>();
  #all: readonly TrackedEndpoint[] = [];
  #announced: readonly Endpoint[] = NO_ENDPOINTS;
  #declared: readonly DeclaredEndpoint[] = NO_ENDPOINTS;
  /** Those declared by name, at the addresses that the names have now. */
  #resolved: readonly DeclaredEndpoint[] = NO_ENDPOINTS;
  /** The first answer of DNS for one of the names is still to come. */
  isResolving = false;
  #addresses: AddressRules | undefined;
  #portNames = new Map<string, Set<string>>();
  /** Monotonic ms at which an ejected endpoint comes back, so that pools are made anew. */
  #poolsUntilMs = Number.POSITIVE_INFINITY;

  /** `namespace/name`. */
  constructor(service: string) {
    this.#service = service;
  }

  announce(endpoints: readonly Endpoint[]): void {
    this.#announced = endpoints;
    this.#rebuild();
  }

  /** Cheap, and false, when both are the same objects as before: called for every request. */
  sync(declared: readonly DeclaredEndpoint[], addresses: AddressRules): boolean {
    if (this.#declared === declared && this.#addresses === addresses) return false;
    this.#declared = declared;
    this.#addresses = addresses;
    this.#rebuild();
    return true;
  }

  /** What DNS says of the endpoints that are declared by name. */
  resolve(endpoints: readonly DeclaredEndpoint[], isResolving: boolean): void {
    this.isResolving = isResolving;
    if (endpoints.length === 0 && this.#resolved.length === 0) return;
    this.#resolved = endpoints;
    this.#rebuild();
  }

  /**
   * `tried`: endpoints to avoid while there is another. `session`: the token of the one to take
   * while it is there, healthy and not tried.
   */
  pick(
    portName: string,
    how: Balancing,
    random: Random,
    nowMs: number,
    tried: readonly TrackedEndpoint[],
    session?: string,
  ): TrackedEndpoint | undefined {
    const pool = this.#pool(portName, nowMs);
    const kept = session === undefined ? undefined : this.#bySession(pool).get(session);
    if (kept !== undefined && !tried.includes(kept)) return kept;
    if (tried.length === 0) return choose(pool, how, random);
    const fresh = pool.usable.filter((endpoint) => !tried.includes(endpoint));
    return choose(fresh.length > 0 ? { ...pool, usable: fresh } : pool, how, random);
  }

  /** What a client's session names this endpoint by. */
  tokenOf(tracked: TrackedEndpoint): string {
    return (tracked.token ??= endpointToken(this.#service, tracked.name));
  }

  /** True when this outcome ejected the endpoint. */
  report(tracked: TrackedEndpoint, ok: boolean, config: OutlierConfig, nowMs: number): boolean {
    if (this.#tracked.get(tracked.name) !== tracked) return false;
    const ejected = noteOutcome(tracked, ok, this.#all, config, nowMs);
    if (ejected) this.#pools.clear();
    return ejected;
  }

  get isIdle(): boolean {
    return this.#all.every((endpoint) => endpoint.inFlight === 0);
  }

  view(service: string, nowMs: number): EndpointView[] {
    return this.#all.map((tracked) => ({
      service,
      ...tracked.endpoint,
      state: tracked.isEjected(nowMs) ? 'ejected' : 'healthy',
      ejectedForMs: Math.max(0, Math.ceil(tracked.ejectedUntilMs - nowMs)),
      inFlight: tracked.inFlight,
      consecutiveErrors: tracked.consecutiveErrors,
    }));
  }

  #bySession(pool: Pool): ReadonlyMap<string, TrackedEndpoint> {
    return (pool.bySession ??= new Map(pool.usable.map((each) => [this.tokenOf(each), each])));
  }

  #pool(portName: string, nowMs: number): Pool {
    if (nowMs >= this.#poolsUntilMs) this.#pools.clear();
    let pool = this.#pools.get(portName);
    if (pool === undefined) {
      if (this.#pools.size === 0) this.#poolsUntilMs = Number.POSITIVE_INFINITY;
      pool = { usable: this.#usable(portName, nowMs), cursor: -1, bySession: undefined };
      this.#pools.set(portName, pool);
    }
    return pool;
  }

  /** Without the ejected ones; all of them when every one is ejected. */
  #usable(portName: string, nowMs: number): readonly TrackedEndpoint[] {
    const serving = this.#all.filter((tracked) => {
      const names = this.#portNames.get(tracked.name);
      return names === undefined || names.has(portName);
    });
    const healthy = serving.filter((tracked) => !tracked.isEjected(nowMs));
    for (const tracked of serving) {
      if (tracked.isEjected(nowMs) && tracked.ejectedUntilMs < this.#poolsUntilMs) {
        this.#poolsUntilMs = tracked.ejectedUntilMs;
      }
    }
    return healthy.length > 0 ? healthy : serving;
  }

  #rebuild(): void {
    const found = new Map<string, TrackedEndpoint>();
    this.#portNames = new Map();
    for (const endpoint of this.#announced) {
      const tracked = this.#track(endpoint, found);
      if (tracked !== undefined) found.set(tracked.name, tracked);
    }
    for (const { portName, ...endpoint } of [...this.#declared, ...this.#resolved]) {
      const name = endpointName(endpoint);
      // What a sidecar announced is reached through it, on every port.
      if (found.has(name) && !this.#portNames.has(name)) continue;
      const tracked = this.#track(endpoint, found);
      if (tracked === undefined) continue;
      found.set(name, tracked);
      const names = this.#portNames.get(name) ?? new Set();
      this.#portNames.set(name, names.add(portName));
    }
    this.#tracked.clear();
    for (const [name, tracked] of found) this.#tracked.set(name, tracked);
    this.#all = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#pools.clear();
  }

  #track(
    endpoint: Endpoint,
    found: ReadonlyMap<string, TrackedEndpoint>,
  ): TrackedEndpoint | undefined {
    if (this.#addresses?.allows(endpoint.address) === false) return undefined;
    const name = endpointName(endpoint);
    const tracked = found.get(name) ?? this.#tracked.get(name) ?? new TrackedEndpoint(endpoint);
    tracked.endpoint = endpoint;
    return tracked;
  }
}
