// NATS, a config service, full proxies and processes of many subscribers, of one mesh. Closing the
// plant ends them all; should this process die first, they notice and end by themselves.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChangeSetResponse } from '#contracts/api/config.ts';
import type { Receipt } from '#contracts/events.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { parseRevision } from '#contracts/revision.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { ROOT } from '#local/install.mjs';
import { PARENT_VARIABLE } from '#local/lifeline.mjs';
import { type RunningPart, freePorts, startParts } from '#local/parts.ts';
import { freeList } from '#local/ports.ts';
import { createLog } from '#platform/log.ts';
import { decodeJson } from '#platform/nats.ts';
import { Signer, newSigningKeys } from '#platform/signing.ts';
import { type NatsConnection, connect } from 'nats';
import { Follower } from '../../../services/config/log/follow.ts';
import { SIGNALS, answerOf, end, forkHelper } from '../processes.ts';
import type { Probed } from './probe.ts';
import type { FromSubscribers, SubscribersOrder } from './subscribers.ts';
import { nowMs } from './time.ts';
import { changeSets } from './world.ts';

export interface PlantOptions {
  /** All proxies; the full ones are among them. */
  proxies: number;
  full: number;
  routes: number;
}

/** When the proxies spoke of one revision, as `nowMs` counts. */
export interface Answers {
  atMs: Map<string, number>;
  receipts: Receipt[];
}

const START_TIMEOUT_MS = 120_000;
const ANSWER_TIMEOUT_MS = 60_000;
const SUBSCRIBER_PROCESSES = 4;
const PRIVATE_KEY = 'signing.pem';
const PUBLIC_KEY = 'trusted.pem';
const READY = /^ready(?: (http\S+))?$/m;

