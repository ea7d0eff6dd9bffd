import { replyFor } from './errors.ts';
import type { Attempt, Reply } from './exchange.ts';
import { takeBackend } from './grpc/web.ts';
import { MESH_LISTENER_DEFAULT } from './listener/settings.ts';
import { Circuit } from './policy/circuit/circuit.ts';
import type { Permit } from './policy/permit.ts';
import { RetryBudget } from './policy/retry/budget.ts';
import { TRAFFIC_DEFAULT } from './policy/traffic/compile.ts';
import type { CompiledService } from './snapshot/compiled.ts';
import { type Destination, type Head, type TryParts, tryEndpoints } from './tries.ts';
import { AddressRules } from './upstream/addresses.ts';
import { EndpointBook } from './upstream/book.ts';
import type { Resolver } from './upstream/resolver.ts';

/** Stands for whatever is no Service: what holds for one without any policy holds for it. */
const OUTSIDE: CompiledService = Object.freeze({
  name: '',
  ports: Object.freeze([]),
  declared: Object.freeze([]),
  traffic: TRAFFIC_DEFAULT,
  fault: undefined,
  records: undefined,
  listener: MESH_LISTENER_DEFAULT,
  security: Object.freeze({ authentication: [], limits: [], unavailable: [] }),
});

/** Link-local never; a mesh's own networks bound its endpoints, and these are none. */
const ADDRESSES = new AddressRules(undefined);

/**
 * Hosts that are no Services of the mesh, where it allows that they are called. All of them share
 * one circuit and one budget of retries: there is no end of their names.
 */
export class Outside {
  readonly #resolver: Resolver;
  readonly #isOwn: (address: string, port: number) => boolean;
  readonly #circuit = new Circuit();
  readonly #budget = new RetryBudget();

  /** `isOwn`: what is sent there comes back to this proxy. */
  constructor(resolver: Resolver, isOwn: (address: string, port: number) => boolean) {
    this.#resolver = resolver;
    this.#isOwn = isOwn;
  }

  /** Tries the addresses that its name has now. */
  reach(
    permit: Permit,
    { host, port }: { host: string; port: number },
    attempt: Attempt,
    parts: TryParts,
    done: (result: Head | Reply) => void,
  ): void {
    const { exchange } = permit;
    takeBackend(exchange, false);
    this.#resolver.resolve(host, (addresses) => {
      parts.guard(exchange, done, () => {
        if (addresses.length === 0) {
          done(replyFor('no_endpoint', 'the host has no address'));
          return;
        }
        const allowed = addresses.filter(
          (address) => ADDRESSES.allows(address) && !this.#isOwn(address, port),
        );
        if (allowed.length === 0) {
          done(replyFor('no_route', 'the address of this host may not be called'));
          return;
        }
        tryEndpoints(permit, this.#destination(allowed, port), attempt, parts, done);
      });
    });
  }

  #destination(addresses: readonly string[], port: number): Destination {
    const book = new EndpointBook(OUTSIDE.name);
    book.announce(addresses.map((address) => ({ address, port, proxy: '', zone: '' })));
    return {
      service: OUTSIDE,
      portName: '',
      tls: undefined,
      state: { book, circuit: this.#circuit, budget: this.#budget },
      rule: undefined,
      admit: (permit) => permit,
    };
  }
}
