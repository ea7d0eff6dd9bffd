import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL_HOST } from '../settings.ts';

/** One who may log in, with SCRAM and with PLAIN alike. */
export interface KafkaUser {
  readonly name: string;
  /** Letters, digits, `-` and `_`: it stands in settings that quote in three different ways. */
  readonly password: string;
  /** Without it a user may log in and nothing else. */
  readonly mayDoAll: boolean;
}

/** Listeners as a broker in production has them, beside the plain one of every local broker. */
export interface SecureListeners {
  /** TLS with a user and a password (SASL_SSL). */
  readonly saslPort: number;
  /** TLS alone (SSL). */
  readonly tlsPort: number;
  /** PEM texts of the broker's certificate and its PKCS #8 key. */
  readonly cert: string;
  readonly key: string;
  readonly users: readonly KafkaUser[];
}

const SCRAM = ['SCRAM-SHA-512', 'SCRAM-SHA-256'] as const;
const LISTENER = 'listener.name.sasl_ssl';
const MODULES = 'org.apache.kafka.common.security';

/** Settings for these listeners; their key is written into `folder`. */
export function secureSettings(secure: SecureListeners, folder: string): Record<string, string> {
  const keystore = join(folder, 'broker.pem');
  writeFileSync(keystore, `${secure.key}${secure.cert}`, { mode: 0o600 });
  const plainUsers = secure.users.map(({ name, password }) => `user_${name}="${password}"`);
  const plain = [`${MODULES}.plain.PlainLoginModule required`, ...plainUsers].join(' ');
  const mayDoAll = secure.users.filter((user) => user.mayDoAll).map((user) => user.name);
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keystore,
    'sasl.enabled.mechanisms': [...SCRAM, 'PLAIN'].join(','),
    ...Object.fromEntries(
      SCRAM.map((mechanism) => [
        `${LISTENER}.${mechanism.toLowerCase()}.sasl.jaas.config`,
        `${MODULES}.scram.ScramLoginModule required;`,
      ]),
    ),
    [`${LISTENER}.plain.sasl.jaas.config`]: `${plain};`,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // Whoever comes without a name: the broker itself, and the tests by the other listeners.
    'super.users': ['ANONYMOUS', ...mayDoAll].map((name) => `User:${name}`).join(';'),
  };
}

export function secureAddresses({ saslPort, tlsPort }: SecureListeners): string[] {
  return [`SASL_SSL://${LOCAL_HOST}:${saslPort}`, `SSL://${LOCAL_HOST}:${tlsPort}`];
}

/** Arguments of `kafka-storage format`: SCRAM users are in the metadata, not in the settings. */
export function scramArgs(users: readonly KafkaUser[]): string[] {
  return users.flatMap(({ name, password }) =>
    SCRAM.flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
}