export class Plant {
  readonly mesh: string;
  readonly folder = mkdtempSync(join(tmpdir(), 'windrose-bench-'));
  readonly #keys = newSigningKeys();
  readonly signer = new Signer(this.#keys.privateKey, 'the key of the mesh');
  readonly #children: ChildProcess[] = [];
  readonly #names: string[] = [];
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly #answers = new Map<number, Answers>();
  readonly #stop = (): void => void Promise.all(this.#children.map(end));
  nats!: RunningPart;
  connection!: NatsConnection;
  api = '';
  config!: ChildProcess;
  full: ChildProcess[] = [];
  subscribers: ChildProcess[] = [];
  port = 0;
  /** Of nats-server with the log and before the proxies, bytes. */
  memoryBefore = 0;

  private constructor() {
    this.mesh = `b${randomBytes(4).toString('hex')}`;
  }

  static async open(options: PlantOptions): Promise<Plant> {
    const plant = new Plant();
    for (const name of SIGNALS) process.on(name, plant.#stop);
    try {
      await plant.#start(options);
      return plant;
    } catch (error) {
      await plant.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map(end));
    for (const close of this.#closers.toReversed()) await close();
    for (const name of SIGNALS) process.off(name, this.#stop);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Resolves with the sequence. */
  async write(upserts: readonly Resource[]): Promise<number> {
    const response = await fetch(`${this.api}/v1/changesets`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ upserts }),
    });
    const body = (await response.json()) as ChangeSetResponse;
    if (response.status !== 201) throw new Error(`${response.status}: ${JSON.stringify(body)}`);
    const revision = parseRevision(body.revision, 1);
    if (revision === undefined) throw new Error(`no revision: ${body.revision}`);
    return revision.sequence;
  }

  /** Waits until so many proxies have spoken of a revision. */
  async answers(sequence: number, count: number): Promise<Answers> {
    const found = this.#answersOf(sequence);
    const deadlineMs = nowMs() + ANSWER_TIMEOUT_MS;
    while (found.atMs.size < count) {
      if (nowMs() > deadlineMs) {
        const [silent] = this.#names.filter((name) => !found.atMs.has(name));
        throw new Error(
          `${found.atMs.size} of ${count} proxies answered to ${sequence}, not ${silent}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    this.#answers.delete(sequence);
    return found;
  }

  /** What a process used since it was asked last. */
  async probe(child: ChildProcess): Promise<Probed> {
    const answer = answerOf<Probed>(child, ANSWER_TIMEOUT_MS);
    child.send('probe');
    return answer;
  }

  /** The next message of each process of subscribers that tells of so many endpoints. */
  async endpoints(count: number): Promise<number[]> {
    return Promise.all(
      this.subscribers.map(async (child) => {
        for (;;) {
          const news = await answerOf<FromSubscribers>(child, ANSWER_TIMEOUT_MS);
          if (news.type === 'endpoints' && news.count === count) return news.atMs;
        }
      }),
    );
  }

  /** Waits until this process is linked to nats-server again: it listens to receipts over it. */
  async linked(): Promise<void> {
    const isThere = (): Promise<boolean> =>
      this.connection.flush().then(
        () => true,
        () => false, // It broke off once more.
      );
    while (!(await isThere())) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Waits until the config service says that it can do its work. */
  async serviceReady(): Promise<void> {
    const isReady = async (): Promise<boolean> => (await fetch(`${this.api}/readyz`)).ok;
    while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Resident memory of nats-server, bytes. */
  natsMemory(): number {
    const status = readFileSync(`/proc/${this.nats.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  async #start({ proxies, full, routes }: PlantOptions): Promise<void> {
    const { NATS_URL: _nats, KAFKA_BROKERS: _kafka, ...env } = process.env;
    const ports = await freePorts();
    const parts = await startParts({
      dataDir: join(this.folder, 'parts'),
      ports,
      only: ['nats'],
      env,
    });
    this.#closers.push(() => parts.stop());
    if (parts.nats === undefined) throw new Error('no NATS was started');
    this.nats = parts.nats;
    writeFileSync(join(this.folder, PRIVATE_KEY), this.#keys.privateKey, { mode: 0o600 });
    writeFileSync(join(this.folder, PUBLIC_KEY), this.#keys.publicKey);
    this.config = this.#spawn('services/config/main.ts', [
      ...['--mesh', this.mesh, '--nats', this.nats.address, '--listen', '127.0.0.1:0'],
      ...['--signing-key', join(this.folder, PRIVATE_KEY)],
    ]);
    this.api = await ready(this.config);
    this.connection = await connect({
      ...{ servers: this.nats.address, maxReconnectAttempts: -1 },
      ...{ reconnectTimeWait: 10, reconnectJitter: 0 },
    });
    this.#closers.push(() => this.connection.close());
    this.#hear();
    [this.port = 0] = await freeList(1);
    for (const set of changeSets(routes, this.port)) await this.write(set);
    this.memoryBefore = this.natsMemory();
    this.#names.push(
      ...Array.from({ length: full }, (_, at) => `full${at}`),
      ...Array.from({ length: proxies - full }, (_, at) => `p${at}`),
    );
    await this.#startFull(full);
    await this.#startSubscribers(proxies - full);
  }

  async #startFull(count: number): Promise<void> {
    this.full = Array.from({ length: count }, (_, at) =>
      this.#spawn('proxy/main.mjs', [
        ...['--mesh', this.mesh, '--nats', this.nats.address, '--name', `full${at}`],
        ...['--address', `127.0.0.${at + 2}`, '--data-dir', join(this.folder, `full${at}`)],
        ...['--trust', join(this.folder, PUBLIC_KEY), '--log-level', 'error'],
      ]),
    );
    await Promise.all(this.full.map(ready));
  }

  async #startSubscribers(count: number): Promise<void> {
    const processes = Math.min(SUBSCRIBER_PROCESSES, count);
    const file = join(import.meta.dirname, 'subscribers.ts');
    const shares = Array.from({ length: processes }, (_, at) => {
      const first = Math.floor((count * at) / processes);
      return { first, count: Math.floor((count * (at + 1)) / processes) - first };
    });
    this.subscribers = await Promise.all(
      shares.map(async (share) => {
        const child = forkHelper(file);
        this.#children.push(child);
        const order: SubscribersOrder = {
          ...{ natsUrl: this.nats.address, mesh: this.mesh, ...share },
          trust: this.#keys.publicKey,
        };
        child.send(order);
        const answer = await answerOf<FromSubscribers>(child, START_TIMEOUT_MS);
        if (answer.type === 'failed') throw new Error(answer.why);
        return child;
      }),
    );
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    const { NATS_URL: _nats, KAFKA_BROKERS: _kafka, ...env } = process.env;
    const preload = [join(ROOT, 'infra/local/lifeline.mjs'), join(import.meta.dirname, 'probe.ts')];
    const child = spawn(
      process.execPath,
      [
        '--no-warnings',
        ...preload.flatMap((file) => ['--import', file]),
        join(ROOT, program),
        ...args,
      ],
      {
        env: {
          ...env,
          NODE_ENV: 'production',
          WINDROSE_LOG_LEVEL: 'error',
          [PARENT_VARIABLE]: String(process.pid),
        },
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      },
    );
    this.#children.push(child);
    return child;
  }

  /** As the config service hears them: what the stream has taken. */
  #hear(): void {
    const follower = new Follower({
      connection: this.connection,
      stream: meshSubjects(this.mesh).streams.receipts,
      from: () => 'all',
      onMessage: ({ data }) => {
        const atMs = nowMs();
        const receipt = decodeJson(data) as Receipt | undefined;
        if (receipt === undefined) return;
        const { atMs: times, receipts } = this.#answersOf(receipt.revision.sequence);
        if (times.has(receipt.proxy)) return;
        times.set(receipt.proxy, atMs);
        receipts.push(receipt);
      },
      onCaughtUp: () => undefined,
      log: createLog({ service: 'bench', level: 'error' }),
    });
    this.#closers.push(() => follower.stop());
  }

  #answersOf(sequence: number): Answers {
    const found = this.#answers.get(sequence) ?? { atMs: new Map(), receipts: [] };
    this.#answers.set(sequence, found);
    return found;
  }
}

/** Resolves with what stands behind `ready`. */
function ready(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  const timer = setTimeout(() => reject(new Error('a program is not ready')), START_TIMEOUT_MS);
  const onExit = (code: number | null): void => reject(new Error(`a program ended with ${code}`));
  child.once('exit', onExit);
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const found = READY.exec(text);
    if (found !== null) resolve(found[1] ?? '');
  });
  return promise.finally(() => {
    clearTimeout(timer);
    child.off('exit', onExit);
  });
}
