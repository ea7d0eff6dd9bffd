import { sentenceOf } from '../log.ts';
import type { SendFailure } from './types.ts';

/** Answers after which the same message would be refused again. */
const REFUSED = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'POLICY_VIOLATION',
]);
const NO_TOPIC = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION']);
const CAUSES_MAX = 8;

/** The error that the broker or the socket gave, under what kafkajs wraps around it. */
export function originOf(error: unknown): unknown {
  let origin = error;
  for (let depth = 0; depth < CAUSES_MAX; depth++) {
    const cause = origin instanceof Error ? origin.cause : undefined;
    if (!(cause instanceof Error)) break;
    origin = cause;
  }
  return origin;
}

/** Kafka's own word for an error, such as `UNKNOWN_TOPIC_OR_PARTITION`; empty when it has none. */
export function typeOf(error: unknown): string {
  const origin = originOf(error);
  const type = origin instanceof Error ? (origin as Error & { type?: unknown }).type : undefined;
  return typeof type === 'string' ? type : '';
}

export function sendFailureOf(error: unknown): SendFailure {
  const type = typeOf(error);
  if (REFUSED.has(type)) return 'refused';
  return NO_TOPIC.has(type) ? 'no_topic' : 'unavailable';
}

/** One sentence for a person: what Kafka said, or why it cannot be reached. */
export function kafkaSentence(error: unknown): string {
  return sentenceOf(originOf(error));
}
