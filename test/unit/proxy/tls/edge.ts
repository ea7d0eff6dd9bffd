import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, type TLSSocket, connect as connectTls } from 'node:tls';
import type { ResourceProblem } from '#contracts/problems.ts';
import { type CertificateRequest, type Issued, issueCertificate } from '#platform/x509.ts';
import { type Clock, systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { Engine } from '#proxy/engine.ts';
import type { Exchange } from '#proxy/exchange.ts';
import type { SidecarAddresses } from '#proxy/sidecar.ts';
import { localSockets } from '#proxy/listener/sockets.ts';
import type { Telemetry } from '#proxy/telemetry/index.ts';
import { NOTHING_SHUT } from '#proxy/snapshot/shut.ts';
import type { CertificateFiles } from '#proxy/tls/certificate.ts';
import { TICKET_KEY_BYTES } from '#proxy/tls/ticket-keys.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { onTestFinished } from 'vitest';
import { World, gateway, seeded } from '../support/world.ts';

/** Made once for each test file: keys take a while. */
export const ca = issueCertificate({ name: 'authority', isAuthority: true });
export const otherCa = issueCertificate({ name: 'another authority', isAuthority: true });

export function leaf(hosts: readonly string[], more: Partial<CertificateRequest> = {}) {
  return issueCertificate({ name: hosts[0] ?? 'nobody', hosts, issuer: ca, ...more });
}

/** Certificates as files, written and written again as an operator does. */
export class CertificateFolder {
  readonly folder = tempDir();
  readonly files: CertificateFiles[] = [];

  /** `name` lies in `shop`. */
  add(name: string, issued: Issued | undefined, authorities?: readonly Issued[]): this {
    const path = (kind: string): string => join(this.folder, `${name}.${kind}.pem`);
    this.files.push({
      name: `shop/${name}`,
      cert: issued === undefined ? undefined : path('cert'),
      key: issued === undefined ? undefined : path('key'),
      ca: authorities === undefined ? undefined : path('ca'),
    });
    if (issued !== undefined) this.write(name, issued);
    if (authorities !== undefined) {
      writeFileSync(path('ca'), authorities.map(({ cert }) => cert).join(''));
    }
    return this;
  }

  write(name: string, { cert, key }: { cert: string; key: string }): void {
    writeFileSync(join(this.folder, `${name}.cert.pem`), cert);
    writeFileSync(join(this.folder, `${name}.key.pem`), key);
  }
}

export interface Edge {
  engine: Engine;
  world: World;
  port: number;
  records: Exchange[];
  /** What the engine told without being asked. */
  told: ResourceProblem[][];
  problems: ResourceProblem[];
  apply(...documents: unknown[]): Promise<void>;
}

export interface EdgeOptions {
  files?: readonly CertificateFiles[];
  /** Given the port of the edge. */
  resources: (port: number) => readonly unknown[];
  clock?: Clock;
  ticketKey?: Buffer;
  /** Then it is the sidecar of this Service instead. */
  sidecar?: {
    service: string;
    ports: (port: number) => Partial<SidecarAddresses>;
    /** The port of its application. */
    app?: number;
  };
}

/** A worker as it runs in a proxy, with its real sockets, at the edge or before a workload. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const port = await freePort();
  const { sidecar } = options;
  const records: Exchange[] = [];
  const told: ResourceProblem[][] = [];
  const engine = new Engine({
    scope: {
      ...{ role: sidecar === undefined ? 'gateway' : 'sidecar', gateways: undefined },
      ...{ proxy: 'edge', service: sidecar?.service, workers: 1 },
    },
    worker: 0,
    defaultAddress: '127.0.0.1',
    sidecar: {
      ...{ inbound: undefined, outbound: undefined, outboundPorts: [] },
      ...sidecar?.ports(port),
    },
    app:
      sidecar?.app === undefined
        ? undefined
        : { address: '127.0.0.1', port: sidecar.app, proxy: '', zone: '' },
    sockets: localSockets,
    certificates: options.files ?? [],
    ticketKey: options.ticketKey ?? Buffer.alloc(TICKET_KEY_BYTES, 7),
    telemetry: telemetryInto(records),
    clock: options.clock ?? systemClock,
    random: seeded(1),
    log: createLog({ service: 'test', level: 'silent' }),
    onProblems: (problems) => told.push(problems),
    onRetry: () => undefined,
    onCertificate: () => undefined,
  });
  const world = new World();
  const edge: Edge = {
    ...{ engine, world, port, records, told },
    problems: [],
    apply: async (...documents) => {
      world.apply(...documents);
      const revision = { epoch: 1, sequence: world.state.sequence };
      await engine.prepare({ entries: world.state.entries, revision, shut: NOTHING_SHUT });
      edge.problems = (await engine.commit()).problems;
    },
  };
  onTestFinished(() => engine.drain(0));
  await edge.apply(...options.resources(port));
  return edge;
}

export function telemetryInto(records: Exchange[]): Telemetry {
  const none = (): never => {
    throw new Error('this telemetry only records');
  };
  return {
    record: (exchange) => void records.push(exchange),
    series: none,
    stats: none,
    close: async () => undefined,
  };
}

/** A Gateway on 127.0.0.1 with one listener for HTTPS for each of these. */
export function httpsGateway(port: number, listeners: readonly object[], spec: object = {}) {
  const documents = listeners.map((listener) => ({ port, protocol: 'HTTPS', ...listener }));
  return gateway('edge', documents, spec);
}

export function certificates(...names: string[]): object {
  return { certificateRefs: names.map((name) => ({ name })) };
}

/** Connects, and resolves when the handshake is done. */
export function secure(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: [ca.cert], ...options });
    onTestFinished(() => void socket.destroy());
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.off('error', reject);
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}

/** Why there is no connection: the code of the error. */
export async function refusal(port: number, options: ConnectionOptions = {}): Promise<string> {
  const outcome = await secure(port, options).catch((error: unknown) => error);
  return outcome instanceof Error
    ? ((outcome as NodeJS.ErrnoException).code ?? outcome.message)
    : 'connected';
}

/** Sends one request of HTTP/1.1 and resolves with all that comes until the end. */
export function ask(socket: TLSSocket, host: string, path = '/'): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.once('close', () => resolve(text));
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  });
}
