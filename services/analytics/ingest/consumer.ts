import type { Stream } from '#contracts/tables.ts';
import { meshTopics } from '#contracts/topics.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';
import type { Assignment, GroupBatch, GroupConsumer, Kafka } from '#platform/kafka.ts';
import { sendDeadTo } from './dead.ts';
import { decodePosition } from './intent.ts';
import { Ledger } from './ledger.ts';
import type { IngestEvents } from './outcome.ts';
import { type IngestParts, PartitionIngest } from './partition.ts';

export interface ConsumerOptions {
  mesh: string;
  kafka: Kafka;
  clickhouse: ClickHouse;
  events: IngestEvents;
  clock: Clock;
}

export interface IngestConsumer {
  /** Partitions held now; undefined while the group is joined. */
  partitions(): number | undefined;
  /** Why it is not a member of the group, where that is known. */
  problem(): string | undefined;
  /** Ends the insert under way, commits it, and leaves the group. */
  stop(): Promise<void>;
}

/** A member that dies is replaced after this: the least that a broker allows by default. */
const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_INTERVAL_MS = 1_500;
/** Inserts cost the same for ten rows as for a thousand: wait a moment for more. */
const LINGER_MS = 800;
const LINGER_BYTES = 4 * 1024 * 1024;
const PARTITION_BYTES = 8 * 1024 * 1024;
/** Partitions stored at once. */
const CONCURRENCY = 2;

export function groupOf(mesh: string): string {
  return `windrose.${mesh}.analytics`;
}

/** Joins the mesh's consumer group and stores both streams until stopped. */
export function startConsumer(options: ConsumerOptions): IngestConsumer {
  const { mesh, kafka } = options;
  const topics = meshTopics(mesh);
  const streams = new Map<string, Stream>([
    [topics.access, 'access'],
    [topics.metrics, 'metrics'],
  ]);
  const assignments = new Assignments(options, streams, () => group);
  const group: GroupConsumer = kafka.consumeGroup({
    groupId: groupOf(mesh),
    topics: [...streams.keys()],
    from: 'oldest',
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
    maxWaitMs: LINGER_MS,
    minBytes: LINGER_BYTES,
    maxBytesPerPartition: PARTITION_BYTES,
    concurrency: CONCURRENCY,
    assigned: (assignment) => assignments.take(assignment),
    revoked: () => assignments.clear(),
    batch: (batch) => assignments.handle(batch),
  });
  return {
    partitions: () => group.assignment()?.partitions.length,
    problem: () => group.problem(),
    stop: () => group.stop(),
  };
}

interface Standing {
  partition: number;
  committed: bigint;
  metadata: string;
  oldest: bigint;
  next: bigint;
}

/** What this member holds: one PartitionIngest for each partition, made anew on assignment. */
class Assignments {
  readonly #options: ConsumerOptions;
  readonly #streams: ReadonlyMap<string, Stream>;
  readonly #parts: IngestParts;
  #held = new Map<string, PartitionIngest>();

  constructor(
    options: ConsumerOptions,
    streams: ReadonlyMap<string, Stream>,
    group: () => GroupConsumer,
  ) {
    const { kafka, mesh, clickhouse, events, clock } = options;
    this.#options = options;
    this.#streams = streams;
    this.#parts = {
      clickhouse,
      events,
      clock,
      ledger: new Ledger(clickhouse),
      sendDead: sendDeadTo(kafka.createProducer(), meshTopics(mesh).dead),
      seek: (topic, partition, offset) => group().seek(topic, partition, offset),
    };
  }

  clear(): void {
    this.#held = new Map();
  }

  /** Reads where each partition stands, from Kafka itself: nothing of before is trusted. */
  async take(assignment: Assignment): Promise<void> {
    this.#parts.ledger.forget();
    const held = new Map<string, PartitionIngest>();
    for (const [topic, stream] of this.#streams) {
      const mine = new Set(
        assignment.partitions.flatMap((one) => (one.topic === topic ? [one.partition] : [])),
      );
      if (mine.size === 0) continue;
      for (const standing of await this.#standings(topic)) {
        if (!mine.has(standing.partition)) continue;
        const key = keyOf(topic, standing.partition);
        held.set(key, this.#open(topic, stream, standing));
      }
    }
    this.#held = held;
  }

  async handle(batch: GroupBatch): Promise<void> {
    await this.#held.get(keyOf(batch.topic, batch.partition))?.take(batch);
  }

  async #standings(topic: string): Promise<Standing[]> {
    const { kafka, mesh } = this.#options;
    const [offsets, committed] = await Promise.all([
      kafka.offsets(topic),
      kafka.committed(groupOf(mesh), topic),
    ]);
    const byPartition = new Map(committed.map((one) => [one.partition, one]));
    return offsets.map(({ partition, oldest, next }) => {
      const found = byPartition.get(partition);
      return {
        ...{ partition, oldest, next, committed: found?.offset ?? -1n },
        metadata: found?.metadata ?? '',
      };
    });
  }

  #open(topic: string, stream: Stream, standing: Standing): PartitionIngest {
    const { partition, committed, metadata, oldest, next } = standing;
    const { events, clock } = this.#options;
    const where = { topic, partition };
    const known = committed >= 0n;
    events.lag(where, next - (known ? committed : oldest));
    const position = decodePosition(metadata) ?? { generation: clock.wallMs() };
    if (committed > next) {
      // kafkajs goes back to the oldest by itself.
      events.generation(where, `the group stands at ${committed}, and the topic ends at ${next}`);
      const generation = Math.max(clock.wallMs(), position.generation + 1);
      return new PartitionIngest(this.#parts, stream, { next: oldest, position: { generation } });
    }
    return new PartitionIngest(this.#parts, stream, {
      next: known ? committed : oldest,
      position,
      outOfRange: committed === OUT_OF_RANGE,
    });
  }
}

/** What kafkajs commits when the offset it should go on from is no longer there. */
const OUT_OF_RANGE = -2n;

function keyOf(topic: string, partition: number): string {
  return `${partition}/${topic}`;
}
