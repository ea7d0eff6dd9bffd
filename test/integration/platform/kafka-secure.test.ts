import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type GroupOptions,
  type Kafka,
  type KafkaAccess,
  KafkaError,
  connectKafka,
} from '#platform/kafka.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir, uniqueMesh } from '#test/parts.ts';
import { type SecureKafka, startSecureKafka } from '#test/secure-kafka.ts';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

let broker: SecureKafka;
beforeAll(async () => {
  broker = await startSecureKafka();
}, 120_000);
afterAll(() => broker.stop());

type Mechanism = NonNullable<KafkaAccess['user']>['mechanism'];

function userAccess(
  passwordFile = broker.passwordFiles.windrose,
  mechanism: Mechanism = 'SCRAM-SHA-512',
  name = 'windrose',
): KafkaAccess {
  return { tls: true, caFile: broker.caFile, user: { name, passwordFile, mechanism } };
}

/** What was logged, whole. */
interface Linked {
  kafka: Kafka;
  log: { level: string; text: string }[];
}

function link(brokers: string, access?: KafkaAccess): Linked {
  const log: Linked['log'] = [];
  const kafka = connectKafka({
    ...{ brokers: [brokers], clientId: 'test', access },
    log: (level, message, fields) => {
      log.push({ level, text: `${message} ${JSON.stringify(fields)}` });
    },
  });
  onTestFinished(() => kafka.close());
  return { kafka, log };
}

const MESSAGE = { value: Buffer.from('a block'), headers: { a: '1' } };
const soon = (what: string) => ({ what, timeoutMs: 20_000 });

function groupOf(topic: string, seen: string[]): GroupOptions {
  return {
    ...{ groupId: `g.${topic}`, topics: [topic], from: 'oldest', maxWaitMs: 100 },
    sessionTimeoutMs: 6_000,
    batch: async (batch) => {
      for (const { value, offset } of batch.messages) {
        seen.push(value.toString());
        batch.resolve(offset);
        await batch.commit(offset + 1n);
      }
    },
  };
}

/** Through topic creation, a send, and a group that commits; what the group read. */
async function goesRound(kafka: Kafka): Promise<string[]> {
  const topic = `test.${uniqueMesh()}`;
  expect(await kafka.ensureTopics([{ topic, partitions: 1 }])).toMatchObject([{ created: true }]);
  expect(await kafka.createProducer().send(topic, 0, MESSAGE)).toEqual({ ok: true, offset: 0n });
  const seen: string[] = [];
  const group = kafka.consumeGroup(groupOf(topic, seen));
  await eventually(
    async () => (await kafka.committed(`g.${topic}`, topic)).find((one) => one.offset === 1n),
    soon('the commit'),
  );
  expect(group.problem()).toBeUndefined();
  return seen;
}

test.each(['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'] as const)(
  'over TLS with %s: topics are made, a block is stored, a group reads and commits it',
  async (mechanism) => {
    const { kafka } = link(broker.sasl, userAccess(undefined, mechanism));
    expect(await goesRound(kafka)).toEqual(['a block']);
  },
);

test('over TLS without a user', async () => {
  const { kafka } = link(broker.tls, { tls: true, caFile: broker.caFile });
  expect(await goesRound(kafka)).toEqual(['a block']);
});

const at = (name: 'plain' | 'tls' | 'sasl') => () => broker[name];
const wrongPassword = (): KafkaAccess => userAccess(broker.passwordFiles.wrong);
const REFUSED = /^Kafka refuses the user or the password \(--kafka-user\)$/;
const NO_USER = /^this listener of Kafka takes no user and password: name another port/;
const NO_TLS =
  /^the broker \S+:\d+ ended the connection before TLS was established: it has perhaps/;
const NOT_BELIEVED =
  /^the certificate of the broker \S+:\d+ is not believed \(--kafka-ca\): unable to verify/;
