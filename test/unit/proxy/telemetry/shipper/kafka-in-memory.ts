import type { BlockMessage, BlockProducer, Kafka, SendFailure } from '#platform/kafka.ts';

export interface Stored {
  topic: string;
  partition: number;
  headers: Readonly<Record<string, string>>;
  value: Buffer;
}

/** A cluster that keeps messages in memory and fails as it is told; the real one is elsewhere. */
export class KafkaInMemory implements Pick<Kafka, 'createProducer' | 'partitionCount'> {
  readonly stored: Stored[] = [];
  readonly topics = new Map<string, number>();
  /** What the next sends say; `lost` stores the message and loses the answer. */
  failures: (SendFailure | 'lost')[] = [];
  /** While set, no send is answered. */
  held = false;
  sends = 0;
  sendsAtOnceMax = 0;
  #under = 0;
  #release: (() => void)[] = [];

  partitionCount(topic: string): Promise<number> {
    return Promise.resolve(this.topics.get(topic) ?? 0);
  }

  createProducer(): BlockProducer {
    return {
      close: () => Promise.resolve(),
      send: async (topic, partition, message) => {
        this.sends++;
        this.sendsAtOnceMax = Math.max(this.sendsAtOnceMax, ++this.#under);
        await Promise.resolve();
        if (this.held) await new Promise<void>((resolve) => this.#release.push(resolve));
        this.#under--;
        const failure = this.failures.shift();
        if (failure !== undefined && failure !== 'lost') {
          return { ok: false, reason: failure, message: failure };
        }
        this.#store(topic, partition, message);
        if (failure === 'lost') return { ok: false, reason: 'unavailable', message: 'no answer' };
        return { ok: true, offset: BigInt(this.stored.length - 1) };
      },
    };
  }

  release(): void {
    this.held = false;
    for (const go of this.#release.splice(0)) go();
  }

  #store(topic: string, partition: number, message: BlockMessage): void {
    const value = Buffer.from(message.value);
    this.stored.push({ topic, partition, headers: message.headers, value });
  }
}
