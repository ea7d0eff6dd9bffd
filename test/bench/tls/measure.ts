// One gateway after another does the same work; what it cost them is read from /proc.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sentence } from '#local/errors.ts';
import { freeList } from '#local/ports.ts';
import { type Issued, issueCertificate } from '#platform/x509.ts';
import {
  LOAD_CPU,
  PROXY_CPU,
  SIGNALS,
  answerOf,
  cpuUsOf,
  end,
  forkHelper,
  pin,
} from '../processes.ts';
import type { ConnectionOrder, ConnectionReport } from './connections.ts';
import { type GatewayName, type Setting, startGateway } from './gateways.ts';

/** What is asked of each gateway. */
export const WORK = {
  h1: { label: 'HTTP/1.1 in the clear', tls: false, args: ['--h1', '-c64'] },
  h1Tls: { label: 'HTTP/1.1 over TLS', tls: true, args: ['--h1', '-c64'] },
  h2: { label: 'h2 in the clear', tls: false, args: ['-c8', '-m8'] },
  h2Tls: { label: 'h2 over TLS', tls: true, args: ['-c8', '-m8'] },
  full: { label: 'a connection, full handshake', resumes: false },
  resumed: { label: 'a connection, resumed', resumes: true },
} as const;

export type WorkName = keyof typeof WORK;
export const WORK_NAMES = Object.keys(WORK) as WorkName[];

export interface Figure {
  /** Processor time of the gateway for a request, or for a connection. */
  us: number;
  perSecond: number;
}

/** Of one gateway: a figure of each round, for each kind of work. */
export type Measured = Record<WorkName, Figure[]>;

const SERVER_NAME = 'h0.test';
const HEADERS = [
  ...['user-agent: bench/1.0', 'accept: */*', 'x-trace: 1234567890'],
  'authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789',
  'x-api-key: 0123456789abcdef0123456789abcdef',
];
const REQUESTS = 30_000;
const REQUESTS_WARM_UP = 15_000;
const CONNECTIONS = 1_500;
const CONNECTIONS_WARM_UP = 500;
const PARALLEL = 16;
const RUN_TIMEOUT_MS = 60_000;

export interface Order {
  rounds: number;
  gateways: readonly GatewayName[];
  work: readonly WorkName[];
}

export async function measure(order: Order): Promise<Map<GatewayName, Measured>> {
  if (process.platform !== 'linux') throw new Error('processor time is read from /proc: Linux');
  const bench = await Bench.open();
  try {
    return await bench.run(order);
  } finally {
    await bench.close();
  }
}

class Bench {
  readonly #folder = mkdtempSync(join(tmpdir(), 'windrose-bench-'));
  readonly #upstream = forkHelper(join(import.meta.dirname, '../proxy/upstream.ts'));
  readonly #client = forkHelper(join(import.meta.dirname, 'connections.ts'));
  readonly #authority: Issued = issueCertificate({ name: 'bench', isAuthority: true });
  readonly #stop = (): void => void this.#endAll();
  #upstreamPort = 0;
  #gateway: ChildProcess | undefined;
  #load: ChildProcess | undefined;
  #stopped = false;

