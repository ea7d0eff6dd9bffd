import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { freeList } from '#local/ports.ts';
import { head } from './case.ts';
import { Pipe, within } from './pipe.ts';
import { RawUpstream } from './upstream.ts';

const MAIN = fileURLToPath(new URL('../../../proxy/main.mjs', import.meta.url));
const READY_MS = 30_000;
const GATEWAY_API = 'gateway.networking.k8s.io/v1';

/** Where requests lead that are not for the scripted upstream. */
export const PATHS = {
  /** A service on whose port nobody listens. */
  refused: '/refused',
  /** A service without endpoints. */
  empty: '/empty',
  /** The scripted upstream, with 150 ms for its head. */
  slow: '/slow',
  /** The scripted upstream, with 300 ms for everything. */
  deadline: '/deadline',
  /** A rule without backends. */
  nowhere: '/nowhere',
} as const;
/** A host for which there is a listener and no route. */
export const VOID_HOST = 'void.example';
/** A host whose listener, on the same port, believes the client and is less strict than others. */
export const TRUSTING_HOST = 'trusting.example';

/** A proxy as people start it, at the edge, and the upstream that it forwards to. */
export class World {
  readonly upstream = new RawUpstream();
  port = 0;
  #child: ChildProcess | undefined;
  #folder = '';
  #output = '';

  async start(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), 'windrose-http1-'));
    const [port = 0, unused = 0] = await freeList(2);
    this.port = port;
    const file = join(this.#folder, 'shop.yaml');
    const state = resources(port, await this.upstream.listen(), unused);
    writeFileSync(file, state.map((each) => stringify(each)).join('---\n'));
    const { NATS_URL: _nats, KAFKA_BROKERS: _kafka, ...env } = process.env;
    const args = ['--resources', file, '--data-dir', join(this.#folder, 'data')];
    const child = spawn(process.execPath, [MAIN, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    await this.#ready(child);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }
    await this.upstream.close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async open(): Promise<Pipe> {
    const socket = connect({ host: '127.0.0.1', port: this.port, allowHalfOpen: true });
    const pipe = new Pipe(socket);
    await within('a connection to the proxy', once(socket, 'connect'));
    return pipe;
  }

  /** Resolves when the proxy has read all that came before: it serves sockets in turn. */
  readonly barrier = async (): Promise<void> => {
    const pipe = await this.open();
    pipe.socket.write(head('TRACE /'));
    await pipe.when('the proxy to answer', () => pipe.ended);
    pipe.socket.destroy();
  };

  #ready(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => failed('is not ready in time'), READY_MS);
      const failed = (what: string): void => {
        clearTimeout(timer);
        reject(new Error(`the proxy ${what}: ${this.#output}`));
      };
      const look = (data: Buffer): void => {
        this.#output += data.toString();
        if (!this.#output.split('\n').includes('ready')) return;
        clearTimeout(timer);
        resolve();
      };
      child.stdout?.on('data', look);
      child.stderr?.on('data', look);
      child.once('exit', () => failed('ended'));
    });
  }
}

function resources(port: number, upstream: number, unused: number): object[] {
  const listener = { port, protocol: 'HTTP' };
  return [
    {
      ...{ apiVersion: GATEWAY_API, kind: 'Gateway', metadata: named('edge') },
      spec: {
        gatewayClassName: 'windrose',
        addresses: [{ value: '127.0.0.1' }],
        listeners: [
          { name: 'all', ...listener },
          { name: 'void', ...listener, hostname: VOID_HOST },
          { name: 'trusting', ...listener, hostname: TRUSTING_HOST },
        ],
      },
    },
    ...[service('main'), service('gone'), service('none')],
    ...[slice('main', upstream), slice('gone', unused)],
    {
      ...{ apiVersion: 'windrose.dev/v1', kind: 'TrafficPolicy', metadata: named('plain') },
      spec: {
        targetRefs: ['main', 'gone'].map((name) => ({ group: '', kind: 'Service', name })),
        // Each request of a case is one request upstream, however the one before ended.
        retry: { attempts: 0 },
        outlier: { maxEjectedPercent: 0 },
      },
    },
    {
      ...{ apiVersion: 'windrose.dev/v1', kind: 'ListenerPolicy', metadata: named('trusting') },
      spec: {
        targetRefs: [{ kind: 'Gateway', name: 'edge', sectionName: 'trusting' }],
        trustedHops: { cidrs: ['127.0.0.0/8', '10.0.0.0/8', 'fd00::/8'] },
        paths: { escapedSlash: 'Keep' },
        headers: { underscores: 'Keep' },
      },
    },
    {
      ...{ apiVersion: GATEWAY_API, kind: 'HTTPRoute', metadata: named('all') },
      spec: {
        parentRefs: [
          { name: 'edge', sectionName: 'all' },
          { name: 'edge', sectionName: 'trusting' },
        ],
        rules: [
          rule(PATHS.refused, 'gone'),
          rule(PATHS.empty, 'none'),
          { ...rule(PATHS.slow, 'main'), timeouts: { backendRequest: '150ms' } },
          { ...rule(PATHS.deadline, 'main'), timeouts: { request: '300ms' } },
          { matches: rule(PATHS.nowhere, '').matches },
          rule('/', 'main'),
        ],
      },
    },
  ];
}

function named(name: string): { name: string; namespace: string } {
  return { name, namespace: 'shop' };
}

function service(name: string): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: named(name) },
    spec: { ports: [{ port: 80 }] },
  };
}

function slice(name: string, port: number): object {
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    metadata: { ...named(name), labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'] }],
    ports: [{ port }],
  };
}

function rule(path: string, backend: string): { matches: object[]; backendRefs: object[] } {
  return {
    matches: [{ path: { type: 'PathPrefix', value: path } }],
    backendRefs: [{ name: backend, port: 80 }],
  };
}
