import type { Kafka as Library, Producer } from 'kafkajs';
import { kafkaSentence, sendFailureOf } from './errors.ts';
import { kafkajs } from './library.ts';
import type { BlockMessage, BlockProducer, SendResult } from './types.ts';

/** How long the leader may wait for its replicas before it answers. */
const ACK_TIMEOUT_MS = 10_000;
const ALL_REPLICAS = -1;

/**
 * A producer that can be used over any outage. kafkajs may stay on a connection that timed out
 * (decisions/0001-kafkajs.md), so after every failure the next send starts with a new one.
 */
export class OneAtATimeProducer implements BlockProducer {
  readonly #open: () => Library;
  #producer: Producer | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(open: () => Library) {
    this.#open = open;
  }

  send(topic: string, partition: number, message: BlockMessage): Promise<SendResult> {
    const sent = this.#last.then(() => this.#send(topic, partition, message));
    this.#last = sent;
    return sent;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#discard();
  }

  async #send(topic: string, partition: number, message: BlockMessage): Promise<SendResult> {
    const { value, headers } = message;
    try {
      const producer = await this.#connected();
      const [stored] = await producer.send({
        topic,
        acks: ALL_REPLICAS,
        timeout: ACK_TIMEOUT_MS,
        compression: kafkajs.CompressionTypes.ZSTD,
        messages: [
          {
            partition,
            value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
            headers: { ...headers },
          },
        ],
      });
      if (stored !== undefined) return { ok: true, offset: BigInt(stored.baseOffset ?? '-1') };
      // kafkajs asks no broker at all for a partition that it does not know of.
      await this.#discard();
      const absent = `topic ${topic} has no partition ${partition}`;
      return { ok: false, reason: 'no_topic', message: absent };
    } catch (error) {
      const reason = sendFailureOf(error);
      if (reason !== 'refused') await this.#discard();
      return { ok: false, reason, message: kafkaSentence(error) };
    }
  }

  async #connected(): Promise<Producer> {
    if (this.#producer !== undefined) return this.#producer;
    const producer = this.#open().producer({
      allowAutoTopicCreation: false,
      idempotent: false,
      maxInFlightRequests: 1,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    // Kept before it is connected, so that a failed connect is taken down as well.
    this.#producer = producer;
    await producer.connect();
    return producer;
  }

  async #discard(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.disconnect().catch(() => undefined); // It is being thrown away.
  }
}
