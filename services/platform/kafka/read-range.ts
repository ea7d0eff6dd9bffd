import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { KafkaError } from './errors.ts';
import type { GroupConsumer, Kafka, ReadRange } from './types.ts';

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 2_000;

/**
 * kafkajs reads in groups only, so this is a group of one with a name that nobody else has. It
 * commits nothing: the broker forgets it once its member has left.
 */
export async function readRange(
  kafka: Pick<Kafka, 'consumeGroup'>,
  { topic, partition, from, to, groupPrefix, timeoutMs, signal, visit }: ReadRange,
  clock: Clock,
): Promise<void> {
  if (from >= to) return;
  if (signal?.aborted === true) throw stopped(topic);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = (): void => reject(stopped(topic));
  let next = from;
  const group: GroupConsumer = kafka.consumeGroup({
    groupId: `${groupPrefix}.${randomBytes(6).toString('hex')}`,
    topics: [topic],
    from: 'oldest',
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
    maxWaitMs: 100,
    assigned: () => group.seek(topic, partition, next),
    batch: (batch) => {
      for (const message of batch.messages) {
        batch.resolve(message.offset);
        if (batch.partition !== partition || message.offset < next) continue;
        next = message.offset + 1n;
        const isWanted = message.offset < to && visit(message) !== 'enough';
        if (!isWanted || next >= to) {
          resolve();
          break;
        }
      }
      return Promise.resolve();
    },
  });
  const timer = clock.after(timeoutMs, () => {
    const why = group.problem() ?? `${topic} was not read within ${timeoutMs / 1_000} s`;
    reject(new KafkaError(new Error(why)));
  });
  signal?.addEventListener('abort', stop);
  try {
    await promise;
  } finally {
    signal?.removeEventListener('abort', stop);
    timer.cancel();
    await group.stop();
  }
}

function stopped(topic: string): KafkaError {
  return new KafkaError(new Error(`${topic} is read no further: this program stops`));
}