  static async open(): Promise<Bench> {
    const bench = new Bench();
    for (const name of SIGNALS) process.on(name, bench.#stop);
    try {
      bench.#upstreamPort = await answerOf<number>(bench.#upstream, RUN_TIMEOUT_MS);
    } catch (error) {
      await bench.close();
      throw error;
    }
    for (const helper of [bench.#upstream, bench.#client]) pin(helper, LOAD_CPU);
    const hosts = [SERVER_NAME, '127.0.0.1'];
    const { cert, key } = issueCertificate({ name: SERVER_NAME, hosts, issuer: bench.#authority });
    for (const [file, text] of Object.entries({ cert, key, pair: cert + key })) {
      writeFileSync(join(bench.#folder, `${file}.pem`), text);
    }
    return bench;
  }

  async close(): Promise<void> {
    for (const name of SIGNALS) process.off(name, this.#stop);
    await this.#endAll();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async run({ rounds, gateways, work }: Order): Promise<Map<GatewayName, Measured>> {
    const measured = new Map(
      gateways.map((name) => [
        name,
        Object.fromEntries(WORK_NAMES.map((each) => [each, [] as Figure[]])) as Measured,
      ]),
    );
    for (let round = 0; round < rounds; round++) {
      const first = round % gateways.length;
      // Each round in another order: what the machine does meanwhile meets all of them.
      for (const name of [...gateways.slice(first), ...gateways.slice(0, first)]) {
        for (const [each, figure] of await this.#measure(name, work, round)) {
          measured.get(name)?.[each].push(figure);
        }
      }
    }
    return measured;
  }

  async #measure(
    name: GatewayName,
    work: readonly WorkName[],
    round: number,
  ): Promise<[WorkName, Figure][]> {
    const [port = 0, h2Port = 0, tlsPort = 0] = await freeList(3);
    const pem = (file: string): string => join(this.#folder, `${file}.pem`);
    const setting: Setting = {
      folder: join(this.#folder, `${name}-${round}`),
      ...{ port, h2Port, tlsPort },
      upstreamPort: this.#upstreamPort,
      ...{ cert: pem('cert'), key: pem('key'), pair: pem('pair') },
    };
    if (this.#stopped) throw new Error('the bench was stopped');
    this.#gateway = await startGateway(name, setting);
    pin(this.#gateway, PROXY_CPU);
    const figures: [WorkName, Figure][] = [];
    for (const each of work) figures.push([each, await this.#figure(name, each, setting)]);
    await end(this.#gateway);
    return figures;
  }

  async #figure(name: GatewayName, work: WorkName, setting: Setting): Promise<Figure> {
    const gateway = this.#gateway;
    if (gateway === undefined) throw new Error(`${name} is not there`);
    const kind = WORK[work];
    const isRequests = 'args' in kind;
    const ask = (count: number): Promise<number> =>
      isRequests
        ? this.#requests(kind, count, urlOf(name, work, setting))
        : this.#connections(setting.tlsPort, count, kind.resumes);
    try {
      await ask(isRequests ? REQUESTS_WARM_UP : CONNECTIONS_WARM_UP);
      const count = isRequests ? REQUESTS : CONNECTIONS;
      const beforeUs = cpuUsOf(gateway);
      const ms = await ask(count);
      return { us: (cpuUsOf(gateway) - beforeUs) / count, perSecond: (count / ms) * 1_000 };
    } catch (error) {
      throw new Error(`${name}, ${kind.label}: ${sentence(error)}`, { cause: error });
    }
  }

  /** Milliseconds until all were answered. */
  async #requests(
    { args, tls }: { args: readonly string[]; tls: boolean },
    count: number,
    url: string,
  ): Promise<number> {
    const headers = HEADERS.flatMap((line) => ['-H', line]);
    const load = spawn('h2load', ['-t1', ...args, '-n', String(count), ...headers, url], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#load = load;
    pin(load, LOAD_CPU);
    const timer = setTimeout(() => load.kill('SIGKILL'), RUN_TIMEOUT_MS);
    let text = '';
    load.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    try {
      await once(load, 'close');
    } finally {
      clearTimeout(timer);
    }
    return readH2load(text, count, tls);
  }

  async #connections(port: number, count: number, resumes: boolean): Promise<number> {
    const order: ConnectionOrder = {
      ...{ port, count, resumes, parallel: PARALLEL },
      ...{ authority: this.#authority.cert, serverName: SERVER_NAME },
    };
    if (!this.#client.connected) throw new Error('the bench was stopped');
    this.#client.send(order);
    const report = await answerOf<ConnectionReport>(this.#client, RUN_TIMEOUT_MS);
    if (report.failure !== undefined) throw new Error(report.failure);
    const expected = resumes ? count : 0;
    if (report.resumed !== expected) {
      throw new Error(`${report.resumed} of ${count} sessions were resumed, not ${expected}`);
    }
    return report.ms;
  }

  /** Whoever waits for one of them then fails, and closes the bench. */
  async #endAll(): Promise<void> {
    this.#stopped = true;
    await Promise.all([this.#load, this.#gateway, this.#client, this.#upstream].map(end));
  }
}

function urlOf(name: GatewayName, work: WorkName, setting: Setting): string {
  if (work === 'h1Tls' || work === 'h2Tls') return `https://127.0.0.1:${setting.tlsPort}/api`;
  const port = work === 'h2' && name === 'nginx' ? setting.h2Port : setting.port;
  return `http://127.0.0.1:${port}/api`;
}

/** Of its report: milliseconds. Anything but 200 to all, and but TLS 1.3, is an error. */
export function readH2load(text: string, count: number, tls: boolean): number {
  const succeeded = Number(/(\d+) succeeded/.exec(text)?.[1] ?? 0);
  const answered = Number(/status codes: (\d+) 2xx/.exec(text)?.[1] ?? 0);
  const perSecond = Number(/, ([\d.]+) req\/s/.exec(text)?.[1] ?? Number.NaN);
  if (succeeded !== count || answered !== count) {
    throw new Error(`${answered} of ${count} requests were answered with 2xx`);
  }
  if (tls && !text.includes('TLS Protocol: TLSv1.3')) throw new Error('the load has no TLS 1.3');
  return (count / perSecond) * 1_000;
}
