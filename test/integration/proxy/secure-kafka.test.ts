// Kafka over TLS with a user, from a proxy's environment to its workers and its supervisor.
import { readFileSync } from 'node:fs';
import { meshTopics } from '#contracts/topics.ts';
import { freePort, natsUrl } from '#test/parts.ts';
import { childrenOf } from '#test/shop.ts';
import { type SecureKafka, startSecureKafka } from '#test/secure-kafka.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kafkaFor, readUntil } from '../telemetry/read-topic.ts';
import { TestMesh, gateway, route, service, slice } from './mesh.ts';
import { fetchOnce, startApp, startProxy } from './proxy-process.ts';

let broker: SecureKafka;
beforeAll(async () => {
  broker = await startSecureKafka();
}, 120_000);
afterAll(() => broker.stop());

function environment(passwordFile: string): NodeJS.ProcessEnv {
  return {
    ...{ KAFKA_BROKERS: broker.sasl, KAFKA_CA: broker.caFile, KAFKA_USER: 'windrose' },
    KAFKA_PASSWORD_FILE: passwordFile,
  };
}

test('workers send their records, and the supervisor tells of one that was killed', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const port = await freePort();
  const kafka = kafkaFor(broker.plain);
  const topics = meshTopics(mesh.name);
  await kafka.ensureTopics([
    { topic: topics.access, partitions: 2 },
    { topic: topics.metrics, partitions: 2 },
  ]);
  await mesh.apply([
    ...[gateway([port]), service('echo'), slice('echo', app.port), route('echo', 'echo')],
  ]);
  const proxy = startProxy(
    ['--name', 'edge-1', '--mesh', mesh.name, '--nats', natsUrl(), '--workers', '2'],
    { env: environment(broker.passwordFiles.windrose) },
  );
  await proxy.ready();
  for (let i = 0; i < 50; i++) await fetchOnce({ port });
  await readUntil(kafka, topics.access, (all) => all.some(({ headers }) => headers.rows > 0));
  const pids = childrenOf(proxy.child.pid ?? 0);
  for (const pid of pids) {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    for (const password of broker.passwords) expect(words).not.toContain(password);
  }
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const isTold = (all: readonly { headers: { end: number } }[]): boolean =>
    all.filter(({ headers }) => headers.end === 2).length === 2;
  await readUntil(kafka, topics.access, isTold, 30_000);
  for (const password of broker.passwords) expect(proxy.stderr()).not.toContain(password);
});

test('without its password file a proxy ends with one sentence and status 2', async () => {
  const proxy = startProxy(['--name', 'edge-1', '--nats', natsUrl()], {
    env: environment('/none'),
  });
  expect(await proxy.exited).toBe(2);
  expect(proxy.stderr()).toMatch(/^.*: the password for Kafka cannot be read: ENOENT.*\n$/);
});
