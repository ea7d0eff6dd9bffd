import type { Consumer, EachBatchPayload, Kafka as Library, RetryOptions } from 'kafkajs';
import type { Clock, Timer } from '../clock.ts';
import { CommitWatch } from './commits.ts';
import { kafkaSentence, sendFailureOf } from './errors.ts';
import { handleBatch } from './batch.ts';
import { Outage } from './outage.ts';
import type { Assignment, GroupConsumer, GroupOptions, KafkaLog } from './types.ts';

export interface GroupSettings {
  /** Throws when what is needed for a connection cannot be read. */
  open: () => Library;
  options: GroupOptions;
  log: KafkaLog;
  clock: Clock;
  retry: RetryOptions;
  /** It has left the group for good. */
  stopped?: () => void;
}

const SESSION_TIMEOUT_MS = 20_000;
const HEARTBEAT_INTERVAL_MS = 3_000;
const MAX_WAIT_MS = 500;
const RESTART_FIRST_MS = 200;
const RESTART_LAST_MS = 5_000;
/** Without a fetch or a heartbeat for so long, and no handler at work, a consumer is stuck. */
const STUCK_MS = 60_000;

/**
 * One member of a consumer group. kafkajs ends for good on an error that it does not retry, and
 * may wait for ever on a connection that timed out; here every end of its consumer, and every
 * silence, is followed by a new consumer.
 */
export class Group implements GroupConsumer {
  readonly #settings: GroupSettings;
  #run: Run | undefined;
  #restart: Timer | undefined;
  #crashes = 0;
  readonly #outage: Outage;
  #problem: string | undefined;
  #stopping = false;

  constructor(settings: GroupSettings) {
    this.#settings = settings;
    this.#outage = new Outage(settings.clock);
    this.#start();
  }

  assignment(): Assignment | undefined {
    return this.#run?.assignment;
  }

  crashes(): number {
    return this.#crashes;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  seek(topic: string, partition: number, offset: bigint): void {
    this.#run?.consumer.seek({ topic, partition, offset: offset.toString() });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#restart?.cancel();
    await this.#run?.end();
    this.#run = undefined;
    this.#settings.stopped?.();
  }

  #start(): void {
    let library: Library;
    try {
      library = this.#settings.open();
    } catch (error) {
      this.#startAgain(error);
      return;
    }
    const run = new Run(this.#settings, library, {
      joined: () => {
        this.#outage.ended();
        this.#problem = undefined;
      },
      ended: (error) => {
        if (this.#run === run) this.#startAgain(error);
      },
    });
    this.#run = run;
    run.begin();
  }

  #startAgain(error: unknown): void {
    if (this.#stopping) return;
    this.#crashes++;
    const { log, clock, options } = this.#settings;
    const delayMs = Math.min(RESTART_LAST_MS, RESTART_FIRST_MS * 2 ** this.#outage.failures);
    const why = kafkaSentence(error);
    this.#problem = why;
    const failure = sendFailureOf(error);
    const level = failure === 'denied' ? 'error' : 'warn';
    log(this.#outage.failed(failure) ? level : 'debug', 'the Kafka consumer starts again', {
      ...{ groupId: options.groupId, why, delayMs },
    });
    this.#run = undefined;
    this.#restart = clock.after(delayMs, () => this.#start());
  }
}

interface Listener {
  joined: () => void;
  ended: (error: unknown) => void;
}

/** One life of a kafkajs consumer, from connect to its first failure. */
class Run {
  readonly consumer: Consumer;
  readonly #settings: GroupSettings;
  readonly #tell: Listener;
  readonly #commits: CommitWatch;
  assignment: Assignment | undefined;
  /** The `assigned` hook of this assignment; undefined when it failed and is due again. */
  #assigned: Promise<void> | undefined;
  readonly #handlers = new Set<Promise<void>>();
  /** No new handler begins; those under way may still commit. */
  #draining = false;
  #over = false;
  #lastSignMs: number;
  #watchdog: Timer | undefined;

