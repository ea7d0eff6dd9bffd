import type { Endpoint, ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { MeshState } from '#platform/state.ts';
import { DataPlane, type Scope, servedListeners } from './dataplane.ts';
import type { Applied, WorkerReport } from './fleet.ts';
import { Connector } from './forward/connect.ts';
import { Copies } from './forward/copies.ts';
import { UpstreamPool } from './forward/pool.ts';
import { gatewaySockets, socketProblems } from './gateway.ts';
import { Door, type DoorParts } from './listener/door.ts';
import { Listeners, type SocketFailure } from './listener/listeners.ts';
import type { Entrance } from './listener/server.ts';
import type { SocketSource } from './listener/sockets.ts';
import { StreamDoor } from './listener/stream-door.ts';
import { returnConnections } from './listener/tls-entry.ts';
import { RandomHex } from './listener/trace.ts';
import { DESCRIPTORS_MAX } from './overload/descriptors.ts';
import { V8Memory } from './overload/memory.ts';
import { Overload } from './overload/overload.ts';
import { type SidecarAddresses, isOwnOutbound, sidecarSockets } from './sidecar.ts';
import { compile } from './snapshot/compile.ts';
import type { CompiledSnapshot } from './snapshot/compiled.ts';
import type { Telemetry } from './telemetry/index.ts';
import type { CertificateRead } from './tls/broken.ts';
import type { CertificateFiles } from './tls/certificate.ts';
import { Certificates } from './tls/certificates.ts';
import { certificateProblems } from './tls/problems.ts';
import { ServerContexts } from './tls/server-contexts.ts';
import { Wheel } from './wheel.ts';

export interface EngineOptions {
  scope: Scope;
  worker: number;
  /** Where Gateways without addresses of their own listen. */
  defaultAddress: string;
  sidecar: SidecarAddresses;
  app: Endpoint | undefined;
  sockets: SocketSource;
  certificates: readonly CertificateFiles[];
  /** The first key of TLS tickets, the same in every worker of the proxy. */
  ticketKey: Buffer;
  telemetry: Telemetry;
  clock: Clock;
  random: Random;
  log: Log;
  /** What could not be applied changed without an update. */
  onProblems: (problems: ResourceProblem[]) => void;
  /** Files of a certificate cannot be used, or can again. */
  onCertificate: (read: CertificateRead) => void;
}

/** Sockets that could not be opened are tried again this often. */
const RETRY_SOCKETS_MS = 2_000;

/** One worker's whole serving half: listeners, tables, forwarding, records. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #scope: Scope & { defaultAddress: string };
  readonly #dataPlane: DataPlane;
  readonly #door: Door;
  readonly #streams: StreamDoor;
  readonly #listeners: Listeners;
  readonly #overload: Overload;
  readonly #pool: UpstreamPool;
  readonly #copies: Copies;
  readonly #certificates: Certificates;
  readonly #contexts: ServerContexts;
  #handshakesFailed = 0;
  #draining = false;
  #compileProblems: ResourceProblem[] = [];
  #failures: SocketFailure[] = [];
  #retry: Timer | undefined;
  /** Updates and retries run one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: EngineOptions) {
    this.#options = options;
    const { clock, random, log, defaultAddress } = options;
    const scope = { ...options.scope, defaultAddress };
    this.#scope = scope;
    const wheel = new Wheel(clock);
    this.#certificates = new Certificates({
      ...{ files: options.certificates, clock, log, onRead: options.onCertificate },
    });
    this.#contexts = new ServerContexts(this.#certificates, options.ticketKey, returnConnections);
    const connector = new Connector({ certificates: this.#certificates, log });
    this.#pool = new UpstreamPool(clock, wheel, connector);
    const overload = new Overload({
      ...{ memory: new V8Memory(), descriptors: DESCRIPTORS_MAX, clock, wheel, log },
      connections: () => this.#listeners.connections + this.#pool.size,
      accept: (accepting) => this.#accept(accepting),
    });
    this.#overload = overload;
    this.#copies = new Copies({ pool: this.#pool, clock, wheel });
    this.#dataPlane = new DataPlane({
      scope,
      ...{ clock, wheel, copier: this.#copies },
      random,
      ...(options.app === undefined ? {} : { app: options.app }),
      isOwn: (address, port) => isOwnOutbound(options.sidecar, address, port),
      onRefused: (host, addresses) => {
        log.error({ host, addresses }, 'DNS leads to what may be no endpoint in this mesh');
      },
      onError: (error, exchange) => {
        const stack = error instanceof Error ? error.stack : sentenceOf(error);
        log.error({ error: stack, id: exchange.requestId }, 'a phase failed');
      },
    });
    const parts: DoorParts = {
      dataPlane: this.#dataPlane,
      telemetry: options.telemetry,
      pool: this.#pool,
      clock,
      wheel,
      hex: new RandomHex(),
      workload: scope.service ?? '',
      log,
      draining: () => this.#draining || overload.closes,
      sheds: () => overload.sheds,
    };
    this.#door = new Door(parts);
    this.#streams = new StreamDoor(parts);
    const handlers = {
      ...{ clock, wheel, overload },
      request: this.#door.request.bind(this.#door),
      left: this.#door.left.bind(this.#door),
      unreadable: this.#door.unreadable.bind(this.#door),
      entrance: this.#entrance(),
    };
    this.#listeners = new Listeners(options.sockets, handlers, log);
    this.#certificates.watch(() => {
      const { snapshot } = this.#dataPlane;
      if (snapshot !== undefined) options.onProblems(this.#problems(snapshot));
    });
  }

  /** Compiles beside what serves now, then swaps in one step. */
  apply(
    state: MeshState,
    revision: Revision,
    changed: ReadonlySet<ResourceKey> | undefined,
  ): Promise<Applied> {
    return this.#inTurn(async () => {
      const { clock } = this.#options;
      const startedMs = clock.nowMs();
      const previous = this.#dataPlane.snapshot;
      const { snapshot, problems } = compile({
        entries: state.entries,
        revision,
        ...(previous === undefined || changed === undefined ? {} : { previous, changed }),
      });
      this.#compileProblems = problems;
      await this.#open(snapshot, () => this.#dataPlane.swap(snapshot));
      this.#contexts.keep(servedListeners(snapshot, this.#scope));
      return { problems: this.#problems(snapshot), applyMs: clock.nowMs() - startedMs };
    });
  }

  setTicketKey(key: Buffer): void {
    this.#contexts.setTicketKey(key);
  }

  setEndpoints(announced: ServiceEndpoints): void {
    this.#dataPlane.setEndpoints(announced);
  }

  report(): WorkerReport {
    return {
      worker: this.#options.worker,
      pid: process.pid,
      connections: this.connections,
      turnedAway: this.#listeners.turnedAway,
      inFlight: this.#door.inFlight + this.#streams.inFlight,
      overload: this.#overload.report(),
      copiesLost: this.#copies.lost,
      handshakesFailed: this.#handshakesFailed,
      certificates: this.#certificates.expiries(),
      series: this.#options.telemetry.series(),
      endpoints: this.#dataPlane.endpoints(),
    };
  }

  /** Connections of clients that stand. */
  get connections(): number {
    return this.#listeners.connections;
  }

  async drain(limitMs?: number): Promise<void> {
    this.#draining = true;
    this.#retry?.cancel();
    this.#overload.stop();
    this.#certificates.stop();
    await this.#turn.catch(() => undefined);
    await this.#listeners.drain(limitMs);
    this.#dataPlane.close();
    this.#copies.destroy();
    this.#pool.destroy();
    await this.#options.telemetry.close();
  }

  /** Sockets that come back do so between updates; letting go of them cannot wait for one. */
  #accept(accepting: boolean): Promise<boolean> {
    if (!accepting) return this.#listeners.accept(false);
    return this.#inTurn(async () => this.#draining || this.#listeners.accept(true));
  }

  #entrance(): Entrance {
    return {
      transportAt: (arrival) => this.#dataPlane.transportAt(arrival),
      listenersAt: (socket) => this.#dataPlane.listenersAt(socket),
      serverFor: (spec, serverName) => this.#contexts.serverFor(spec, serverName),
      stream: (arrival, stream) => this.#streams.open(arrival, stream),
      handshakeFailed: (arrival, socket, serverName, why) => {
        this.#handshakesFailed++;
        const { socket: at } = arrival;
        this.#options.log.debug({ at, serverName, why }, 'no TLS with a client');
        this.#door.handshakeFailed(arrival, socket, serverName);
      },
    };
  }

  async #open(snapshot: CompiledSnapshot, swap: () => void): Promise<void> {
    const needs = [
      ...sidecarSockets(this.#options.sidecar, snapshot, this.#scope),
      ...gatewaySockets(snapshot, this.#scope),
    ];
    if (this.#draining) {
      swap();
      return;
    }
    this.#failures = await this.#listeners.update(needs, swap);
    this.#retry?.cancel();
    if (this.#failures.length === 0) return;
    this.#retry = this.#options.clock.after(RETRY_SOCKETS_MS, () => this.#retrySockets());
  }

  #retrySockets(): void {
    void this.#inTurn(async () => {
      const { snapshot } = this.#dataPlane;
      if (snapshot === undefined || this.#draining) return;
      const before = this.#failures.length;
      await this.#open(snapshot, () => undefined);
      if (this.#failures.length !== before) this.#options.onProblems(this.#problems(snapshot));
    });
  }

  #problems(snapshot: CompiledSnapshot): ResourceProblem[] {
    const scope = this.#scope;
    return mergeProblems([
      this.#compileProblems,
      socketProblems(snapshot, scope, this.#failures),
      certificateProblems(snapshot, servedListeners(snapshot, scope), this.#certificates),
      this.#failures
        .filter(({ need }) => need.arrival.direction !== 'edge')
        .map(({ need, message }) => ({
          resource: `Proxy/-/${scope.proxy}`,
          path: need.arrival.direction,
          reason: 'cannot_apply' as const,
          message,
        })),
    ]);
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run, run);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** The union of several lists, sorted by resource, path and message, each problem once. */
export function mergeProblems(lists: readonly (readonly ResourceProblem[])[]): ResourceProblem[] {
  const byText = new Map<string, ResourceProblem>();
  for (const problem of lists.flat()) {
    byText.set(`${problem.resource}\0${problem.path}\0${problem.message}`, problem);
  }
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, problem]) => problem);
}
