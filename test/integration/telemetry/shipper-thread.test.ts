import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { meshTopics } from '#contracts/topics.ts';
import { systemClock } from '#platform/clock.ts';
import { createTelemetry } from '#proxy/telemetry/index.ts';
import { eventually } from '#test/eventually.ts';
import { kafkaBrokers, tempDir, uniqueMesh } from '#test/parts.ts';
import { type OtlpTraces, spansOf, startReceiver } from '#test/receiver.ts';
import { expect, onTestFinished, test } from 'vitest';
import { IDENTITY, exchangeOf } from '../../unit/proxy/telemetry/exchanges.ts';
import { kafkaFor, readUntil } from './read-topic.ts';

test('a shipper thread that dies is started anew; what died with it is counted', async () => {
  const mesh = uniqueMesh();
  const kafka = kafkaFor(kafkaBrokers());
  const topics = meshTopics(mesh);
  await kafka.ensureTopics([
    { topic: topics.access, partitions: 1 },
    { topic: topics.metrics, partitions: 1 },
  ]);
  const dataDir = tempDir();
  const logs: string[] = [];
  const telemetry = createTelemetry({
    identity: { ...IDENTITY, mesh },
    ...{ kafkaBrokers: [kafkaBrokers()], dataDir, clock: systemClock, random: Math.random },
    log: (level, message) => void logs.push(`${level} ${message}`),
  });
  // A file where the ledgers' folder should be: the thread cannot start.
  rmSync(join(dataDir, 'ledger'), { recursive: true });
  writeFileSync(join(dataDir, 'ledger'), '');
  const died = 'error the telemetry thread ended and is started again';
  let recorded = 0;
  const record = (count: number): void => {
    for (let i = 0; i < count; i++) telemetry.record(exchangeOf());
    recorded += count;
  };
  record(5_000);
  await eventually(() => logs.includes(died) || undefined, { timeoutMs: 10_000, what: 'a death' });
  record(5_000);
  rmSync(join(dataDir, 'ledger'));
  mkdirSync(join(dataDir, 'ledger'));
  await eventually(() => telemetry.stats().shipperRestarts > 0 || undefined, {
    timeoutMs: 10_000,
    what: 'a new thread',
  });
  await eventually(
    () => {
      record(100);
      return telemetry.stats().access.acked > 0 || undefined;
    },
    { timeoutMs: 20_000, what: 'blocks go out' },
  );
  await telemetry.close();
  const { access } = telemetry.stats();
  expect(access.served).toBe(recorded);
  expect(access.acked + access.dropped).toBe(recorded);
  const messages = await readUntil(kafka, topics.access, (all) =>
    all.some((one) => one.headers.end === 1),
  );
  const stored = messages.reduce((sum, one) => sum + one.headers.rows, 0);
  expect(stored).toBe(access.acked);
  expect(messages.at(-1)?.headers).toMatchObject({ served: recorded, dropped: access.dropped });
});

test('spans of sampled requests and of errors reach an OTLP receiver', async () => {
  const receiver = await startReceiver<OtlpTraces>();
  onTestFinished(() => receiver.stop());
  const telemetry = createTelemetry({
    ...{ identity: IDENTITY, kafkaBrokers: undefined, dataDir: tempDir(), clock: systemClock },
    ...{ random: Math.random, otlpEndpoint: receiver.url, log: () => undefined },
  });
  telemetry.record(exchangeOf());
  telemetry.record(exchangeOf({ trace: { sampled: false, spanId: 'aaaaaaaaaaaaaaaa' } }));
  telemetry.record(
    exchangeOf({
      ...{ status: 504, reason: 'upstream_timeout' },
      trace: { sampled: false, spanId: 'bbbbbbbbbbbbbbbb', parentId: '' },
    }),
  );
  await telemetry.close();
  expect(spansOf(receiver.received)).toMatchObject([
    { service: 'edge', spanId: '00f067aa0ba902b7', parentSpanId: 'b7ad6b7169203331' },
    { service: 'edge', spanId: 'bbbbbbbbbbbbbbbb' },
  ]);
  expect(telemetry.stats()).toMatchObject({ spansExported: 2, spansDropped: 0 });
});