const CLOSED =
  /^the broker \S+:\d+ closed the connection; if it always does, it wants TLS \(--kafka/;

const WRONG: [string, () => string, () => KafkaAccess | undefined, string, RegExp][] = [
  ['a wrong password (SCRAM)', at('sasl'), wrongPassword, 'denied', REFUSED],
  [
    ...(['a wrong password (PLAIN)', at('sasl')] as const),
    () => userAccess(broker.passwordFiles.wrong, 'PLAIN'),
    ...(['denied', REFUSED] as const),
  ],
  [
    ...(['an unknown user', at('sasl')] as const),
    () => userAccess(undefined, undefined, 'nobody'),
    ...(['denied', REFUSED] as const),
  ],
  [
    ...(['a wrong CA', at('sasl')] as const),
    () => ({ ...userAccess(), caFile: broker.wrongCaFile }),
    'denied',
    NOT_BELIEVED,
  ],
  [
    ...(["the system's CAs and a broker of a private one", at('tls')] as const),
    () => ({ tls: true }),
    ...(['denied', /is not believed \(--kafka-ca\): /] as const),
  ],
  ['TLS to a plaintext broker', at('plain'), userAccess, 'denied', NO_TLS],
  [
    ...(['a user where none is taken, over TLS', at('tls')] as const),
    userAccess,
    ...(['denied', NO_USER] as const),
  ],
  [
    ...(['a user where none is taken, in plaintext', at('plain')] as const),
    () => ({ ...userAccess(), tls: false, caFile: undefined }) as unknown as KafkaAccess,
    ...(['denied', NO_USER] as const),
  ],
  ['plaintext to a broker with TLS', at('tls'), () => undefined, 'unavailable', CLOSED],
  [
    ...(['TLS without a user where one is wanted', at('sasl')] as const),
    () => ({ tls: true, caFile: broker.caFile }),
    ...(['unavailable', CLOSED] as const),
  ],
];

test.each(WRONG)('%s: one clear sentence from each part, and no secret', async (...of) => {
  const [, brokers, access, reason, sentence] = of;
  const { kafka, log } = link(brokers(), access());
  const sent = await kafka.createProducer().send('t', 0, MESSAGE);
  expect(sent).toEqual({ ok: false, reason, message: expect.stringMatching(sentence) as string });

  const asked: unknown = await kafka.partitionCount('t').catch((error: unknown) => error);
  if (!(asked instanceof KafkaError)) throw new Error('Kafka answered');
  expect(asked.message.replace(/^Kafka: /, '')).toMatch(sentence);
  expect(asked.denied).toBe(reason === 'denied');
  await expect(kafka.ensureTopics([{ topic: 't', partitions: 1 }])).rejects.toThrow(KafkaError);

  const group = kafka.consumeGroup(groupOf('t', []));
  await eventually(() => group.crashes() > 2 || undefined, soon('it is tried again'));
  expect(group.assignment()).toBeUndefined();
  expect(group.problem()).toMatch(sentence);
  await group.stop();
  const said = log.filter((line) => line.level !== 'debug');
  expect(said).toHaveLength(1);
  expect(said[0]?.level).toBe(reason === 'denied' ? 'error' : 'warn');
  expect(said[0]?.text).toContain(group.problem());

  const everything = `${JSON.stringify([log, sent])} ${causesOf(asked)}`;
  for (const password of broker.passwords) expect(everything).not.toContain(password);
});

function causesOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return `${error.stack} ${JSON.stringify(error)} ${causesOf(error.cause)}`;
}

test('who may log in and nothing more: told what is not allowed', async () => {
  const topic = `test.${uniqueMesh()}`;
  await link(broker.plain).kafka.ensureTopics([{ topic, partitions: 1 }]);
  const access = userAccess(broker.passwordFiles.stranger, undefined, 'stranger');
  const { kafka } = link(broker.sasl, access);
  expect(await kafka.createProducer().send(topic, 0, MESSAGE)).toMatchObject({
    ...{
      reason: 'denied',
      message: 'Not authorized to access topics: [Topic authorization failed]',
    },
  });
  const group = kafka.consumeGroup(groupOf(topic, []));
  await eventually(() => group.problem(), soon('the group says why'));
  expect(group.problem()).toMatch(/^Not authorized to access (topics|group)/);
  const [made] = await kafka.ensureTopics([{ topic: `${topic}.new`, partitions: 1 }]);
  expect(made?.problem).toMatch(/is absent: this client may not create topics: create it by hand/);
});

test('a password that is mended in its file is taken without a restart', async () => {
  const file = join(tempDir(), 'password');
  copyFileSync(broker.passwordFiles.wrong, file);
  const { kafka } = link(broker.sasl, userAccess(file));
  const topic = `test.${uniqueMesh()}`;
  await link(broker.plain).kafka.ensureTopics([{ topic, partitions: 1 }]);
  const producer = kafka.createProducer();
  const seen: string[] = [];
  const group = kafka.consumeGroup(groupOf(topic, seen));
  expect(await producer.send(topic, 0, MESSAGE)).toMatchObject({ reason: 'denied' });
  await eventually(() => group.problem(), soon('the group is refused'));
  copyFileSync(broker.passwordFiles.windrose, file);
  expect(await producer.send(topic, 0, MESSAGE)).toEqual({ ok: true, offset: 0n });
  await eventually(() => seen[0], soon('the group reads'));
  expect(group.problem()).toBeUndefined();
});

test('a file that is gone when it is needed: the same sentence again, and no crash', async () => {
  const { kafka } = link(broker.sasl, userAccess(join(tempDir(), 'gone')));
  const sentence = /^the password for Kafka cannot be read: ENOENT/;
  const sent = await kafka.createProducer().send('t', 0, MESSAGE);
  expect(sent).toMatchObject({
    ...{ reason: 'denied', message: expect.stringMatching(sentence) as string },
  });
  const group = kafka.consumeGroup(groupOf('t', []));
  await eventually(() => group.crashes() > 2 || undefined, soon('it is tried again'));
  expect(group.problem()).toMatch(sentence);
});

test('a broker that starts anew is found again, with its password', async () => {
  const { kafka } = link(broker.sasl, userAccess());
  const topic = `test.${uniqueMesh()}`;
  await kafka.ensureTopics([{ topic, partitions: 1 }]);
  const producer = kafka.createProducer();
  const seen: string[] = [];
  kafka.consumeGroup(groupOf(topic, seen));
  expect(await producer.send(topic, 0, MESSAGE)).toMatchObject({ ok: true });
  await eventually(() => seen[0], soon('the first'));
  await broker.part.restart();
  const last = { ...MESSAGE, value: Buffer.from('after') };
  await eventually(async () => {
    const sent = await producer.send(topic, 0, last);
    return sent.ok || undefined;
  }, soon('it is stored'));
  await eventually(() => seen.includes('after') || undefined, soon('it is read'));
});
