import { BootstrapError, type FieldSpec } from './bootstrap.ts';
import { KafkaAccessError, readAccess } from './kafka/access.ts';
import type { KafkaAccess, KafkaUser } from './kafka/types.ts';

/**
 * Bootstrap fields of every process that speaks to Kafka, beside the brokers' addresses. The
 * password is in a file and nowhere else: neither arguments nor the environment hold it.
 */
export const KAFKA_ACCESS_FIELDS = {
  kafkaTls: {
    type: 'boolean',
    env: 'KAFKA_TLS',
    default: false,
    description: "TLS towards Kafka, with the system's CAs; --kafka-ca implies it",
  },
  kafkaCa: { type: 'string', env: 'KAFKA_CA', description: 'CA bundle for Kafka over TLS' },
  kafkaUser: { type: 'string', env: 'KAFKA_USER', description: 'user towards Kafka (SASL)' },
  kafkaPasswordFile: {
    type: 'string',
    env: 'KAFKA_PASSWORD_FILE',
    description: "file with this user's password; read again at each connection",
  },
  kafkaSaslMechanism: {
    type: 'string',
    env: 'KAFKA_SASL_MECHANISM',
    choices: ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'],
    default: 'SCRAM-SHA-512',
    description: 'how the password is shown; PLAIN over TLS only',
  },
} as const satisfies Record<string, FieldSpec>;

export interface KafkaAccessValues {
  kafkaTls: boolean;
  kafkaCa: string | undefined;
  kafkaUser: string | undefined;
  kafkaPasswordFile: string | undefined;
  kafkaSaslMechanism: string;
}

/** Addresses of brokers, as a list of `host:port` has them; throws BootstrapError. */
export function kafkaBrokersOf(brokers: readonly string[]): string[] {
  const odd = brokers.find((broker) => !isHostPort(broker));
  if (odd !== undefined) throw new BootstrapError(`--kafka ${odd} is no host:port`);
  if (brokers.length === 0) throw new BootstrapError('--kafka names no broker');
  return [...brokers];
}

function isHostPort(text: string): boolean {
  const [, port] = /^(?:[^\s:[\]]+|\[[0-9a-f:.]+\]):([0-9]{1,5})$/i.exec(text) ?? [];
  return port !== undefined && Number(port) > 0 && Number(port) < 65_536;
}

/** What the fields say, once its files could be read; throws BootstrapError. */
export function kafkaAccessOf(values: KafkaAccessValues): KafkaAccess {
  const { kafkaTls, kafkaCa, kafkaUser, kafkaPasswordFile, kafkaSaslMechanism } = values;
  if (kafkaUser !== undefined && kafkaPasswordFile === undefined) {
    throw new BootstrapError('--kafka-user needs --kafka-password-file: where its password is');
  }
  if (kafkaUser === undefined && kafkaPasswordFile !== undefined) {
    throw new BootstrapError('--kafka-password-file needs --kafka-user: whose password it is');
  }
  const access: KafkaAccess = {
    tls: kafkaTls || kafkaCa !== undefined,
    ...(kafkaCa === undefined ? {} : { caFile: kafkaCa }),
  };
  if (kafkaUser !== undefined && kafkaPasswordFile !== undefined) {
    const mechanism = kafkaSaslMechanism as KafkaUser['mechanism'];
    access.user = { name: kafkaUser, passwordFile: kafkaPasswordFile, mechanism };
  }
  try {
    readAccess(access);
  } catch (error) {
    throw error instanceof KafkaAccessError ? new BootstrapError(error.message) : error;
  }
  return access;
}
