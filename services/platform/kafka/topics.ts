import type { Admin, Kafka as Library } from 'kafkajs';
import { KafkaError, kafkaSentence, typeOf } from './errors.ts';
import type { Committed, TopicResult, TopicSpec } from './types.ts';

/** Leaves replicas to the broker's own default (KIP-464). */
const BROKER_DEFAULT = -1;
const CREATE_TIMEOUT_MS = 15_000;

/** Questions to the cluster, each on a connection of its own: they are rare. */
export class TopicAdmin {
  readonly #open: () => Library;

  constructor(open: () => Library) {
    this.#open = open;
  }

  partitionCount(topic: string): Promise<number> {
    return this.#with((admin) => partitionsOf(admin, topic));
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<TopicResult[]> {
    return this.#with(async (admin) => {
      const results: TopicResult[] = [];
      for (const spec of topics) results.push(await ensureTopic(admin, spec));
      return results;
    });
  }

  committed(groupId: string, topic: string): Promise<Committed[]> {
    return this.#with(async (admin) => {
      const found = await admin.fetchOffsets({ groupId, topics: [topic] });
      return found
        .flatMap((one) => one.partitions)
        .map(({ partition, offset, metadata }) => ({
          partition,
          offset: BigInt(offset),
          metadata: metadata ?? '',
        }));
    });
  }

  offsets(topic: string): Promise<{ partition: number; oldest: bigint; next: bigint }[]> {
    return this.#with(async (admin) => {
      const found = await admin.fetchTopicOffsets(topic);
      return found.map(({ partition, low, high }) => ({
        partition,
        oldest: BigInt(low),
        next: BigInt(high),
      }));
    });
  }

  async #with<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    let admin: Admin | undefined;
    try {
      admin = this.#open().admin();
      await admin.connect();
      return await ask(admin);
    } catch (error) {
      throw new KafkaError(error);
    } finally {
      await admin?.disconnect().catch(() => undefined); // The answer, or the error, is there.
    }
  }
}

async function partitionsOf(admin: Admin, topic: string): Promise<number> {
  // Asking for one absent topic by name would be retried as an error that passes.
  if (!(await admin.listTopics()).includes(topic)) return 0;
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions.length ?? 0;
}

async function ensureTopic(admin: Admin, spec: TopicSpec): Promise<TopicResult> {
  const { topic } = spec;
  const existing = await partitionsOf(admin, topic);
  if (existing > 0) return checked(spec, existing);
  try {
    const created = await admin.createTopics({
      waitForLeaders: true,
      timeout: CREATE_TIMEOUT_MS,
      topics: [
        {
          topic,
          numPartitions: spec.partitions,
          replicationFactor: spec.replicas ?? BROKER_DEFAULT,
          configEntries: Object.entries(spec.config ?? {}).map(([name, value]) => ({
            name,
            value,
          })),
        },
      ],
    });
    // Someone else was faster: what they made counts.
    if (!created) return checked(spec, await partitionsOf(admin, topic));
    return { topic, created: true, partitions: spec.partitions };
  } catch (error) {
    const type = typeOf(error);
    const why = type.endsWith('AUTHORIZATION_FAILED')
      ? 'this client may not create topics: create it by hand or grant it Create on the topic'
      : kafkaSentence(error);
    return { topic, created: false, partitions: 0, problem: `topic ${topic} is absent: ${why}` };
  }
}

function checked(spec: TopicSpec, partitions: number): TopicResult {
  const result = { topic: spec.topic, created: false, partitions };
  if (partitions >= spec.partitions) return result;
  const problem = `topic ${spec.topic} has ${partitions} partitions, ${spec.partitions} are wanted`;
  return { ...result, problem };
}
