import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Socket } from 'node:net';
import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Clock } from '#platform/clock.ts';
import type { ProxySettings } from '../bootstrap.ts';
import type { Applied, Candidate, LogLevel, Prepared, WorkerReport } from '../fleet.ts';
import type { BindFailure } from '../listener/sockets.ts';
import type { SecretValues } from '../tls/secrets.ts';
import type { CertificateRead } from '../tls/broken.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

const WORKER_FILE = fileURLToPath(new URL('./worker.mjs', import.meta.url));
/** A worker that does not answer a question about itself is left out of the answer. */
const REPORT_TIMEOUT_MS = 2_000;
/** A worker that has not brought a state into service by then hangs, and holds up all of them. */
export const APPLY_TIMEOUT_MS = 60_000;

export interface WorkerEvents {
  acquire: (
    worker: number,
    address: string,
    port: number,
  ) => { ok: true; handle: Socket } | { ok: false; failure: BindFailure };
  release: (worker: number, address: string, port: number) => void;
  problems: (worker: number, problems: ResourceProblem[]) => void;
  retry: () => void;
  certificate: (read: CertificateRead) => void;
  /** The process has ended, whyever. */
  exit: (worker: WorkerProcess, how: string) => void;
}

interface Waiting<T> {
  resolve: (answer: T | undefined) => void;
  reject: (error: Error) => void;
}

export interface WorkerProcessOptions {
  number: number;
  settings: ProxySettings;
  /** Of TLS tickets, until another is set. */
  ticketKey: Uint8Array;
  clock: Clock;
  events: WorkerEvents;
  /** Starts the process; tests pass one of their own. */
  spawn?: () => ChildProcess;
}

/** One worker as its supervisor sees it: a child process and the questions it has not answered. */
export class WorkerProcess {
  readonly number: number;
  readonly #child: ChildProcess;
  readonly #events: WorkerEvents;
  readonly #clock: Clock;
  readonly #prepares = new Map<number, Waiting<Prepared> & { candidate: Candidate }>();
  readonly #commits = new Map<number, Waiting<Applied>>();
  readonly #reports = new Map<number, (report: WorkerReport | undefined) => void>();
  #nextId = 1;
  #alive = true;
  #drained: (() => void) | undefined;
  /** Beats that were due since its last word; it is not held to them before its first. */
  #missedBeats = Number.NEGATIVE_INFINITY;
  /** The candidate that it has prepared. */
  #prepared: Candidate | undefined;
  /** Number of the commit that it serves: the next candidate may come as what differs from it. */
  #serves: number | undefined;
  readonly startedMs: number;

