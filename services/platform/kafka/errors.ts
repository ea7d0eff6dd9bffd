import { sentenceOf } from '../log.ts';
import { KafkaAccessError } from './access.ts';
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
const SASL_SENTENCES: Readonly<Record<string, string>> = {
  SASL_AUTHENTICATION_FAILED: 'Kafka refuses the user or the password (--kafka-user)',
  UNSUPPORTED_SASL_MECHANISM:
    'this listener of Kafka does not take the SASL mechanism (--kafka-sasl-mechanism)',
  ILLEGAL_SASL_STATE:
    'this listener of Kafka takes no user and password: name another port, or no --kafka-user',
};
/** OpenSSL's reasons not to believe a certificate, and Node's. */
const NOT_BELIEVED =
  /^(UNABLE_TO_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_|PATH_LENGTH_|HOSTNAME_|ERR_TLS_CERT)/;
const NO_TLS_MESSAGE = 'before secure TLS connection was established';
const CAUSES_MAX = 8;

interface LibraryError extends Error {
  type?: unknown;
  code?: unknown;
  broker?: unknown;
}

/** A question to Kafka without an answer; `denied`: it is answered once somebody mends that. */
export class KafkaError extends Error {
  readonly denied: boolean;

  constructor(error: unknown) {
    super(`Kafka: ${kafkaSentence(error)}`, { cause: error });
    this.denied = sendFailureOf(error) === 'denied';
  }
}

/** The error that the broker or the socket gave, under what kafkajs wraps around it. */
export function originOf(error: unknown): unknown {
  let origin = error;
  for (let depth = 0; depth < CAUSES_MAX; depth++) {
    const cause = origin instanceof Error ? (origin.cause ?? firstOf(origin)) : undefined;
    if (!(cause instanceof Error)) break;
    origin = cause;
  }
  return origin;
}

/** Of several at once, as for topics that could not be made. */
function firstOf(error: Error): unknown {
  const { errors } = error as { errors?: unknown };
  return Array.isArray(errors) ? errors[0] : undefined;
}

/** Kafka's own word for an error, such as `UNKNOWN_TOPIC_OR_PARTITION`; empty when it has none. */
export function typeOf(error: unknown): string {
  const origin = originOf(error);
  if (!(origin instanceof Error)) return '';
  const { name, type } = origin as LibraryError;
  // kafkajs makes a new error of this answer, and forgets its type.
  if (name === 'KafkaJSSASLAuthenticationError') return 'SASL_AUTHENTICATION_FAILED';
  return typeof type === 'string' ? type : '';
}

export function sendFailureOf(error: unknown): SendFailure {
  const type = typeOf(error);
  if (REFUSED.has(type)) return 'refused';
  if (NO_TOPIC.has(type)) return 'no_topic';
  return isDenied(originOf(error), type) ? 'denied' : 'unavailable';
}

function isDenied(origin: unknown, type: string): boolean {
  if (type in SASL_SENTENCES || type.endsWith('_AUTHORIZATION_FAILED')) return true;
  return origin instanceof KafkaAccessError || tlsSentence(origin) !== undefined;
}

/** One sentence for a person: what Kafka said, or why it cannot be reached. */
export function kafkaSentence(error: unknown): string {
  const origin = originOf(error);
  return (
    SASL_SENTENCES[typeOf(error)] ??
    tlsSentence(origin) ??
    closedSentence(origin) ??
    sentenceOf(origin)
  );
}

function tlsSentence(origin: unknown): string | undefined {
  if (!(origin instanceof Error)) return undefined;
  const { code, message } = origin as LibraryError;
  const broker = brokerOf(origin);
  if (message.includes(NO_TLS_MESSAGE) || code === 'EPROTO' || codeStarts(code, 'ERR_SSL_')) {
    return `${broker} ended the connection before TLS was established: it has perhaps no TLS there`;
  }
  if (typeof code !== 'string' || !NOT_BELIEVED.test(code)) return undefined;
  const why = message.replace('Connection error: ', '').split('; ')[0] ?? '';
  return `the certificate of ${broker} is not believed (--kafka-ca): ${why}`;
}

/** What a listener with TLS, or one that wants a user, does to those who come without. */
function closedSentence(origin: unknown): string | undefined {
  if (!(origin instanceof Error) || origin.name !== 'KafkaJSConnectionClosedError')
    return undefined;
  return (
    `${brokerOf(origin)} closed the connection; ` +
    'if it always does, it wants TLS (--kafka-tls, --kafka-ca) or a user (--kafka-user)'
  );
}

function codeStarts(code: unknown, start: string): boolean {
  return typeof code === 'string' && code.startsWith(start);
}

function brokerOf(error: LibraryError): string {
  return typeof error.broker === 'string' ? `the broker ${error.broker}` : 'a broker';
}
