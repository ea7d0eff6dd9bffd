import type { Endpoint, ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { Turns } from '#platform/turns.ts';
import { DataPlane, type Scope, servedListeners } from './dataplane.ts';
import type { Applied, Candidate, Prepared, WorkerReport } from './fleet.ts';
import { Connector } from './forward/connect.ts';
import { Copies } from './forward/copies.ts';
import { UpstreamPool } from './forward/pool.ts';
import { gatewaySockets } from './gateway.ts';
import { Door, type DoorParts } from './listener/door.ts';
import { Listeners, type SocketNeed } from './listener/listeners.ts';
import type { Entrance } from './listener/server.ts';
import type { SocketSource } from './listener/sockets.ts';
import { StreamDoor } from './listener/stream-door.ts';
import { returnConnections } from './listener/tls-entry.ts';
import { RandomHex } from './listener/trace.ts';
import { DESCRIPTORS_MAX } from './overload/descriptors.ts';
import { V8Memory } from './overload/memory.ts';
import { Overload } from './overload/overload.ts';
import { type Made, problemsOf, usesOf } from './problems.ts';
import { type SidecarAddresses, isOwnOutbound, sidecarSockets } from './sidecar.ts';
import { compile } from './snapshot/compile.ts';
import type { CompiledSnapshot } from './snapshot/compiled.ts';
import type { Telemetry } from './telemetry/index.ts';
import type { CertificateRead } from './tls/broken.ts';
import type { CertificateFiles } from './tls/certificate.ts';
import { Certificates } from './tls/certificates.ts';
import type { CertificateUse } from './tls/problems.ts';
import type { SecretValues } from './tls/secrets.ts';
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
  /** A candidate that was not committed may have fewer problems now. */
  onRetry: () => void;
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
  #serves: Made | undefined;
  #candidate: (Made & { startedMs: number }) | undefined;
  /** Sockets for want of which a candidate was not committed. */
  readonly #refused = new Map<string, SocketNeed>();
  #retry: Timer | undefined;
  /** Updates and retries run one after the other. */
  readonly #turns = new Turns();

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
      if (this.#serves === undefined) return;
      options.onProblems(this.#problems(this.#serves));
      options.onRetry();
    });
  }

  /** Compiles beside what serves now, and binds what that needs; the last candidate counts. */
  prepare({ entries, revision, changed, shut }: Candidate): Promise<Prepared> {
    return this.#turns.run(async () => {
      const startedMs = this.#options.clock.nowMs();
      const previous = this.#serves?.snapshot;
      const { snapshot, problems } = compile({
        ...{ entries, revision, shut },
        ...(previous === undefined || changed === undefined ? {} : { previous, changed }),
      });
      // What the candidate before lacked is why it was not committed.
      for (const { need } of this.#candidate?.failures ?? []) {
        this.#refused.set(`${need.address} ${need.port}`, need);
      }
      this.#candidate = undefined;
      const uses = (): CertificateUse[] => usesOf(snapshot, this.#scope);
      await this.#certificates.follow(entries, changed, uses);
      const failures = this.#draining ? [] : await this.#listeners.prepare(this.#needs(snapshot));
      this.#candidate = { snapshot, compiled: problems, failures, startedMs };
      const failed = problems.filter(({ reason }) => reason === 'cannot_apply');
      return {
        problems: this.#problems(this.#candidate),
        failed: failed.map(({ resource }) => resource as ResourceKey),
      };
    });
  }

  /** Swaps to what was prepared, in one step. */
  commit(): Promise<Applied> {
    return this.#turns.run(async () => {
      const candidate = this.#candidate;
      if (candidate === undefined) throw new Error('nothing was prepared');
      this.#candidate = undefined;
      const { snapshot, compiled, startedMs } = candidate;
      const swap = (): void => this.#dataPlane.swap(snapshot);
      if (this.#draining) swap();
      const failures = this.#draining ? [] : await this.#listeners.commit(swap);
      this.#serves = { snapshot, compiled, failures };
      this.#certificates.committed();
      this.#contexts.keep(servedListeners(snapshot, this.#scope));
      this.#retryLater();
      const applyMs = this.#options.clock.nowMs() - startedMs;
      return { problems: this.#problems(this.#serves), applyMs };
    });
  }

  setTicketKey(key: Buffer): void {
    this.#contexts.setTicketKey(key);
  }

  setSecrets(values: readonly SecretValues[]): void {
    this.#certificates.give(values);
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
    await this.#turns.run(async () => undefined);
    await this.#listeners.drain(limitMs);
    this.#dataPlane.close();
    this.#copies.destroy();
    this.#pool.destroy();
    await this.#options.telemetry.close();
  }

  /** Sockets that come back do so between updates; letting go of them cannot wait for one. */
  #accept(accepting: boolean): Promise<boolean> {
    if (!accepting) return this.#listeners.accept(false);
    return this.#turns.run(async () => this.#draining || this.#listeners.accept(true));
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

  #needs(snapshot: CompiledSnapshot): SocketNeed[] {
    const { sidecar } = this.#options;
    const scope = this.#scope;
    return [...sidecarSockets(sidecar, snapshot, scope), ...gatewaySockets(snapshot, scope)];
  }

  #retryLater(): void {
    this.#retry?.cancel();
    const missing = (this.#serves?.failures.length ?? 0) + this.#refused.size;
    if (missing === 0 || this.#draining) return;
    this.#retry = this.#options.clock.after(RETRY_SOCKETS_MS, () => this.#retrySockets());
  }

  #retrySockets(): void {
    void this.#turns.run(async () => {
      const serves = this.#serves;
      // A commit is on its way, and tries what it needs.
      if (serves === undefined || this.#candidate !== undefined || this.#draining) return;
      if (serves.failures.length > 0) {
        const needs = this.#needs(serves.snapshot);
        const failures = await this.#listeners.update(needs, () => undefined);
        this.#serves = { ...serves, failures };
        if (failures.length !== serves.failures.length) {
          this.#options.onProblems(this.#problems(this.#serves));
        }
      }
      const refused = [...this.#refused.values()];
      const can = await Promise.all(refused.map((need) => this.#listeners.canBind(need)));
      if (can.includes(true)) {
        this.#refused.clear();
        this.#options.onRetry();
      }
      this.#retryLater();
    });
  }

  /** Of a snapshot, with what its compile found and its sockets lack. */
  #problems({ snapshot, compiled, failures }: Made): ResourceProblem[] {
    const [scope, certificates] = [this.#scope, this.#certificates];
    return problemsOf({ scope, snapshot, compiled, failures, certificates });
  }
}
