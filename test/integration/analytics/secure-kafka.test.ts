// Kafka over TLS with a user, from the flags of the process to what is stored.
import { readFileSync } from 'node:fs';
import { meshTopics } from '#contracts/topics.ts';
import { eventually } from '#test/eventually.ts';
import { freePort } from '#test/parts.ts';
import { type SecureKafka, startSecureKafka } from '#test/secure-kafka.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { message, startService, testMesh, untilBlocks } from './mesh.ts';

let broker: SecureKafka;
beforeAll(async () => {
  broker = await startSecureKafka();
}, 120_000);
afterAll(() => broker.stop());

function flags(passwordFile: string): string[] {
  return [
    ...['--kafka', broker.sasl, '--kafka-ca', broker.caFile],
    ...['--kafka-user', 'windrose', '--kafka-password-file', passwordFile],
  ];
}

test('topics are made, blocks stored, and what cannot be read is put aside', async () => {
  const mesh = testMesh({ kafka: broker.plain });
  const service = await startService(mesh, { kafka: flags(broker.passwordFiles.windrose) });
  await mesh.send('access', 0, message('access', [{ time: Date.now() * 1_000 }], {}));
  await untilBlocks(mesh, 'access', 1);
  await mesh.send('access', 1, { value: Buffer.from('no block'), headers: {} });
  const { dead } = meshTopics(mesh.name);
  await eventually(async () => (await mesh.kafka.offsets(dead)).find(({ next }) => next === 1n), {
    timeoutMs: 20_000,
    what: 'the message is in the dead-letter topic',
  });
  const argv = readFileSync(`/proc/${service.pid}/cmdline`, 'utf8');
  expect(argv).toContain(broker.passwordFiles.windrose);
  for (const password of broker.passwords) {
    expect(argv).not.toContain(password);
    expect(service.stderr()).not.toContain(password);
  }
});

test('a wrong password: not ready, and the reason in the probe and once in the log', async () => {
  const mesh = testMesh({ kafka: broker.plain });
  const listen = `127.0.0.1:${await freePort()}`;
  const service = await startService(mesh, {
    ...{ kafka: flags(broker.passwordFiles.wrong), listen, ready: false },
  });
  const sentence = 'Kafka refuses the user or the password (--kafka-user)';
  const probe = await eventually(
    async () => {
      const text = await (await fetch(`${service.url}/readyz`)).text();
      return text.includes(sentence) ? text : undefined;
    },
    { timeoutMs: 20_000, what: 'the probe says why' },
  );
  expect(probe).toContain('the topics in Kafka');
  expect(service.stderr().split(sentence)).toHaveLength(2);
  for (const password of broker.passwords) expect(service.stderr()).not.toContain(password);
});
