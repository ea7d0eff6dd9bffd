import type { BlockProducer, GroupMessage } from '#platform/kafka.ts';

/** Puts a message that could not be read aside; `failed` is why it could not even be put there. */
export type SendDead = (
  where: { topic: string; partition: number },
  message: GroupMessage,
  reason: string,
) => Promise<{ ok: true } | { ok: false; again: boolean; message: string }>;

const REASON_CHARS_MAX = 1_000;

/**
 * The message as it was, with headers that say whence it came and why it is here. It may be sent
 * twice when this process dies at the wrong moment: `dead-topic`, `dead-partition` and
 * `dead-offset` tell such copies.
 */
export function sendDeadTo(producer: BlockProducer, topic: string): SendDead {
  return async (where, message, reason) => {
    const sent = await producer.send(topic, 0, {
      value: message.value,
      headers: {
        ...message.headers,
        'dead-reason': reason.slice(0, REASON_CHARS_MAX),
        'dead-topic': where.topic,
        'dead-partition': String(where.partition),
        'dead-offset': message.offset.toString(),
      },
    });
    if (sent.ok) return { ok: true };
    const again = sent.reason === 'unavailable' || sent.reason === 'denied';
    return { ok: false, again, message: sent.message };
  };
}
