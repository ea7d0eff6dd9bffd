import { partitionOf } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import {
  type BlockMessage,
  type BlockProducer,
  type Kafka,
  KafkaError,
  Outage,
} from '#platform/kafka.ts';
import { sentenceOf } from '#platform/log.ts';
import type { TelemetryIdentity, TelemetryLog } from '../types.ts';

export interface DestinationOptions {
  topic: string;
  identity: Pick<TelemetryIdentity, 'instance' | 'worker'>;
  kafka: Pick<Kafka, 'partitionCount'>;
  producer: BlockProducer;
  clock: Clock;
  log: TelemetryLog;
}

const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 3_000;
/** Services of analytics make the topics, perhaps after the proxy started. */
const TOPIC_AGAIN_MS = 1_000;

/**
 * The one partition that a worker's stream goes to, and when the next try is due. It is chosen
 * once, so that the blocks of a worker stay in order; a topic made anew with fewer partitions
 * makes it be chosen again. Says when Kafka goes away (see Outage) and once when it is back.
 */
export class Destination {
  readyAtMs = 0;
  readonly #options: DestinationOptions;
  #partition: number | undefined;
  /** Whether the topic is known to be there since the last failure. */
  #checked = false;
  readonly #outage: Outage;

  constructor(options: DestinationOptions) {
    this.#options = options;
    this.#outage = new Outage(options.clock);
  }

  /** `later`: not stored, or not known to be: send the same again from `readyAtMs` on. */
  async send(message: BlockMessage): Promise<'stored' | 'refused' | 'later'> {
    const { topic, producer } = this.#options;
    const partition = await this.#choose();
    if (partition === undefined) return 'later';
    const result = await producer.send(topic, partition, message);
    if (result.ok) {
      this.#back();
      return 'stored';
    }
    if (result.reason === 'refused') {
      this.#options.log('error', 'Kafka refused a block', { topic, why: result.message });
      return 'refused';
    }
    if (result.reason === 'no_topic') this.#waitForTopic();
    else this.#waitForKafka(result.reason, result.message);
    return 'later';
  }

  async #choose(): Promise<number | undefined> {
    const { topic, identity, kafka } = this.#options;
    if (this.#checked) return this.#partition;
    let partitions: number;
    try {
      partitions = await kafka.partitionCount(topic);
    } catch (error) {
      const isDenied = error instanceof KafkaError && error.denied;
      this.#waitForKafka(isDenied ? 'denied' : 'unavailable', sentenceOf(error));
      return undefined;
    }
    if (partitions === 0) {
      this.#waitForTopic();
      return undefined;
    }
    if (this.#partition === undefined || this.#partition >= partitions) {
      this.#partition = partitionOf(identity.instance, identity.worker, partitions);
    }
    this.#checked = true;
    return this.#partition;
  }

  /** What is denied is an error: it stays until somebody mends it. */
  #waitForKafka(reason: 'unavailable' | 'denied', why: string): void {
    const delayMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** this.#outage.failures);
    this.#wait(reason === 'denied' ? 'error' : 'warn', delayMs, why);
  }

  /** As it is at every first start: no cause for a warning. */
  #waitForTopic(): void {
    const { topic } = this.#options;
    // Kafka says the same of both.
    const why = `there is no topic ${topic} yet, or it may not be seen by this proxy`;
    this.#wait('info', TOPIC_AGAIN_MS, why);
  }

  #wait(level: 'info' | 'warn' | 'error', delayMs: number, why: string): void {
    const { log, topic, clock } = this.#options;
    this.#checked = false;
    this.readyAtMs = clock.nowMs() + delayMs;
    log(this.#outage.failed(level) ? level : 'debug', 'telemetry waits for Kafka', { topic, why });
  }

  #back(): void {
    const { log, topic } = this.#options;
    const { failures } = this.#outage;
    if (failures > 0) log('info', 'telemetry reaches Kafka again', { topic, failures });
    this.#outage.ended();
    this.readyAtMs = 0;
  }
}
