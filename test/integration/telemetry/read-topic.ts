import { type BlockHeaders, decodeBlockHeaders } from '#contracts/topics.ts';
import { type Kafka, connectKafka } from '#platform/kafka.ts';
import { eventually } from '#test/eventually.ts';
import { onTestFinished } from 'vitest';

export interface ReadMessage {
  partition: number;
  headers: BlockHeaders;
  value: Buffer;
}

/** A link that is closed after the test. */
export function kafkaFor(brokers: string): Kafka {
  const kafka = connectKafka({
    brokers: brokers.split(','),
    clientId: 'test',
    log: () => undefined,
  });
  onTestFinished(() => kafka.close());
  return kafka;
}

/** Reads a topic from its beginning until the condition holds for what came. */
export async function readUntil(
  kafka: Kafka,
  topic: string,
  done: (messages: readonly ReadMessage[]) => boolean,
  timeoutMs = 20_000,
): Promise<ReadMessage[]> {
  const messages: ReadMessage[] = [];
  const group = kafka.consumeGroup({
    groupId: `${topic}.reader.${messages.length}.${process.hrtime.bigint()}`,
    topics: [topic],
    from: 'oldest',
    maxWaitMs: 100,
    batch: (batch) => {
      for (const message of batch.messages) {
        const headers = decodeBlockHeaders(message.headers);
        if (headers === undefined) throw new Error(`no headers at ${message.offset}`);
        messages.push({ partition: batch.partition, headers, value: message.value });
        batch.resolve(message.offset);
      }
      return Promise.resolve();
    },
  });
  try {
    await eventually(() => (done(messages) ? true : undefined), { timeoutMs, what: topic });
  } finally {
    await group.stop();
  }
  return messages;
}

/** Blocks by number, repeats left out as the consumer leaves them out. */
export function withoutRepeats(messages: readonly ReadMessage[]): ReadMessage[] {
  const bySeq = new Map(messages.map((one) => [one.headers.seq, one]));
  return [...bySeq.values()].sort((a, b) => a.headers.seq - b.headers.seq);
}
