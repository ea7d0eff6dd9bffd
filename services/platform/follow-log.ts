import { type JetStreamManager, NatsError, type NatsConnection } from 'nats';
import { type ChangeSetEvent, EVENT_SCHEMA } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Clock } from './clock.ts';
import { type Log, sentenceOf } from './log.ts';
import { decodeJson } from './nats.ts';
import { MeshState } from './state.ts';

/**
 * Keeps the state of a mesh as its config log has it, for a service that reads resources and sends
 * no receipts.
 *
 * News on the log's subject only wakes it up; what it applies it reads from the stream by
 * sequence, so nothing is ever skipped, and it looks by itself every few seconds, so a
 * subscription that stalls costs seconds and no change. An event that does not fit the chain of
 * digests stops it: the last good state stays and `problem` says why.
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
  /**
   * Called each time the head was reached with something new, and the first time in any case:
   * never with a state between two heads.
   */
  changed?: (keys: ReadonlySet<ResourceKey>) => void;
}

const POLL_INTERVAL_MS = 5_000;
/** Events asked for at once while catching up. */
const READ_AHEAD = 32;
const STREAM_NOT_FOUND = 10_059;

export function followLog(options: FollowLogOptions): LogFollower {
  return new Follower(options);
}

/** A break in the chain of events: nothing later can be applied. */
class ChainError extends Error {}

class Follower implements LogFollower {
  readonly state = new MeshState();
  readonly #options: FollowLogOptions;
  #problem: string | undefined = 'the config log has not been read yet';
  #reachedHead = false;
  /** Changed since the last call of `changed`. */
  #changed = new Set<ResourceKey>();
  #reading = false;
  #again = false;
  #stopped = false;
  #timer: { cancel(): void } | undefined;
  #unsubscribe: () => void;

  constructor(options: FollowLogOptions) {
    this.#options = options;
    const subscription = options.connection.subscribe(meshSubjects(options.mesh).config, {
      callback: () => this.#wake(),
    });
    this.#unsubscribe = () => subscription.unsubscribe();
    this.#wake();
  }

  problem(): string | undefined {
    return this.#problem;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    if (!this.#options.connection.isClosed()) this.#unsubscribe();
  }

  #wake(): void {
    if (this.#stopped) return;
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    this.#timer?.cancel();
    void this.#readAll().finally(() => {
      this.#reading = false;
      if (this.#stopped) return;
      this.#timer = this.#options.clock.after(POLL_INTERVAL_MS, () => this.#wake());
      if (this.#again) {
        this.#again = false;
        this.#wake();
      }
    });
  }

  async #readAll(): Promise<void> {
    const { connection, log, mesh } = this.#options;
    try {
      await this.#catchUp(await connection.jetstreamManager({ checkAPI: false }));
      if (this.#problem !== undefined) log.info({ mesh }, 'the config log is followed');
      this.#problem = undefined;
    } catch (error) {
      const problem = problemOf(error, mesh);
      if (this.#stopped || problem === this.#problem) return;
      this.#problem = problem;
      log.warn({ mesh, revision: this.state.sequence }, problem);
    }
  }

  async #catchUp(manager: JetStreamManager): Promise<void> {
    const stream = meshSubjects(this.#options.mesh).streams.config;
    const { state: head } = await manager.streams.info(stream);
    if (head.last_seq < this.state.sequence) {
      throw new ChainError(
        `the config log ends at ${head.last_seq}, before revision ${this.state.sequence} that was ` +
          'read already: it was lost or replaced',
      );
    }
    if (head.messages > 0 && head.first_seq > this.state.sequence + 1) {
      throw new ChainError(`the config log begins at ${head.first_seq}: earlier events are gone`);
    }
    while (this.state.sequence < head.last_seq) {
      if (this.#stopped) return;
      await this.#readBatch(manager, stream, head.last_seq);
    }
    if (this.#reachedHead && this.#changed.size === 0) return;
    const changed = this.#changed;
    this.#reachedHead = true;
    this.#changed = new Set();
    this.#options.changed?.(changed);
  }

  async #readBatch(manager: JetStreamManager, stream: string, last: number): Promise<void> {
    const from = this.state.sequence + 1;
    const count = Math.min(READ_AHEAD, last - from + 1);
    const messages = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        manager.streams.getMessage(stream, { seq: from + i }),
      ),
    );
    for (const message of messages) {
      for (const key of this.#apply(message.seq, message.data)) this.#changed.add(key);
    }
  }

  #apply(sequence: number, data: Uint8Array): Set<ResourceKey> {
    const event = decodeJson(data) as ChangeSetEvent | undefined;
    if (event === undefined) throw new ChainError(`event ${sequence} of the config log is no JSON`);
    if (event.schema > EVENT_SCHEMA) {
      throw new ChainError(`event ${sequence} needs a newer version of this service`);
    }
    if (event.mesh !== this.#options.mesh) {
      throw new ChainError(`event ${sequence} belongs to mesh ${event.mesh}`);
    }
    const change = {
      sequence,
      time: event.time,
      upserts: event.upserts,
      deletes: event.deletes,
    };
    const fits = event.previousDigest === this.state.digest;
    if (!fits || event.digest !== this.state.digestAfter(change)) {
      throw new ChainError(`event ${sequence} does not follow from the state before it`);
    }
    return this.state.apply(change);
  }
}

function problemOf(error: unknown, mesh: string): string {
  if (error instanceof ChainError) return error.message;
  if (error instanceof NatsError && error.api_error?.err_code === STREAM_NOT_FOUND) {
    return `mesh ${mesh} has no config log yet: has its config service started?`;
  }
  return `the config log cannot be read: ${sentenceOf(error)}`;
}
