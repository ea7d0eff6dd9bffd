// A proxy's telemetry over TLS with a user: the shipper's thread and the crash report.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { meshTopics } from '#contracts/topics.ts';
import { systemClock } from '#platform/clock.ts';
import type { KafkaAccess } from '#platform/kafka.ts';
import { reportCrash } from '#proxy/telemetry/crash.ts';
import { type Telemetry, createTelemetry } from '#proxy/telemetry/index.ts';
import { Ledger } from '#proxy/telemetry/shipper/ledger.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir, uniqueMesh } from '#test/parts.ts';
import { type SecureKafka, startSecureKafka } from '#test/secure-kafka.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IDENTITY, exchangeOf } from '../../unit/proxy/telemetry/exchanges.ts';
import { type ReadMessage, kafkaFor, readUntil } from './read-topic.ts';

let broker: SecureKafka;
beforeAll(async () => {
  broker = await startSecureKafka();
}, 120_000);
afterAll(() => broker.stop());

function access(passwordFile: string): KafkaAccess {
  const mechanism = 'SCRAM-SHA-512';
  return {
    ...{ tls: true, caFile: broker.caFile },
    user: { name: 'windrose', passwordFile, mechanism },
  };
}

async function meshWithTopics() {
  const mesh = uniqueMesh();
  const kafka = kafkaFor(broker.plain);
  const topics = meshTopics(mesh);
  await kafka.ensureTopics(
    [topics.access, topics.metrics].map((topic) => ({ topic, partitions: 1 })),
  );
  return { mesh, kafka, topics };
}

function telemetryOf(mesh: string, kafkaAccess: KafkaAccess, log: string[] = []): Telemetry {
  return createTelemetry({
    ...{ identity: { ...IDENTITY, mesh }, kafkaBrokers: [broker.sasl], kafkaAccess },
    ...{ dataDir: tempDir(), clock: systemClock, random: Math.random },
    log: (level, said, fields) => {
      if (level !== 'debug') log.push(`${level} ${said} ${JSON.stringify(fields)}`);
    },
  });
}

const ended = (all: readonly ReadMessage[]): boolean => all.some((one) => one.headers.end > 0);

test("the shipper's blocks and its goodbye are stored", async () => {
  const { mesh, kafka, topics } = await meshWithTopics();
  const telemetry = telemetryOf(mesh, access(broker.passwordFiles.windrose));
  for (let i = 0; i < 10; i++) telemetry.record(exchangeOf());
  await telemetry.close();
  expect(telemetry.stats().access).toMatchObject({ served: 10, acked: 10, dropped: 0 });
  const stored = await readUntil(kafka, topics.access, ended);
  expect(stored.reduce((sum, { headers }) => sum + headers.rows, 0)).toBe(10);
});

test('a wrong password: an error once for each stream, and the rows stay counted', async () => {
  const { mesh } = await meshWithTopics();
  const log: string[] = [];
  const telemetry = telemetryOf(mesh, access(broker.passwordFiles.wrong), log);
  for (let i = 0; i < 10; i++) telemetry.record(exchangeOf());
  const waits = (): string[] => log.filter((line) => line.includes('telemetry waits for Kafka'));
  await eventually(() => waits()[0], { timeoutMs: 20_000, what: 'it is said' });
  await telemetry.close();
  expect(telemetry.stats().access).toMatchObject({ served: 10, acked: 0, dropped: 0 });
  const { access: topic, metrics } = meshTopics(mesh);
  for (const line of waits()) {
    expect(line).toMatch(/^error .*Kafka: Kafka refuses the user or the password/);
  }
  for (const name of [topic, metrics]) {
    expect(waits().filter((line) => line.includes(name)).length).toBeLessThan(2);
  }
  for (const password of broker.passwords) expect(log.join()).not.toContain(password);
});

test('a crash is reported with the same access', async () => {
  const { mesh, kafka, topics } = await meshWithTopics();
  const dataDir = tempDir();
  Ledger.create(join(dataDir, 'ledger'), { ...IDENTITY, mesh, stream: 'access' });
  await reportCrash({
    ...{ mesh, kafkaBrokers: [broker.sasl], dataDir, clock: systemClock, log: () => undefined },
    kafkaAccess: access(broker.passwordFiles.windrose),
  });
  expect(readdirSync(join(dataDir, 'ledger'))).toEqual([]);
  const [last] = await readUntil(kafka, topics.access, ended);
  expect(last?.headers).toMatchObject({ proxy: 'edge', end: 2 });
});
