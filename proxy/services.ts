import type { Endpoint, ServiceEndpoints } from '#contracts/events.ts';
import { Circuit } from './policy/circuit/circuit.ts';
import { RetryBudget } from './policy/retry/budget.ts';
import type { CompiledService, CompiledSnapshot } from './snapshot/compiled.ts';
import { EndpointBook } from './upstream/book.ts';
import type { EndpointView } from './upstream/view.ts';

/** What one worker keeps of a service from one snapshot to the next. */
export interface ServiceState {
  readonly book: EndpointBook;
  readonly circuit: Circuit;
  readonly budget: RetryBudget;
}

/**
 * The services' states. Endpoints are always those of the newest snapshot and announcement, also
 * for an exchange that began with an older one: where a service can be reached is news, not a
 * decision.
 */
export class ServiceStates {
  readonly #states = new Map<string, ServiceState>();
  readonly #announced = new Map<string, readonly Endpoint[]>();
  #snapshot: CompiledSnapshot | undefined;

  swap(snapshot: CompiledSnapshot): void {
    this.#snapshot = snapshot;
    for (const [name, { book, circuit }] of this.#states) {
      const isGone = !snapshot.services.has(name);
      if (isGone && book.isIdle && circuit.inFlight === 0) this.#states.delete(name);
    }
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
      state.book.sync(newest.declared, this.#snapshot.mesh.addresses);
    }
    return state;
  }

  view(nowMs: number): EndpointView[] {
    const services = [...(this.#snapshot?.services.values() ?? [])];
    services.sort((a, b) => (a.name < b.name ? -1 : 1));
    return services.flatMap((service) => this.of(service).book.view(service.name, nowMs));
  }
}
