// A proxy between a small upstream and a load generator, each a process of its own. Closing the rig
// ends them all; should this process die first, they notice and end by themselves.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { PARENT_VARIABLE } from '#local/lifeline.mjs';
import { freeList } from '#local/ports.ts';
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
import type { LoadOrder, LoadReport } from './load.ts';
import { type Scenario, type Workload, workload } from './workload.ts';

const CONNECTIONS = 64;
const START_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 15_000;
const RATE = 1_000_000;
const STDERR_SHOWN = 2_000;

export interface Sample {
  report: LoadReport;
  /** User and system time of the proxy while the load ran. */
  cpuUs: number;
  /** As process.hrtime counts. */
  startedNs: bigint;
  endedNs: bigint;
}

export interface RigOptions {
  scenario: Scenario;
  /** Arguments of Node for the proxy, such as `--cpu-prof`. */
  nodeArgs?: readonly string[];
  /** The proxy's program, told of its work as a peer is; absent: that of a peer. */
  main?: string;
  /** Besides what a peer is told. */
  env?: Readonly<Record<string, string>>;
  /** For an upstream (host:port); absent: the scenario's. */
  work?: (upstream: string) => Workload;
}

export class Rig {
  readonly folder: string;
  readonly #port: number;
  readonly #requests: readonly string[];
  readonly #proxy: ChildProcess;
  readonly #load: ChildProcess;
  readonly #upstream: ChildProcess;
  readonly #stop: () => void;

  private constructor(parts: {
    folder: string;
    port: number;
    requests: readonly string[];
    proxy: ChildProcess;
    load: ChildProcess;
    upstream: ChildProcess;
    stop: () => void;
  }) {
    this.folder = parts.folder;
    this.#port = parts.port;
    this.#requests = parts.requests;
    this.#proxy = parts.proxy;
    this.#load = parts.load;
    this.#upstream = parts.upstream;
    this.#stop = parts.stop;
  }

  static async open(options: RigOptions): Promise<Rig> {
    if (process.platform !== 'linux') throw new Error('processor time is read from /proc: Linux');
    const folder = mkdtempSync(join(tmpdir(), 'windrose-bench-'));
    const upstream = forkHelper(join(import.meta.dirname, 'upstream.ts'));
    const load = forkHelper(join(import.meta.dirname, 'load.ts'));
    let proxy: ChildProcess | undefined;
    // What waits for one of them then fails, and whoever opened the rig closes it.
    const stop = (): void => void Promise.all([proxy, load, upstream].map(end));
    for (const name of SIGNALS) process.on(name, stop);
    try {
      const upstreamPort = await answerOf<number>(upstream, START_TIMEOUT_MS);
      const upstreamAt = `127.0.0.1:${upstreamPort}`;
      const work = options.work?.(upstreamAt) ?? workload(options.scenario, upstreamAt);
      const [port = 0] = await freeList(1);
      const env = await peerEnv(folder, port, options.scenario, work);
      const main = options.main ?? join(ROOT, 'test/bench/peer/main.mjs');
      const lifeline = join(ROOT, 'infra/local/lifeline.mjs');
      proxy = spawn(
        process.execPath,
        ['--no-warnings', ...(options.nodeArgs ?? []), '--import', lifeline, main],
        { env: { ...process.env, ...env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      await ready(proxy);
      pin(proxy, PROXY_CPU);
      for (const helper of [load, upstream]) pin(helper, LOAD_CPU);
      return new Rig({ folder, port, requests: work.requests, proxy, load, upstream, stop });
    } catch (error) {
      for (const name of SIGNALS) process.off(name, stop);
      await Promise.all([proxy, load, upstream].map(end));
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Sends so many requests and waits for all; anything but 200 to each is an error. */
  async run(count: number, timeoutMs: number): Promise<Sample> {
    const order: LoadOrder = {
      ...{ port: this.#port, requests: this.#requests, connections: CONNECTIONS },
      ...{ count, timeoutMs },
    };
    if (!this.#load.connected) throw new Error('the bench was stopped');
    const beforeUs = cpuUsOf(this.#proxy);
    const startedNs = process.hrtime.bigint();
    this.#load.send(order);
    const report = await answerOf<LoadReport>(this.#load, timeoutMs + END_TIMEOUT_MS);
    const endedNs = process.hrtime.bigint();
    const { done, bad, broken, timedOut } = report;
    if (done !== count || bad > 0) {
      const late = timedOut ? `, after ${timeoutMs} ms` : '';
      throw new Error(`${done} of ${count} answered${late}; ${bad} not 200, ${broken} broken`);
    }
    return { report, cpuUs: cpuUsOf(this.#proxy) - beforeUs, startedNs, endedNs };
  }

  /** Ends the proxy in good order: it writes what it has to. The folder stays until `close`. */
  async endProxy(): Promise<void> {
    await end(this.#proxy);
  }

  async close(): Promise<void> {
    await Promise.all([this.#proxy, this.#load, this.#upstream].map(end));
    for (const name of SIGNALS) process.off(name, this.#stop);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The contract of a peer, for Windrose. */
export async function peerEnv(
  folder: string,
  port: number,
  scenario: Scenario,
  { routes, keys }: ReturnType<typeof workload>,
): Promise<Record<string, string>> {
  const [metricsPort = 0] = await freeList(1);
  const routesFile = join(folder, 'routes.json');
  const keysFile = join(folder, 'keys.json');
  const stateDir = join(folder, 'state');
  mkdirSync(stateDir);
  writeFileSync(routesFile, JSON.stringify(routes));
  writeFileSync(keysFile, JSON.stringify(keys));
  return {
    PORT: String(port),
    UPSTREAM: routes[0]?.upstream ?? '',
    SCENARIO: scenario,
    ROUTES_FILE: routesFile,
    KEYS_FILE: keysFile,
    RATE: String(RATE),
    ACCESS_LOG: join(folder, 'access.log'),
    METRICS_PORT: String(metricsPort),
    STATE_DIR: stateDir,
    NODE_ENV: 'production',
    [PARENT_VARIABLE]: String(process.pid),
  };
}

/** Resolves when the proxy says that it serves; what it complained of is in the error. */
export function ready(proxy: ChildProcess): Promise<void> {
  let complaints = '';
  let said = '';
  return new Promise((resolve, reject) => {
    const fail = (what: string) => (): void => reject(new Error(`${what}\n${complaints}`));
    const timer = setTimeout(fail('the proxy is not ready in time'), START_TIMEOUT_MS);
    proxy.once('error', reject);
    proxy.once('exit', fail('the proxy ended'));
    proxy.stderr?.on('data', (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-STDERR_SHOWN);
    });
    proxy.stdout?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-STDERR_SHOWN);
      if (!/^ready$/m.test(said)) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
