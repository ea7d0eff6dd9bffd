import { flushCompileCache } from 'node:module';
import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { systemClock } from '#platform/clock.ts';
import { type Log, createLog, sentenceOf } from '#platform/log.ts';
import type { StateEntry } from '#platform/state.ts';
import type { ProxySettings } from '../bootstrap.ts';
import { Engine } from '../engine.ts';
import type { ListenHandle } from '../listener/server.ts';
import type { Acquired, BindFailure, SocketSource } from '../listener/sockets.ts';
import { Overlay } from '../quarantine/overlay.ts';
import { engineOptions } from '../serving.ts';
import { setV8Flags } from '../v8-flags.ts';
import { BEAT_MS, type FromWorker, type ToWorker } from './protocol.ts';

const NO_SOCKET: BindFailure = Object.freeze({
  message: 'the supervisor sent no socket',
  isAddress: false,
});

/** Sockets come from the supervisor, which keeps them open when this process dies. */
class SupervisorSockets implements SocketSource {
  readonly isShared = true;
  readonly #waiting = new Map<number, (acquired: Acquired) => void>();
  #nextId = 1;

  acquire(address: string, port: number): Promise<Acquired> {
    return new Promise((resolve) => {
      const id = this.#nextId++;
      this.#waiting.set(id, resolve);
      send({ type: 'acquire', id, address, port });
    });
  }

  release(address: string, port: number): void {
    send({ type: 'release', address, port });
  }

  onSocket(id: number, failure: BindFailure | undefined, handle: ListenHandle | undefined): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (handle !== undefined) resolve?.({ ok: true, handle });
    else resolve?.({ ok: false, failure: failure ?? NO_SOCKET });
  }
}

/** A worker process: an engine whose state, endpoints and sockets come over the channel. */
class WorkerMain {
  readonly #sockets = new SupervisorSockets();
  readonly #engine: Engine;
  readonly #log: Log;
  /** What is served; candidates are edits of it. */
  #entries = new Map<ResourceKey, StateEntry>();
  #candidate: Overlay | undefined;
  /** Updates one after the other, in the order in which they came. */
  #turn: Promise<void> = Promise.resolve();

  constructor(settings: ProxySettings, worker: number, ticketKey: Uint8Array) {
    const { mesh, proxy } = settings.identity;
    this.#log = createLog({
      service: 'proxy',
      level: settings.logLevel,
      fields: { mesh, proxy, worker },
    });
    this.#engine = new Engine({
      ...engineOptions(settings, worker, systemClock, this.#log),
      sockets: this.#sockets,
      ticketKey: Buffer.from(ticketKey),
      onProblems: (problems) => send({ type: 'problems', problems }),
      onRetry: () => send({ type: 'retry' }),
      onCertificate: (read) => send({ type: 'certificate', read }),
    });
  }

  onMessage(message: ToWorker, handle: ListenHandle | undefined): void {
    switch (message.type) {
      case 'start':
        return;
      case 'prepare':
        this.#turn = this.#turn.then(() => this.#prepare(message));
        return;
      case 'commit':
        this.#turn = this.#turn.then(() => this.#commit(message.id));
        return;
      case 'endpoints':
        this.#setEndpoints(message.announced);
        return;
      case 'secrets':
        this.#engine.setSecrets(message.values);
        return;
      case 'report':
        send({ type: 'report', id: message.id, report: this.#engine.report() });
        return;
      case 'logLevel':
        this.#log.level = message.level;
        return;
      case 'ticketKey':
        this.#engine.setTicketKey(Buffer.from(message.key));
        return;
      case 'socket':
        this.#sockets.onSocket(message.id, message.failure, handle);
        return;
      case 'drain':
        void this.#drain();
        return;
      default:
        message satisfies never;
    }
  }

  async #prepare(message: Extract<ToWorker, { type: 'prepare' }>): Promise<void> {
    const { id, revision, isWhole, entries, removed, size, shut } = message;
    try {
      const edits = new Map<ResourceKey, StateEntry | undefined>();
      for (const entry of entries) edits.set(entry.key, entry);
      for (const key of removed) edits.set(key, undefined);
      const next = new Overlay(isWhole ? new Map() : this.#entries, edits);
      if (next.size !== size) {
        send({ type: 'failed', id, differs: true, message: 'the entries differ' });
        return;
      }
      const step = isWhole ? {} : { changed: new Set(edits.keys()) };
      const prepared = await this.#engine.prepare({ entries: next, revision, shut, ...step });
      this.#candidate = next;
      send({ type: 'prepared', id, ...prepared });
    } catch (error) {
      this.#failed(id, error);
    }
  }

  async #commit(id: number): Promise<void> {
    try {
      const applied = await this.#engine.commit();
      if (this.#candidate !== undefined) this.#entries = this.#candidate.fold();
      this.#candidate = undefined;
      send({ type: 'applied', id, ...applied });
    } catch (error) {
      this.#failed(id, error);
    }
  }

  #failed(id: number, error: unknown): void {
    this.#log.error({ error: error instanceof Error ? error.stack : error }, 'cannot apply');
    send({ type: 'failed', id, differs: false, message: sentenceOf(error) });
  }

  #setEndpoints(announced: ServiceEndpoints[]): void {
    for (const each of announced) this.#engine.setEndpoints(each);
  }

  async #drain(): Promise<void> {
    await this.#engine.drain().catch((error: unknown) => {
      this.#log.error({ error: sentenceOf(error) }, 'the drain did not end well');
    });
    send({ type: 'drained' });
  }
}

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

let main: WorkerMain | undefined;
process.on('message', (message: ToWorker, handle: ListenHandle | undefined) => {
  if (message.type === 'start') {
    main = new WorkerMain(message.settings, message.worker, message.ticketKey);
  } else main?.onMessage(message, handle);
});
// Without its supervisor a worker has no configuration, no socket and no owner.
process.on('disconnect', () => process.exit(0));
// A terminal sends these to the whole group: the supervisor drains the workers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
send({ type: 'hello' });
setInterval(() => send({ type: 'beat' }), BEAT_MS).unref();
setV8Flags();
// All that a worker runs is loaded: kept now, for one that is killed writes nothing at its end.
flushCompileCache();
