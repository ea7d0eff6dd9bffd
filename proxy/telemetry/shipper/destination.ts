import { partitionOf } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { BlockMessage, BlockProducer, Kafka } from '#platform/kafka.ts';
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
 * makes it be chosen again. Says once when Kafka goes away and once when it is back.
 */
export class Destination {
  readyAtMs = 0;
  readonly #options: DestinationOptions;
  #partition: number | undefined;
  /** Whether the topic is known to be there since the last failure. */
  #checked = false;
  #failures = 0;

  constructor(options: DestinationOptions) {
    this.#options = options;
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
    else this.#wait('warn', this.#backoffMs(), result.message);
    return 'later';
  }

  async #choose(): Promise<number | undefined> {
    const { topic, identity, kafka } = this.#options;
    if (this.#checked) return this.#partition;
    let partitions: number;
    try {
      partitions = await kafka.partitionCount(topic);
    } catch (error) {
      this.#wait('warn', this.#backoffMs(), sentenceOf(error));
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

  #backoffMs(): number {
    return Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** this.#failures);
  }

  /** As it is at every first start: no cause for a warning. */
  #waitForTopic(): void {
    this.#wait('info', TOPIC_AGAIN_MS, `there is no topic ${this.#options.topic} yet`);
  }

  #wait(level: 'info' | 'warn', delayMs: number, why: string): void {
    const { log, topic, clock } = this.#options;
    this.#checked = false;
    this.readyAtMs = clock.nowMs() + delayMs;
    log(this.#failures++ === 0 ? level : 'debug', 'telemetry waits for Kafka', { topic, why });
  }

  #back(): void {
    const { log, topic } = this.#options;
    if (this.#failures > 0) {
      log('info', 'telemetry reaches Kafka again', { topic, failures: this.#failures });
    }
    this.#failures = 0;
    this.readyAtMs = 0;
  }
}