  constructor(settings: GroupSettings, library: Library, tell: Listener) {
    const { options, retry, clock } = settings;
    this.#settings = settings;
    this.#tell = tell;
    this.#lastSignMs = clock.nowMs();
    this.consumer = library.consumer({
      groupId: options.groupId,
      allowAutoTopicCreation: false,
      sessionTimeout: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
      heartbeatInterval: options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS,
      maxWaitTimeInMs: options.maxWaitMs ?? MAX_WAIT_MS,
      ...(options.minBytes === undefined ? {} : { minBytes: options.minBytes }),
      ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
      ...(options.maxBytesPerPartition === undefined
        ? {}
        : { maxBytesPerPartition: options.maxBytesPerPartition }),
      retry: { ...retry, restartOnFailure: () => Promise.resolve(false) },
    });
    this.#commits = new CommitWatch(this.consumer);
  }

  begin(): void {
    this.#listen();
    this.#watch();
    this.#consume().catch((error: unknown) => this.#fail(error));
  }

  /** Leaves the group; handlers under way end, and commit, first. */
  async end(): Promise<void> {
    this.#draining = true;
    await Promise.allSettled([...this.#handlers]);
    this.#over = true;
    this.#watchdog?.cancel();
    await this.consumer.disconnect().catch((error: unknown) => {
      this.#settings.log('debug', 'leaving the consumer group failed', {
        why: kafkaSentence(error),
      });
    });
    this.#revoke();
  }

  async #consume(): Promise<void> {
    const { options } = this.#settings;
    await this.consumer.connect();
    await this.consumer.subscribe({
      topics: [...options.topics],
      fromBeginning: options.from === 'oldest',
    });
    await this.consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: options.concurrency ?? 1,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
  }

  #listen(): void {
    const { events } = this.consumer;
    const sign = (): void => {
      this.#lastSignMs = this.#settings.clock.nowMs();
    };
    this.consumer.on(events.FETCH_START, sign);
    this.consumer.on(events.HEARTBEAT, sign);
    this.consumer.on(events.REBALANCING, () => this.#revoke());
    this.consumer.on(events.CRASH, ({ payload }) => this.#fail(payload.error));
    this.consumer.on(events.GROUP_JOIN, ({ payload }) => {
      this.#revoke();
      const partitions = Object.entries(payload.memberAssignment).flatMap(([topic, numbers]) =>
        numbers.map((partition) => ({ topic, partition })),
      );
      this.assignment = { memberId: payload.memberId, partitions };
      this.#tell.joined();
      // Tried at once, so that an assignment without messages is told too; a failure is told to
      // the first batch, which tries again.
      this.#ready().catch(() => undefined);
    });
  }

  #revoke(): void {
    if (this.assignment === undefined) return;
    this.assignment = undefined;
    this.#assigned = undefined;
    this.#settings.options.revoked?.();
  }

  #fail(error: unknown): void {
    if (this.#draining) return;
    void this.end().then(() => this.#tell.ended(error));
  }

  #ready(): Promise<void> {
    const { assignment } = this;
    if (assignment === undefined) return Promise.reject(new Error('no partition is assigned'));
    if (this.#assigned === undefined) {
      const ready = Promise.resolve(assignment).then((given) =>
        this.#settings.options.assigned?.(given),
      );
      this.#assigned = ready;
      ready.catch((error: unknown) => {
        this.#settings.log('warn', 'taking over an assignment failed', {
          why: kafkaSentence(error),
        });
        if (this.#assigned === ready) this.#assigned = undefined;
      });
    }
    return this.#assigned;
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    if (this.#draining) return;
    const { options, clock } = this.#settings;
    const { assignment } = this;
    const handled = handleBatch({
      payload,
      clock,
      heartbeatMs: options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS,
      held: () => !this.#over && this.assignment === assignment,
      draining: () => this.#draining,
      commit: (commit) => this.#commits.commit(commit),
      before: () => this.#ready(),
      handler: options.batch,
    });
    this.#handlers.add(handled);
    try {
      await handled;
    } finally {
      this.#handlers.delete(handled);
      this.#lastSignMs = clock.nowMs();
    }
  }

  #watch(): void {
    const { clock } = this.#settings;
    this.#watchdog = clock.after(STUCK_MS / 4, () => {
      if (this.#draining) return;
      if (this.#handlers.size === 0 && clock.nowMs() - this.#lastSignMs > STUCK_MS) {
        this.#fail(new Error(`the consumer was silent for ${STUCK_MS / 1_000} s`));
      } else this.#watch();
    });
  }
}
