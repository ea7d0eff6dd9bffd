import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import type { MeshState } from '#platform/state.ts';
import { Engine, type EngineOptions } from '#proxy/engine.ts';
import type { Exchange } from '#proxy/exchange.ts';
import { type Acquired, type SocketSource, bindSocket } from '#proxy/listener/sockets.ts';
import type { SidecarAddresses } from '#proxy/sidecar.ts';
import { NOTHING_SHUT } from '#proxy/snapshot/shut.ts';
import type { CertificateFiles } from '#proxy/tls/certificate.ts';
import { TICKET_KEY_BYTES } from '#proxy/tls/ticket-keys.ts';
import { seeded } from '../../unit/proxy/support/world.ts';

/**
 * Sockets with the numbers that resources name and others in the kernel, as behind a load balancer
 * that maps ports: a proxy that listens on 80 and 443 knows no other numbers, and tests that run at
 * the same time do not meet.
 */
class MappedSockets implements SocketSource {
  readonly isShared = false;
  readonly #ports = new Map<number, number>();

  async acquire(address: string, port: number): Promise<Acquired> {
    const bound = bindSocket(address, 0);
    if (!bound.ok) return bound;
    this.#ports.set(port, bound.socket.address().port);
    return { ok: true, handle: bound.socket };
  }

  release(_address: string, port: number): void {
    this.#ports.delete(port);
  }

  /** The kernel's number; undefined: nothing listens on that port. */
  at(port: number): number | undefined {
    return this.#ports.get(port);
  }
}

/** One worker as it runs in a proxy, with real sockets: of one Gateway or beside one Service. */
export class LiveProxy {
  readonly records: Exchange[] = [];
  /** What could not be applied, as it is now. */
  problems: readonly ResourceProblem[] = [];
  readonly #engine: Engine;
  readonly #sockets = new MappedSockets();

  constructor(
    options: Pick<EngineOptions, 'scope' | 'app' | 'sidecar'>,
    certificates: readonly CertificateFiles[],
  ) {
    this.#engine = new Engine({
      ...options,
      worker: 0,
      defaultAddress: '127.0.0.1',
      sockets: this.#sockets,
      certificates,
      ticketKey: Buffer.alloc(TICKET_KEY_BYTES, 7),
      telemetry: {
        record: (exchange) => void this.records.push(exchange),
        series: never,
        stats: never,
        close: async () => undefined,
      },
      clock: systemClock,
      random: seeded(1),
      log: createLog({ service: 'conformance', level: 'silent' }),
      onProblems: (problems) => {
        this.problems = problems;
      },
      onRetry: () => undefined,
      onCertificate: () => undefined,
    });
  }

  static gateway(name: string, certificates: readonly CertificateFiles[]): LiveProxy {
    const scope = { role: 'gateway', proxy: 'edge', gateways: [name], workers: 1 } as const;
    const sidecar = { inbound: undefined, outbound: undefined, outboundPorts: [] };
    return new LiveProxy(
      { scope: { ...scope, service: undefined }, sidecar, app: undefined },
      certificates,
    );
  }

  /** Beside an application that listens on this port. */
  static sidecar(service: string, appPort: number, sidecar: SidecarAddresses): LiveProxy {
    const role = { role: 'sidecar', gateways: undefined, workers: 1 } as const;
    const app = { address: '127.0.0.1', port: appPort, proxy: '', zone: '' };
    return new LiveProxy(
      { scope: { ...role, proxy: service.replace('/', '-'), service }, sidecar, app },
      [],
    );
  }

  async apply(state: MeshState): Promise<void> {
    const revision = { epoch: 1, sequence: state.sequence };
    await this.#engine.prepare({ entries: state.entries, revision, shut: NOTHING_SHUT });
    this.problems = (await this.#engine.commit()).problems;
  }

  announce(endpoints: ServiceEndpoints): void {
    this.#engine.setEndpoints(endpoints);
  }

  /** Where clients reach what listens on this port. */
  port(port: number): number {
    const found = this.#sockets.at(port);
    if (found === undefined) throw new Error(`nothing listens on ${port}`);
    return found;
  }

  isListeningOn(port: number): boolean {
    return this.#sockets.at(port) !== undefined;
  }

  async stop(): Promise<void> {
    await this.#engine.drain(0);
  }
}

function never(): never {
  throw new Error('this telemetry only records');
}
