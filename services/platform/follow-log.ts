import type { NatsConnection } from 'nats';
import type { ResourceKey } from '#contracts/names.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Clock } from './clock.ts';
import { EventBodies } from './config-log/bodies.ts';
import { EventChain } from './config-log/chain.ts';
import { epochOf } from './config-log/event.ts';
import { LogLostError, LogReader, NoLogError } from './config-log/reader.ts';
import { Snapshots } from './config-log/snapshots.ts';
import type { Log } from './log.ts';
import { natsSentence } from './nats.ts';
import { ObjectStore } from './objects.ts';
import type { Trust } from './signing.ts';
import type { MeshState } from './state.ts';

/**
 * Keeps the state of a mesh as its config log has it, for a service that reads resources and sends
 * no receipts.
 *
 * News on the log's subject only wakes it up; what it applies it reads from the stream by
 * sequence, so nothing is ever skipped, and it looks by itself every few seconds, so a
 * subscription that stalls costs seconds and no change. After an event that does not fit the chain
 * of digests the last good state stays and `problem` says why (config-log/chain.ts).
 */
export interface LogFollower {
  readonly state: MeshState;
  /** Why the state may be old or incomplete, in one sentence; undefined when it is the head's. */
  problem(): string | undefined;
  stop(): void;
}

export interface FollowLogOptions {
  connection: NatsConnection;
  mesh: string;
  clock: Clock;
  log: Log;
  /** Whose signatures are believed; undefined: the mesh is unsigned. */
  trust?: Trust | undefined;
  /**
   * Called each time the head was reached with something new, and the first time in any case:
   * never with a state between two heads.
   */
  changed?: (keys: ReadonlySet<ResourceKey>) => void;
}

const POLL_INTERVAL_MS = 5_000;

export function followLog(options: FollowLogOptions): LogFollower {
  return new Follower(options);
}

class Follower implements LogFollower {
  #chain: EventChain;
  #reader: LogReader;
  readonly #bodies: EventBodies;
  readonly #snapshots: Snapshots;
  readonly #options: FollowLogOptions;
  #problem: string | undefined = 'the config log has not been read yet';
  #reachedHead = false;
  /** Changed since the last call of `changed`. */
  #changed = new Set<ResourceKey>();
  #reading = false;
  #again = false;
  readonly #stopping = new AbortController();
  #timer: { cancel(): void } | undefined;
  #unsubscribe: () => void;

  constructor(options: FollowLogOptions) {
    this.#options = options;
    this.#chain = this.#newChain();
    this.#reader = this.#readerInto(this.#chain);
    const objects = new ObjectStore(options.connection, meshSubjects(options.mesh).objects);
    this.#bodies = new EventBodies(objects);
    this.#snapshots = new Snapshots({ objects, ...options });
    const subscription = options.connection.subscribe(meshSubjects(options.mesh).config, {
      callback: () => this.#wake(),
    });
    this.#unsubscribe = () => subscription.unsubscribe();
    this.#wake();
  }

  get state(): MeshState {
    return this.#chain.state;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  stop(): void {
    this.#stopping.abort(new Error('stopped'));
    this.#timer?.cancel();
    if (!this.#options.connection.isClosed()) this.#unsubscribe();
  }

  #wake(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    this.#timer?.cancel();
    void this.#readAll().finally(() => {
      this.#reading = false;
      if (this.#stopping.signal.aborted) return;
      this.#timer = this.#options.clock.after(POLL_INTERVAL_MS, () => this.#wake());
      if (this.#again) {
        this.#again = false;
        this.#wake();
      }
    });
  }

  async #readAll(): Promise<void> {
    const { signal } = this.#stopping;
    let problem: string | undefined;
    try {
      await this.#readOn(signal);
      problem = this.#chain.broken;
      if (!signal.aborted) this.#reached();
    } catch (error) {
      problem = problemOf(error, this.#options.mesh);
    }
    if (signal.aborted || problem === this.#problem) return;
    this.#problem = problem;
    const { log, mesh } = this.#options;
    if (problem === undefined) log.info({ mesh }, 'the config log is followed');
    else log.warn({ mesh, revision: this.state.sequence }, problem);
  }

  /** To the head; of a log that was lost only if it begins a new epoch by now (`recover`). */
  async #readOn(signal: AbortSignal): Promise<void> {
    try {
      await this.#reader.catchUp(signal);
    } catch (error) {
      if (!(error instanceof LogLostError)) throw error;
      const last = await this.#reader.lastMessage();
      if (last === undefined || epochOf(last.data) <= this.#chain.epoch) throw error;
      const chain = this.#newChain();
      const reader = this.#readerInto(chain);
      await reader.catchUp(signal);
      if (chain.epoch <= this.#chain.epoch) throw error;
      for (const key of this.#chain.state.entries.keys()) this.#changed.add(key);
      this.#chain = chain;
      this.#reader = reader;
    }
  }

  #newChain(): EventChain {
    const { mesh, trust } = this.#options;
    return new EventChain(mesh, { trust });
  }

  #readerInto(chain: EventChain): LogReader {
    return new LogReader({
      connection: this.#options.connection,
      stream: meshSubjects(this.#options.mesh).streams.config,
      isKept: async (sequence) => ((await this.#snapshots.newest())?.upTo ?? 0) >= sequence,
      into: {
        get lastSequence(): number {
          return chain.lastSequence;
        },
        ingest: (sequence, data) => this.#ingest(chain, sequence, data),
        passOver: (sequence) => chain.passOver(sequence),
        readKept: () => this.#root(chain),
      },
    });
  }

  /** The log's beginning is in the archive: what it made is in a snapshot. */
  async #root(chain: EventChain): Promise<void> {
    const before = [...chain.state.entries.keys()];
    const root = await this.#snapshots.newest();
    if (root === undefined || !chain.startFrom(root)) return;
    for (const key of [...before, ...chain.state.entries.keys()]) this.#changed.add(key);
  }

  #reached(): void {
    if (this.#reachedHead && this.#changed.size === 0) return;
    const changed = this.#changed;
    this.#reachedHead = true;
    this.#changed = new Set();
    this.#options.changed?.(changed);
  }

  async #ingest(chain: EventChain, sequence: number, data: Uint8Array): Promise<void> {
    const { log, mesh } = this.#options;
    const taken = chain.take(sequence, await this.#bodies.whole(data));
    if (taken.kind === 'applied') for (const key of taken.changed) this.#changed.add(key);
    if (taken.kind === 'refused') {
      log.warn({ mesh, sequence, why: taken.why }, 'a message of the config log is passed over');
    }
  }
}

function problemOf(error: unknown, mesh: string): string {
  if (error instanceof LogLostError) {
    return `the config log was lost or restored from an older copy: ${error.message}`;
  }
  if (error instanceof NoLogError) {
    return `mesh ${mesh} has no config log yet: has its config service started?`;
  }
  return `the config log cannot be read: ${natsSentence(error)}`;
}
