import type { DeadLetter, DeadLettersQuery } from '#contracts/api/dead-letters.ts';
import type { Stream } from '#contracts/tables.ts';
import { type BlockHeaders, decodeBlockHeaders } from '#contracts/topics.ts';
import type { GroupMessage } from '#platform/kafka.ts';

/** A letter with whose block it is, as far as its headers can be read. */
export interface Letter {
  message: GroupMessage;
  /** Of its body, also where that was let go. */
  bytes: number;
  stream: Stream;
  block: BlockHeaders | undefined;
  origin: { topic: string; partition: number; offset: string; reason: string };
}

const OURS = ['dead-reason', 'dead-topic', 'dead-partition', 'dead-offset'] as const;
const METRICS_TOPIC = /\.metrics$/;

export function readLetter(message: GroupMessage): Letter {
  const { headers } = message;
  const topic = headers['dead-topic'] ?? '';
  return {
    message,
    bytes: message.value.length,
    stream: METRICS_TOPIC.test(topic) ? 'metrics' : 'access',
    block: decodeBlockHeaders(headers),
    origin: {
      topic,
      partition: Number(headers['dead-partition'] ?? 0),
      offset: headers['dead-offset'] ?? '',
      reason: headers['dead-reason'] ?? '',
    },
  };
}

/** The headers that it had before it was put aside. */
export function ownHeaders({ message }: Letter): Record<string, string> {
  const names = new Set<string>(OURS);
  return Object.fromEntries(Object.entries(message.headers).filter(([name]) => !names.has(name)));
}

/**
 * The same for every copy: a letter may be put aside twice when analytics dies, a block that is
 * sent again may be refused again.
 */
export function identityOf({ block, origin, stream }: Letter): string {
  if (block !== undefined) return blockKey(stream, block);
  return JSON.stringify([origin.topic, origin.partition, origin.offset]);
}

export function blockKey(
  stream: Stream,
  { instance, worker, seq }: Pick<BlockHeaders, 'instance' | 'worker' | 'seq'>,
): string {
  return JSON.stringify([stream, instance, worker, seq]);
}

/** Whether the filters let it through, but for its state. */
export function passes(
  { block, origin, stream }: Letter,
  filters: Pick<DeadLettersQuery, 'reason' | 'stream' | 'proxy'>,
): boolean {
  const { reason, stream: wanted, proxy } = filters;
  return (
    (reason === undefined || origin.reason.toLowerCase().includes(reason.toLowerCase())) &&
    (wanted === undefined || stream === wanted) &&
    (proxy === undefined || block?.proxy === proxy)
  );
}

export function shown(letter: Letter, state: DeadLetter['state']): DeadLetter {
  const { message, bytes, origin, stream, block } = letter;
  return {
    id: message.offset.toString(),
    time: new Date(message.timestampMs).toISOString(),
    ...origin,
    ...{ stream, bytes },
    ...(block && {
      ...{ proxy: block.proxy, instance: block.instance, worker: block.worker },
      ...{ seq: block.seq, rows: block.rows, schema: block.schema },
    }),
    state,
  };
}
