import type { Clock } from '../clock.ts';

export type KafkaLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Record<string, unknown>,
) => void;

/** How the password is shown: SCRAM proves it without sending it, PLAIN sends it. */
export interface KafkaUser {
  name: string;
  passwordFile: string;
  /** PLAIN is refused without TLS. */
  mechanism: 'SCRAM-SHA-512' | 'SCRAM-SHA-256' | 'PLAIN';
}

/**
 * How this process gets into a cluster. Plain data without a secret, which threads and workers can
 * be given: the files are read anew for each connection that is made here, so that a password or
 * a CA can be changed without a restart.
 */
export interface KafkaAccess {
  tls: boolean;
  /** PEM; whom to believe instead of the system's CAs. */
  caFile?: string;
  user?: KafkaUser;
}

export interface KafkaSettings {
  /** `host:port` each. */
  brokers: readonly string[];
  /** What the broker's logs and quotas call this process. */
  clientId: string;
  /** Without it: no TLS and no user. */
  access?: KafkaAccess | undefined;
  log: KafkaLog;
  clock?: Clock;
  /** How long a broker may take for an answer before its connection is given up (default 15 s). */
  requestTimeoutMs?: number;
}

/** A link to one cluster; opening it does no I/O, and the cluster may be away. */
export interface Kafka {
  createProducer(): BlockProducer;
  /** Joins a consumer group and stays in it, over crashes and outages, until `stop`. */
  consumeGroup(options: GroupOptions): GroupConsumer;
  /** Makes topics that are absent and checks those that are there; one result each, in order. */
  ensureTopics(topics: readonly TopicSpec[]): Promise<TopicResult[]>;
  /** Number of a topic's partitions; 0 when there is no such topic; throws when Kafka is away. */
  partitionCount(topic: string): Promise<number>;
  /** What a group has committed for a topic, by partition; offset -1 where it has nothing. */
  committed(groupId: string, topic: string): Promise<Committed[]>;
  /** Oldest and next offset of each partition. */
  offsets(topic: string): Promise<{ partition: number; oldest: bigint; next: bigint }[]>;
  /**
   * Shows messages of a partition to `visit`, in order, from one offset on and before another;
   * those must have been there when it was called. Rejects with a KafkaError.
   */
  readRange(range: ReadRange): Promise<void>;
  /** Ends every connection made here, and waits for sends and handlers under way. */
  close(): Promise<void>;
}

export interface ReadRange {
  topic: string;
  partition: number;
  from: bigint;
  to: bigint;
  /** What the names of groups begin with that this client may read in. */
  groupPrefix: string;
  timeoutMs: number;
  /** Ends the reading at once: it rejects. */
  signal?: AbortSignal | undefined;
  visit(message: GroupMessage): 'enough' | undefined;
}

export interface BlockMessage {
  /** Empty for a message without rows. */
  value: Uint8Array;
  headers: Readonly<Record<string, string>>;
}

/**
 * - `no_topic`: there is no such topic, or no such partition of it; wait until someone creates it.
 * - `unavailable`: the message may or may not be stored; send the same again.
 * - `denied`: the same, but it does not end by itself: somebody has to mend the password, the CA,
 *   the listener or the permissions.
 * - `refused`: the broker will never take this message.
 */
export type SendResult =
  { ok: true; offset: bigint } | { ok: false; reason: SendFailure; message: string };
export type SendFailure = 'no_topic' | 'unavailable' | 'denied' | 'refused';

/**
 * Sends one message at a time, zstd-compressed, acknowledged by all in-sync replicas (acks=all).
 *
 * - Order: messages stand in a partition in the order of the `send` calls. A second `send` while
 *   one is under way waits for it and its retries, so that none is overtaken.
 * - `ok`: stored at least once. A retry inside may have stored it twice, next to itself, which the
 *   block's own sequence number shows.
 * - Not `ok`: nothing is sent again by itself. Who sends the same again until it is `ok` keeps the
 *   order; who sends the next one gives up this one's place.
 * - Never rejects, and is answered in bounded time: at once where nobody listens, after about 45 s
 *   where a broker takes connections and stays silent.
 */
export interface BlockProducer {
  send(topic: string, partition: number, message: BlockMessage): Promise<SendResult>;
  close(): Promise<void>;
}

export interface TopicSpec {
  topic: string;
  partitions: number;
  /** Topic settings such as `retention.ms`. */
  config?: Readonly<Record<string, string>>;
  /** Default: the broker's own. */
  replicas?: number;
}

/** `problem` is one sentence: what is wrong with the topic, or why it could not be made. */
export interface TopicResult {
  topic: string;
  created: boolean;
  partitions: number;
  problem?: string;
}

export interface Committed {
  partition: number;
  offset: bigint;
  metadata: string;
}

export interface GroupOptions {
  groupId: string;
  topics: readonly string[];
  /** Where a partition without a committed offset begins. */
  from: 'oldest' | 'newest';
  sessionTimeoutMs?: number;
  heartbeatIntervalMs?: number;
  /** Longest that a fetch waits for `minBytes`. */
  maxWaitMs?: number;
  minBytes?: number;
  maxBytes?: number;
  maxBytesPerPartition?: number;
  /** Batches of different partitions handled at once (default 1). */
  concurrency?: number;
  /** Ends before the first batch of the new assignment is handed out. */
  assigned?(assignment: Assignment): Promise<void> | void;
  /** The assignment before is over; handlers of its batches have ended. */
  revoked?(): void;
  /**
   * A throw means: hand out again, after a pause, from the last resolved offset; after three in a
   * row the consumer starts anew, which is from the last committed offset.
   */
  batch(batch: GroupBatch): Promise<void>;
}

export interface Assignment {
  memberId: string;
  partitions: { topic: string; partition: number }[];
}

export interface GroupMessage {
  offset: bigint;
  timestampMs: number;
  headers: Readonly<Record<string, string>>;
  value: Buffer;
}

/**
 * Consecutive messages of one partition, of which one batch is out at a time, and to one live
 * member of the group. None is left out: what is not resolved comes again after a throw, and what
 * is not committed after a crash or a rebalance, perhaps to another member. What a handler does
 * beside commits must therefore bear being done twice.
 */
export interface GroupBatch {
  topic: string;
  partition: number;
  messages: readonly GroupMessage[];
  /** The offset after the newest message of the partition. */
  highWatermark: bigint;
  /** The next fetch continues after this offset, which is not yet committed by that. */
  resolve(offset: bigint): void;
  /**
   * Commits `offset` as the next to read, with metadata (at most 4 KiB). Resolves only when the
   * group's coordinator has stored it under this member's generation; throws otherwise, and a
   * member that the group has left behind is always refused.
   */
  commit(offset: bigint, metadata?: string): Promise<void>;
  /** To be called at least once a session time-out in long work; throws when the group moved on. */
  heartbeat(): Promise<void>;
  /**
   * False once the consumer stops or the group rebalances: begin nothing new. A commit of what is
   * done already is still tried, and refused when it comes too late.
   */
  live(): boolean;
}

export interface GroupConsumer {
  /** What is held now; undefined while joining. */
  assignment(): Assignment | undefined;
  /** The next fetch of a held partition begins here. */
  seek(topic: string, partition: number, offset: bigint): void;
  /** Crashes so far, each followed by a new start. */
  crashes(): number;
  /** Why the group could not be joined, or was left, when that was the last to happen. */
  problem(): string | undefined;
  /** Waits for handlers under way and leaves the group. */
  stop(): Promise<void>;
}