  constructor(options: WorkerProcessOptions) {
    const { number, settings, ticketKey, clock, events, spawn = forkWorker } = options;
    this.number = number;
    this.startedMs = clock.nowMs();
    this.#clock = clock;
    this.#events = events;
    this.#child = spawn();
    this.#child.on('message', (message) => this.#onMessage(message as FromWorker));
    // What cannot be sent was meant for a process that is ending; `exit` follows.
    this.#child.on('error', () => this.#child.kill('SIGKILL'));
    this.#child.once('exit', (code, signal) => this.#onExit(signal ?? `status ${code ?? 0}`));
    // No key goes where requests are read.
    const told = { ...settings, credential: undefined };
    this.#send({ type: 'start', settings: told, worker: number, ticketKey });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * What the worker says of a candidate, which may differ from the commit `base`. Undefined: it
   * died before, which one that takes too long is made to.
   */
  prepare(candidate: Candidate, base: number): Promise<Prepared | undefined> {
    const isWhole = candidate.changed === undefined || this.#serves !== base;
    return this.#ask<Prepared>((id, waiting) => {
      this.#prepares.set(id, { ...waiting, candidate });
      this.#sendCandidate(id, candidate, isWhole);
    });
  }

  /** Resolves when the worker serves what it has prepared; undefined as above. */
  commit(number: number): Promise<Applied | undefined> {
    this.#serves = undefined;
    const applied = this.#ask<Applied>((id, waiting) => {
      this.#commits.set(id, waiting);
      this.#send({ type: 'commit', id });
    });
    return applied.then((answer) => {
      this.#serves = number;
      return answer;
    });
  }

  hasPrepared(candidate: Candidate): boolean {
    return this.#prepared === candidate;
  }

  #ask<T>(ask: (id: number, waiting: Waiting<T>) => void): Promise<T | undefined> {
    if (!this.#alive) return Promise.resolve(undefined);
    const timer = this.#clock.after(APPLY_TIMEOUT_MS, () => this.kill());
    return new Promise<T | undefined>((resolve, reject) => {
      ask(this.#nextId++, { resolve, reject });
    }).finally(() => timer.cancel());
  }

  setSecrets(values: readonly SecretValues[]): void {
    this.#send({ type: 'secrets', values });
  }

  setEndpoints(announced: ServiceEndpoints[]): void {
    this.#send({ type: 'endpoints', announced });
  }

  setTicketKey(key: Uint8Array): void {
    this.#send({ type: 'ticketKey', key });
  }

  setLogLevel(level: LogLevel): void {
    this.#send({ type: 'logLevel', level });
  }

  report(): Promise<WorkerReport | undefined> {
    if (!this.#alive) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const id = this.#nextId++;
      const timer = setTimeout(() => answer(undefined), REPORT_TIMEOUT_MS);
      const answer = (report: WorkerReport | undefined): void => {
        clearTimeout(timer);
        this.#reports.delete(id);
        resolve(report);
      };
      this.#reports.set(id, answer);
      this.#send({ type: 'report', id });
    });
  }

  /** Resolves when the worker has drained and ended, or died. */
  drain(): Promise<void> {
    if (!this.#alive) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
      this.#send({ type: 'drain' });
    });
  }

  /** A beat is due. Returns how many of them have not come. */
  beatDue(): number {
    return ++this.#missedBeats;
  }

  get missedBeats(): number {
    return this.#missedBeats;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #sendCandidate(id: number, candidate: Candidate, isWhole: boolean): void {
    const { entries: all, revision, changed = [], shut } = candidate;
    const keys = isWhole ? [] : [...changed];
    const some = keys.map((key) => all.get(key)).filter((entry) => entry !== undefined);
    this.#send({
      ...{ type: 'prepare', id, revision, isWhole, shut, size: all.size },
      entries: isWhole ? [...all.values()] : some,
      removed: keys.filter((key) => !all.has(key)),
    });
  }

  #send(message: ToWorker, handle?: Socket): void {
    if (!this.#alive || !this.#child.connected) return;
    this.#child.send(message, handle);
  }

  #onMessage(message: FromWorker): void {
    this.#missedBeats = 0;
    switch (message.type) {
      case 'hello':
      case 'beat':
        return;
      case 'prepared':
        this.#onPrepared(message);
        return;
      case 'applied': {
        const { id, problems, applyMs } = message;
        taken(this.#commits, id)?.resolve({ problems, applyMs });
        return;
      }
      case 'failed':
        this.#onFailed(message);
        return;
      case 'problems':
        this.#events.problems(this.number, message.problems);
        return;
      case 'retry':
        this.#events.retry();
        return;
      case 'certificate':
        this.#events.certificate(message.read);
        return;
      case 'report':
        this.#reports.get(message.id)?.(message.report);
        return;
      case 'acquire': {
        const got = this.#events.acquire(this.number, message.address, message.port);
        if (got.ok) this.#send({ type: 'socket', id: message.id }, got.handle);
        else this.#send({ type: 'socket', id: message.id, failure: got.failure });
        return;
      }
      case 'release':
        this.#events.release(this.number, message.address, message.port);
        return;
      case 'drained':
        this.#child.disconnect();
        return;
      default:
        message satisfies never;
    }
  }

  #onPrepared({ id, problems, failed }: Extract<FromWorker, { type: 'prepared' }>): void {
    const waiting = taken(this.#prepares, id);
    this.#prepared = waiting?.candidate;
    waiting?.resolve({ problems, failed });
  }

  #onFailed({ id, differs, message }: Extract<FromWorker, { type: 'failed' }>): void {
    const prepare = taken(this.#prepares, id);
    if (prepare !== undefined && differs) {
      const again = this.#nextId++;
      this.#prepares.set(again, prepare);
      this.#sendCandidate(again, prepare.candidate, true);
      return;
    }
    this.#serves = undefined;
    const waiting = prepare ?? taken(this.#commits, id);
    waiting?.reject(new Error(message));
  }

  #onExit(how: string): void {
    this.#alive = false;
    for (const { resolve } of this.#prepares.values()) resolve(undefined);
    for (const { resolve } of this.#commits.values()) resolve(undefined);
    this.#prepares.clear();
    this.#commits.clear();
    for (const answer of [...this.#reports.values()]) answer(undefined);
    this.#drained?.();
    this.#events.exit(this, how);
  }
}

function taken<T>(waiting: Map<number, T>, id: number): T | undefined {
  const found = waiting.get(id);
  waiting.delete(id);
  return found;
}

function forkWorker(): ChildProcess {
  // Not imported: a proxy without a supervisor has no use for it.
  return process.getBuiltinModule('node:child_process').fork(WORKER_FILE, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
