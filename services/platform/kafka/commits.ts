import type { Consumer } from 'kafkajs';
import { originOf } from './errors.ts';

export interface Commit {
  topic: string;
  partition: number;
  offset: bigint;
  metadata: string;
}

/**
 * Commits that are known to have been stored. kafkajs resolves a commit without having stored it
 * when its consumer is stopping; only its COMMIT_OFFSETS event tells that the coordinator
 * answered.
 */
export class CommitWatch {
  readonly #consumer: Consumer;
  readonly #awaited = new Map<string, { stored: boolean }>();

  constructor(consumer: Consumer) {
    this.#consumer = consumer;
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      for (const { topic, partitions } of payload.topics) {
        for (const { partition, offset } of partitions) {
          const awaited = this.#awaited.get(keyOf(topic, partition, String(offset)));
          if (awaited !== undefined) awaited.stored = true;
        }
      }
    });
  }

  /** Resolves when stored; throws Kafka's own error, so that kafkajs knows a rebalance by it. */
  async commit({ topic, partition, offset, metadata }: Commit): Promise<void> {
    const key = keyOf(topic, partition, offset.toString());
    const awaited = { stored: false };
    this.#awaited.set(key, awaited);
    try {
      await this.#consumer.commitOffsets([
        { topic, partition, offset: offset.toString(), metadata },
      ]);
    } catch (error) {
      throw originOf(error);
    } finally {
      this.#awaited.delete(key);
    }
    if (!awaited.stored) throw new Error('the consumer stopped before the offset was committed');
  }
}

function keyOf(topic: string, partition: number, offset: string): string {
  return `${topic}/${partition}/${offset}`;
}
