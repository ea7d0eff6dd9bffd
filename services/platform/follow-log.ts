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
/** Codes of the JetStream API's errors (nats-server's errors.json). */
const STREAM_NOT_FOUND = 10_059;
const MESSAGE_NOT_FOUND = 10_037;

export function followLog(options: FollowLogOptions): LogFollower {
  return new Follower(options);
}

/** A break in the chain of events: nothing later can be applied. */
class ChainError extends Error {}

class Follower implements LogFollower {
  readonly state = new MeshState();
  /** Sequence of the last message read, whether it was a change-set or was passed over. */
  #lastSequence = 0;
  /** When the stream was made: another time means another log. */
  #created: string | undefined;
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
    const { created, state: head } = await manager.streams.info(stream);
    this.#created ??= created;
    if (created !== this.#created) throw new ChainError('the config log was made again');
    if (head.last_seq < this.#lastSequence) {
      throw new ChainError(
        `the config log ends at ${head.last_seq}, before message ${this.#lastSequence} that was ` +
          'read already: it was lost or restored from an older copy',
      );
    }
    while (this.#lastSequence < head.last_seq) {
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
    const from = this.#lastSequence + 1;
    const count = Math.min(READ_AHEAD, last - from + 1);
    const bodies = await Promise.all(
      Array.from({ length: count }, (_, i) => bodyOf(manager, stream, from + i)),
    );
    bodies.forEach((body, i) => {
      if (body !== undefined) this.#apply(from + i, body);
      this.#lastSequence = from + i;
    });
  }

  /** What is no change-set of this mesh is passed over, as every reader of the log does. */
  #apply(sequence: number, body: Uint8Array): void {
    const { log, mesh } = this.#options;
    const event = decodeJson(body) as ChangeSetEvent | undefined;
    if (event === undefined || typeof event.schema !== 'number' || event.mesh !== mesh) {
      log.warn({ mesh, sequence }, 'a message of the config log is no change-set of this mesh');
      return;
    }
    if (event.schema > EVENT_SCHEMA) {
      throw new ChainError(`change-set ${sequence} needs a newer version of this service`);
    }
    const { time, upserts, deletes } = event;
    const change = { sequence, time, upserts, deletes };
    const fits = event.previousDigest === this.state.digest;
    if (!fits || event.digest !== this.state.digestAfter(change)) {
      throw new ChainError(`change-set ${sequence} does not follow from the state before it`);
    }
    for (const key of this.state.apply(change)) this.#changed.add(key);
  }
}

/** Undefined when the stream no longer has it: the chain of digests tells what that means. */
async function bodyOf(
  manager: JetStreamManager,
  stream: string,
  sequence: number,
): Promise<Uint8Array | undefined> {
  try {
    return (await manager.streams.getMessage(stream, { seq: sequence })).data;
  } catch (error) {
    if (apiErrorOf(error) === MESSAGE_NOT_FOUND) return undefined;
    throw error;
  }
}

function apiErrorOf(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}

function problemOf(error: unknown, mesh: string): string {
  if (error instanceof ChainError) return error.message;
  if (apiErrorOf(error) === STREAM_NOT_FOUND) {
    return `mesh ${mesh} has no config log yet: has its config service started?`;
  }
  return `the config log cannot be read: ${sentenceOf(error)}`;
}
