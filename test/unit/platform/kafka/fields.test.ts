import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BootstrapError, bootstrapHelp, readBootstrap } from '#platform/bootstrap.ts';
import { KAFKA_ACCESS_FIELDS, kafkaAccessOf } from '#platform/kafka-fields.ts';
import type { KafkaAccess } from '#platform/kafka.ts';
import { issueCertificate } from '#platform/x509.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { readAccess } from '../../../../services/platform/kafka/access.ts';

function access(argv: readonly string[], env: NodeJS.ProcessEnv = {}): KafkaAccess {
  return kafkaAccessOf(readBootstrap({ program: 'test', fields: KAFKA_ACCESS_FIELDS, argv, env }));
}

function fileWith(text: string): string {
  const file = join(tempDir(), 'file');
  writeFileSync(file, text);
  return file;
}

const caText = (): string => issueCertificate({ name: 'CA', isAuthority: true }).cert;

test('nothing said: neither TLS nor a user', () => {
  expect(access([])).toEqual({ tls: false });
  expect(readAccess(access([]))).toEqual({});
});

test('flags, variables and the bootstrap file say the same; only names of files are kept', () => {
  const [ca, password] = [fileWith(caText()), fileWith('s3cret\r\n')];
  const expected = {
    ...{ tls: true, caFile: ca },
    user: { name: 'shipper', passwordFile: password, mechanism: 'SCRAM-SHA-256' },
  };
  const flags = ['--kafka-ca', ca, '--kafka-user', 'shipper', '--kafka-password-file', password];
  expect(access([...flags, '--kafka-sasl-mechanism', 'SCRAM-SHA-256'])).toEqual(expected);
  expect(
    access([], {
      ...{ KAFKA_CA: ca, KAFKA_USER: 'shipper', KAFKA_PASSWORD_FILE: password },
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256',
    }),
  ).toEqual(expected);
  const file = fileWith(
    `kafkaCa: ${ca}\nkafkaUser: shipper\nkafkaPasswordFile: ${password}\n` +
      'kafkaSaslMechanism: SCRAM-SHA-256\n',
  );
  expect(access(['--bootstrap', file])).toEqual(expected);
  expect(readAccess(access(['--bootstrap', file]))).toEqual({
    ssl: { ca: expect.stringContaining('CERTIFICATE') as string, rejectUnauthorized: true },
    sasl: { mechanism: 'scram-sha-256', username: 'shipper', password: 's3cret' },
  });
});

test('TLS with the CAs of the system; SCRAM-SHA-512 unless another is named', () => {
  const user = ['--kafka-user', 'a', '--kafka-password-file', fileWith('b')];
  expect(readAccess(access(['--kafka-tls', ...user]))).toEqual({
    ssl: { rejectUnauthorized: true },
    sasl: { mechanism: 'scram-sha-512', username: 'a', password: 'b' },
  });
});

test('wrong use is one sentence, without what is in the files', () => {
  const password = fileWith('s3cret');
  const user = ['--kafka-user', 'a', '--kafka-password-file', password];
  const wrong: [string[], RegExp][] = [
    [['--kafka-user', 'a'], /^--kafka-user needs --kafka-password-file/],
    [['--kafka-password-file', password], /^--kafka-password-file needs --kafka-user/],
    [['--kafka-user', 'a', '--kafka-password-file', '/none'], /^the password for Kafka cannot be/],
    [['--kafka-user', 'a', '--kafka-password-file', fileWith('\n')], /^the password .* is empty$/],
    [['--kafka-ca', '/none'], /^the CA of Kafka's brokers cannot be read: ENOENT/],
    [['--kafka-ca', password], /is no CA for Kafka: there is no certificate in PEM in it$/],
    [[...user, '--kafka-sasl-mechanism', 'PLAIN'], /^PLAIN would send .* readably: it needs TLS$/],
    [[...user, '--kafka-sasl-mechanism', 'plain'], /is not one of SCRAM-SHA-512, SCRAM-SHA-256, P/],
    [['--kafka-password', 's3cret'], /^Unknown option '--kafka-password'/],
  ];
  for (const [argv, sentence] of wrong) {
    let told: unknown;
    try {
      access(argv);
    } catch (error) {
      told = error;
    }
    if (!(told instanceof BootstrapError)) throw new Error(`${argv.join(' ')} is accepted`);
    expect(told.message).toMatch(sentence);
    expect(told.message).not.toContain('s3cret');
  }
});

test('no flag, variable or default holds a password', () => {
  const help = bootstrapHelp('test', KAFKA_ACCESS_FIELDS);
  expect(help).toContain('--kafka-password-file');
  expect(help).not.toMatch(/--kafka-password |KAFKA_PASSWORD\b(?!_FILE)/);
});
