import type { Endpoint, ServiceEndpoints } from '#contracts/events.ts';
import { Circuit } from './policy/circuit/circuit.ts';
import { RetryBudget } from './policy/retry/budget.ts';
import type { CompiledService, CompiledSnapshot } from './snapshot/compiled.ts';
import { EndpointBook } from './upstream/book.ts';
import type { Hosts } from './upstream/hosts.ts';
import { isByName } from './upstream/settings.ts';
import type { EndpointView } from './upstream/view.ts';

/** What one worker keeps of a service from one snapshot to the next. */
export interface ServiceState {
  readonly book: EndpointBook;
  readonly circuit: Circuit;
  readonly budget: RetryBudget;
}

const NO_HOSTS: ReadonlyMap<string, readonly string[]> = new Map();

export interface HostParts {
  /** Asks for the addresses of hosts, and tells when those of one have changed. */
  hosts: (onChange: (host: string) => void) => Hosts;
  /** A host leads to these addresses, which may be nobody's endpoint; told when they change. */
  onRefused: (host: string, addresses: readonly string[]) => void;
}

/**
 * The services' states. Endpoints are always those of the newest snapshot, announcement and answer
 * of DNS, also for an exchange that began with an older one: where a service can be reached is
 * news, not a decision.
 */
export class ServiceStates {
  readonly #states = new Map<string, ServiceState>();
  readonly #announced = new Map<string, readonly Endpoint[]>();
  readonly #parts: HostParts;
  /** Made when there are hosts to watch. */
  #hosts: Hosts | undefined;
  /** Names of the services that have endpoints at each host. */
  #users = NO_HOSTS;
  #snapshot: CompiledSnapshot | undefined;

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  swap(snapshot: CompiledSnapshot): void {
    const before = this.#snapshot?.services;
    this.#snapshot = snapshot;
    for (const [name, { book, circuit }] of this.#states) {
      const isGone = !snapshot.services.has(name);
      if (isGone && book.isIdle && circuit.inFlight === 0) this.#states.delete(name);
    }
    // The table is the same one where no Service changed.
    if (before !== snapshot.services) this.#watch(snapshot);
  }

  announce({ service, endpoints }: ServiceEndpoints): void {
    if (endpoints.length === 0) this.#announced.delete(service);
    else this.#announced.set(service, endpoints);
    this.#states.get(service)?.book.announce(endpoints);
  }

  of(service: CompiledService): ServiceState {
    let state = this.#states.get(service.name);
    if (state === undefined) {
      const book = new EndpointBook(service.name);
      state = { book, circuit: new Circuit(), budget: new RetryBudget() };
      state.book.announce(this.#announced.get(service.name) ?? []);
      this.#states.set(service.name, state);
    }
    const newest = this.#snapshot?.services.get(service.name) ?? service;
    if (this.#snapshot !== undefined) {
      const { addresses } = this.#snapshot.mesh;
      if (state.book.sync(newest.declared, addresses)) this.#resolve(newest, state.book);
    }
    return state;
  }

  view(nowMs: number): EndpointView[] {
    const services = [...(this.#snapshot?.services.values() ?? [])];
    services.sort((a, b) => (a.name < b.name ? -1 : 1));
    return services.flatMap((service) => this.of(service).book.view(service.name, nowMs));
  }

  /** Hosts are no longer kept fresh. */
  close(): void {
    this.#hosts?.watch(new Set());
  }

  #watch({ services }: CompiledSnapshot): void {
    const users = new Map<string, string[]>();
    for (const { name, declared } of services.values()) {
      for (const host of new Set(declared.filter(isByName).map(({ address }) => address))) {
        users.set(host, [...(users.get(host) ?? []), name]);
      }
    }
    this.#users = users;
    if (users.size > 0) this.#hosts ??= this.#parts.hosts((host) => this.#onHost(host));
    this.#hosts?.watch(new Set(users.keys()));
  }

  #onHost(host: string): void {
    const rules = this.#snapshot?.mesh.addresses;
    const addresses = this.#hosts?.addressesOf(host) ?? [];
    const refused = addresses.filter((address) => rules?.allows(address) === false);
    if (refused.length > 0) this.#parts.onRefused(host, refused);
    for (const name of this.#users.get(host) ?? []) {
      const service = this.#snapshot?.services.get(name);
      const state = this.#states.get(name);
      if (service !== undefined && state !== undefined) this.#resolve(service, state.book);
    }
  }

  #resolve({ declared }: CompiledService, book: EndpointBook): void {
    const named = declared.filter(isByName);
    const endpoints = named.flatMap((endpoint) => {
      const addresses = this.#hosts?.addressesOf(endpoint.address) ?? [];
      return addresses.map((address) => ({ ...endpoint, address }));
    });
    book.resolve(
      endpoints,
      named.some(({ address }) => this.#hosts?.isNew(address)),
    );
  }
}
