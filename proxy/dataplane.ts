import type { Endpoint, ServiceEndpoints } from '#contracts/events.ts';
import type { Clock, Random } from '#platform/clock.ts';
import { replyFor } from './errors.ts';
import type { Attempt, AttemptResult, Callee, Exchange, Reply } from './exchange.ts';
import type { Copier } from './mirrors.ts';
import { Outside } from './outside.ts';
import { type Done, type PipelineParts, runPipeline } from './pipeline.ts';
import type { Gate } from './policy/gate.ts';
import { GATES } from './policy/registry.ts';
import { type SocketListeners, type SocketTable, socketTable } from './route/sockets.ts';
import { type Scope, servedListeners } from './scope.ts';
import { ServiceStates } from './services.ts';
import type { CompiledSnapshot, Transport } from './snapshot/compiled.ts';
import { land } from './tries.ts';
import { type Lookup, dnsLookup } from './upstream/dns.ts';
import { Hosts } from './upstream/hosts.ts';
import { Resolver } from './upstream/resolver.ts';
import type { EndpointView } from './upstream/view.ts';
import { Wheel } from './wheel.ts';

export type { Scope } from './scope.ts';
export { servedListeners } from './scope.ts';

export interface DataPlaneOptions {
  scope: Scope;
  clock: Clock;
  /** Of the worker; absent: one of its own. */
  wheel?: Wheel;
  random: Random;
  /** Sends copies of requests to mirrors; absent: there are none. */
  copier?: Copier;
  /** Where a sidecar's application listens: inbound requests go there. */
  app?: Endpoint;
  /**
   * How hosts are found. Absent: DNS says where endpoints are that are declared by name, and the
   * system where hosts are that are no Services.
   */
  lookup?: Lookup;
  /** What is sent to this address comes back to this proxy; absent: nothing does. */
  isOwn?: (address: string, port: number) => boolean;
  /** DNS says that a host is at these addresses, which may not be endpoints in this mesh. */
  onRefused?: (host: string, addresses: readonly string[]) => void;
  /** An exception in a phase: that request gets `internal`, everything else goes on. */
  onError?: (error: unknown, exchange: Exchange) => void;
}

/** What became of an exchange: the proxy's own answer, or the upstream's head to pass on. */
export type Outcome =
  | { kind: 'reply'; reply: Reply }
  /** Response header filters are already applied to `head.headers`. */
  | { kind: 'head'; head: Extract<AttemptResult, { kind: 'head' }> };

/**
 * Decides for every exchange of one worker, and keeps what outlives a snapshot: endpoints, their
 * health and load, token buckets, retry budgets.
 *
 * For each exchange call `handle` once and, when everything about it is over, `release` once.
 * `exchange.snapshot` must be a snapshot that was given to `swap`; a later swap does not touch it.
 * At the edge `exchange.request.listener` is the socket's name on arrival (see ListenerSpec).
 */
export class DataPlane {
  readonly #options: DataPlaneOptions;
  readonly #states: ServiceStates;
  readonly #gates: readonly Gate[];
  readonly #sockets = new WeakMap<CompiledSnapshot, SocketTable>();
  readonly #parts: PipelineParts;
  #snapshot: CompiledSnapshot | undefined;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    const { clock, random, scope, app, lookup, isOwn = nobodys } = options;
    const wheel = options.wheel ?? new Wheel(clock);
    const { workers } = scope;
    this.#states = new ServiceStates({
      hosts: (onChange) => new Hosts({ clock, random, lookup: lookup ?? dnsLookup(), onChange }),
      onRefused: options.onRefused ?? nobodys,
    });
    this.#gates = GATES.map((create) => create({ clock, workers }));
    this.#parts = {
      clock,
      wheel,
      random,
      workers,
      service: scope.service,
      app,
      gates: this.#gates,
      states: this.#states,
      copier: options.copier,
      release: (exchange) => this.release(exchange, { aborted: false }),
      outside: new Outside(new Resolver(clock, wheel, lookup), isOwn),
      socketsOf: (exchange) => this.#socketsOf(exchange.snapshot),
      guard: (exchange, done, run) => {
        try {
          run();
        } catch (error) {
          this.#onThrown(error, exchange, done);
        }
      },
    };
  }

  /** Undefined before the first swap: the proxy is not ready. */
  get snapshot(): CompiledSnapshot | undefined {
    return this.#snapshot;
  }

  swap(snapshot: CompiledSnapshot): void {
    this.#snapshot = snapshot;
    this.#states.swap(snapshot);
    for (const gate of this.#gates) gate.swap(snapshot);
  }

  /** What the first bytes of a connection are, as it is now. */
  transportAt({ socket, callee }: { socket: string; callee?: Callee }): Transport {
    if (callee === undefined) return this.listenersAt(socket)?.transport ?? 'clear';
    const ports = this.#snapshot?.services.get(callee.service)?.ports;
    return ports?.some(({ port, isOpaque }) => isOpaque && port === callee.port) ? 'tcp' : 'clear';
  }

  /** The listeners of a socket as they are now. */
  listenersAt(socket: string): SocketListeners | undefined {
    return this.#snapshot === undefined ? undefined : this.#socketsOf(this.#snapshot).get(socket);
  }

  /** The registry's last word on one service; replaces all it announced before. */
  setEndpoints(announced: ServiceEndpoints): void {
    this.#states.announce(announced);
  }

  /** Nothing is decided any more: what was kept fresh in the background rests. */
  close(): void {
    this.#states.close();
  }

  endpoints(): EndpointView[] {
    return this.#states.view(this.#options.clock.nowMs());
  }

  /**
   * Calls back exactly once, also when a phase throws. Fills in the exchange's fields but for
   * status, bytes and the try's timings.
   */
  handle(exchange: Exchange, attempt: Attempt, done: (outcome: Outcome) => void): void {
    const conclude: Done = (result) => {
      if ('kind' in result) {
        exchange.reason = 'ok';
        done({ kind: 'head', head: result });
        return;
      }
      exchange.reason = result.reason;
      done({ kind: 'reply', reply: result });
    };
    const guarded: Attempt = (given, endpoint, limits, tried) =>
      attempt(given, endpoint, limits, (result) => {
        try {
          tried(result);
        } catch (error) {
          this.#onThrown(error, exchange, conclude);
        }
      });
    try {
      runPipeline(exchange, guarded, this.#parts, conclude);
    } catch (error) {
      this.#onThrown(error, exchange, conclude);
    }
  }

  #onThrown(error: unknown, exchange: Exchange, done: Done): void {
    this.release(exchange, { aborted: false });
    this.#options.onError?.(error, exchange);
    done(replyFor('internal'));
  }

  /**
   * `aborted`: the upstream broke off after its head, or ended a call of gRPC with UNAVAILABLE.
   * Calls after the first do nothing.
   */
  release(exchange: Exchange, result: { aborted: boolean }): void {
    const { flight } = exchange;
    if (flight === undefined) return;
    exchange.flight = undefined;
    const ejected = land(flight, result.aborted, this.#options.clock.nowMs());
    if (ejected) exchange.ejected = true;
  }

  #socketsOf(snapshot: CompiledSnapshot): SocketTable {
    let sockets = this.#sockets.get(snapshot);
    if (sockets === undefined) {
      sockets = socketTable(servedListeners(snapshot, this.#options.scope));
      this.#sockets.set(snapshot, sockets);
    }
    return sockets;
  }
}

function nobodys(): boolean {
  return false;
}
