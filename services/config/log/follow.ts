import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  type NatsConnection,
  nanos,
  nuid,
} from 'nats';
import type { Log } from '#platform/log.ts';
import { natsSentence, pause } from '#platform/nats.ts';

export interface FollowOptions {
  connection: NatsConnection;
  stream: string;
  /** Called before each consumer is made: makes the stream where it may be missing. */
  prepare?: () => Promise<void>;
  /**
   * Where to begin, asked again each time the consumer is made anew: a sequence to go on from, or
   * everything that the stream holds (what is read twice must then be harmless).
   */
  from: () => number | 'all' | 'last-per-subject';
  /** In the order of the stream. What it throws ends this consumer; reading begins anew. */
  onMessage: (message: JsMsg) => void | Promise<void>;
  /** All that the stream held when the consumer was made has been given to `onMessage`. */
  onCaughtUp: () => void;
  log: Log;
}

const BATCH = 256;
/** A pull ends after this long even when silent, so that a lost consumer is noticed. */
const PULL_MS = 5_000;
const INACTIVE_MS = 60_000;
const FORGET_MS = 500;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

/**
 * Reads a stream for ever through one ephemeral consumer, and makes a new one when it is gone (the
 * server restarted, the stream was made again, a message was skipped). A pull that stays silent is
 * repeated every 5 s: a subscription alone is never trusted to tell.
 */
export class Follower {
  readonly #options: FollowOptions;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #problem: string | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** Why the stream cannot be read at the moment; undefined while it is followed. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    let waitMs = RETRY_MIN_MS;
    while (!signal.aborted) {
      try {
        await this.#readOnce(() => {
          waitMs = RETRY_MIN_MS;
        });
      } catch (error) {
        if (signal.aborted) return;
        this.#tell(error);
        if (this.#options.connection.isClosed()) return;
      }
      // An abort ends the wait by rejecting, which is how the loop is meant to end.
      await pause(waitMs, signal).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
    }
  }

  /** One consumer's life: returns or throws when it can no longer be read. */
  async #readOnce(onRead: () => void): Promise<void> {
    const { connection, stream, prepare } = this.#options;
    await prepare?.();
    const manager = await connection.jetstreamManager({ checkAPI: false });
    const name = `windrose-${nuid.next()}`;
    const info = await manager.consumers.add(stream, this.#consumerConfig(name));
    if (this.#problem !== undefined) this.#options.log.info({ stream }, 'the stream is read again');
    this.#problem = undefined;
    try {
      const consumer = await connection.jetstream().consumers.get(stream, name);
      let pending = info.num_pending;
      let delivered = 0;
      if (pending === 0) this.#options.onCaughtUp();
      while (!this.#abort.signal.aborted) {
        const messages = await consumer.fetch({ max_messages: BATCH, expires: PULL_MS });
        const end = (): void => messages.stop();
        this.#abort.signal.addEventListener('abort', end, { once: true });
        try {
          for await (const message of messages) {
            delivered += 1;
            // A skipped delivery: begin anew from what was read last.
            if (message.info.deliverySequence !== delivered) return;
            await this.#options.onMessage(message);
            if (pending > 0 && --pending === 0) this.#options.onCaughtUp();
          }
        } finally {
          this.#abort.signal.removeEventListener('abort', end);
        }
        onRead();
      }
    } finally {
      await forget(manager, stream, name);
    }
  }

  #consumerConfig(name: string): Partial<ConsumerConfig> {
    const from = this.#options.from();
    return {
      name,
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanos(INACTIVE_MS),
      ...(from === 'all'
        ? { deliver_policy: DeliverPolicy.All }
        : from === 'last-per-subject'
          ? { deliver_policy: DeliverPolicy.LastPerSubject, filter_subject: '>' }
          : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from }),
    };
  }

  #tell(error: unknown): void {
    const { log, stream } = this.#options;
    const problem = `the stream ${stream} cannot be read: ${natsSentence(error)}`;
    if (problem !== this.#problem) log.warn(problem);
    this.#problem = problem;
  }
}

async function forget(manager: JetStreamManager, stream: string, name: string): Promise<void> {
  // A consumer that cannot be deleted now goes by itself when it has been idle for a minute.
  const deleted = manager.consumers.delete(stream, name).catch(() => undefined);
  await Promise.race([deleted, pause(FORGET_MS)]);
}
