import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerMessages,
  type JetStreamManager,
  type JsMsg,
  type NatsConnection,
  type StreamState,
  nanos,
} from 'nats';
import type { Random } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { STREAM_NOT_FOUND, apiErrorOf, natsSentence, pause } from '#platform/nats.ts';

/** Where a consumer begins. */
export type Begin = Pick<ConsumerConfig, 'deliver_policy' | 'opt_start_seq'> & {
  filter_subject: string;
};

export interface FollowOptions {
  connection: NatsConnection;
  stream: string;
  /**
   * Name of the consumer: one that this proxy alone uses in the stream, and the only one that its
   * credential lets it make.
   */
  consumer: string;
  /** Where to begin; asked each time the consumer is made anew. */
  begin: (state: StreamState) => Begin | Promise<Begin>;
  /** One message after the other; false: begin anew. */
  message: (message: JsMsg) => Promise<boolean>;
  random: Random;
  log: Log;
}

const WAIT_MIN_MS = 200;
const WAIT_MAX_MS = 2_000;
/** Of the JetStream API's errors (nats-server's errors.json). */
const CONSUMER_NOT_FOUND = 10_014;
/** The server forgets a consumer that nobody asks for this long. */
const CONSUMER_GONE_AFTER_MS = 60_000;
/** How long one request for messages stands; the server shows signs of life in between. */
const PULL_EXPIRES_MS = 10_000;
const PULL_MESSAGES = 256;

/**
 * Reads a stream for ever through one ephemeral consumer at a time. Whatever goes wrong (the link,
 * the stream not there yet, a consumer that the server forgot) ends in a new consumer, which
 * begins where `begin` says: nothing depends on one consumer's life.
 */
export class StreamFollower {
  readonly #options: FollowOptions;
  readonly #stop = new AbortController();
  #messages: ConsumerMessages | undefined;
  #problem: string | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** A new beginning was asked for since `begin` was: the consumer that is being made is stale. */
  #stale = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Why nothing comes at the moment; undefined while the stream is followed. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Drops the consumer and makes a new one. */
  restart(): void {
    this.#stale = true;
    this.#messages?.stop();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#messages?.stop();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { random } = this.#options;
    let waitMs = WAIT_MIN_MS;
    while (!this.#stop.signal.aborted) {
      const followed = await this.#follow().catch((error: unknown) => {
        this.#away(describe(error, this.#options.stream));
        return 0;
      });
      waitMs = followed > 0 ? WAIT_MIN_MS : Math.min(waitMs * 2, WAIT_MAX_MS);
      await pause(waitMs * (0.5 + random()), this.#stop.signal).catch(() => undefined);
    }
  }

  /** Resolves with the number of messages read before the consumer ended. */
  async #follow(): Promise<number> {
    const { connection, stream, consumer } = this.#options;
    const manager = await connection.jetstreamManager({ checkAPI: false });
    const { state } = await manager.streams.info(stream);
    // What a start before has left would go on where that one was.
    await forget(manager, stream, consumer);
    this.#stale = false;
    const begin = await this.#options.begin(state);
    const info = await manager.consumers.add(stream, {
      ...begin,
      name: consumer,
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanos(CONSUMER_GONE_AFTER_MS),
    });
    if (this.#problem !== undefined) this.#options.log.info({ stream }, 'the stream is followed');
    this.#problem = undefined;
    try {
      return await this.#consume(info.name);
    } finally {
      // Only tidiness: the server forgets it anyway, and the link may be away.
      forget(manager, stream, info.name).catch(() => undefined);
    }
  }

  async #consume(name: string): Promise<number> {
    const { connection, stream, message } = this.#options;
    const consumer = await connection.jetstream().consumers.get(stream, name);
    const messages = await consumer.consume({
      max_messages: PULL_MESSAGES,
      expires: PULL_EXPIRES_MS,
      abort_on_missing_resource: true,
    });
    this.#messages = messages;
    let count = 0;
    let delivered = 0;
    try {
      if (this.#stop.signal.aborted || this.#stale) return 0;
      for await (const each of messages) {
        // A consumer without acknowledgements does not send again what the link lost.
        if (each.info.deliverySequence !== ++delivered) return count;
        count++;
        if (!(await message(each))) return count;
      }
      return count;
    } finally {
      this.#messages = undefined;
      messages.stop();
    }
  }

  #away(problem: string): void {
    if (this.#stop.signal.aborted || problem === this.#problem) return;
    this.#problem = problem;
    this.#options.log.warn({ stream: this.#options.stream }, problem);
  }
}

async function forget(manager: JetStreamManager, stream: string, name: string): Promise<void> {
  try {
    await manager.consumers.delete(stream, name);
  } catch (error) {
    if (apiErrorOf(error) !== CONSUMER_NOT_FOUND) throw error;
  }
}

function describe(error: unknown, stream: string): string {
  if (apiErrorOf(error) === STREAM_NOT_FOUND) {
    return `there is no stream ${stream} yet: has the mesh's config service started?`;
  }
  return `the stream ${stream} cannot be read: ${natsSentence(error)}`;
}
