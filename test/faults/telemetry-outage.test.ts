import { once } from 'node:events';
import { createServer } from 'node:net';
import { meshTopics } from '#contracts/topics.ts';
import { systemClock } from '#platform/clock.ts';
import { createTelemetry } from '#proxy/telemetry/index.ts';
import { freePorts, startParts } from '#local/parts.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir, uniqueMesh } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { IDENTITY, exchangeOf } from '../unit/proxy/telemetry/exchanges.ts';
import { kafkaFor, readUntil, withoutRepeats } from '../integration/telemetry/read-topic.ts';

/** A broker of this test's own, since it is killed. */
async function ownKafka() {
  const { KAFKA_BROKERS: _, ...env } = process.env;
  const parts = await startParts({
    ...{ dataDir: tempDir(), ports: await freePorts(), only: ['kafka'], env },
  });
  onTestFinished(() => parts.stop());
  const { kafka } = parts;
  if (kafka === undefined) throw new Error('no Kafka was started');
  return kafka;
}

test('F42: the broker is killed in the middle: nothing is lost, the counts are exact', async () => {
  const broker = await ownKafka();
  const mesh = uniqueMesh();
  const topics = meshTopics(mesh);
  const kafka = kafkaFor(broker.address);
  await kafka.ensureTopics([
    { topic: topics.access, partitions: 2 },
    { topic: topics.metrics, partitions: 2 },
  ]);
  const logs: string[] = [];
  const telemetry = createTelemetry({
    identity: { ...IDENTITY, mesh },
    ...{ kafkaBrokers: [broker.address], dataDir: tempDir(), clock: systemClock },
    ...{ random: Math.random, closeTimeoutMs: 30_000 },
    log: (level, message) => void (level !== 'debug' && logs.push(`${level} ${message}`)),
  });
  let recorded = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < 200; i++) telemetry.record(exchangeOf({ requestId: `id-${recorded++}` }));
  }, 10);
  onTestFinished(() => clearInterval(timer));
  const acked = (): number => telemetry.stats().access.acked;
  await eventually(() => acked() > 5_000 || undefined, { timeoutMs: 10_000, what: 'first blocks' });
  await broker.kill('SIGKILL');
  const atKill = acked();
  await eventually(() => telemetry.stats().queueBytes > 2_000_000 || undefined, {
    timeoutMs: 20_000,
    what: 'blocks wait in memory',
  });
  await broker.restart();
  await eventually(() => acked() > atKill + 20_000 || undefined, {
    timeoutMs: 30_000,
    what: 'blocks go out again',
  });
  clearInterval(timer);
  await telemetry.close();
  expect(telemetry.stats().access).toMatchObject({ served: recorded, acked: recorded, dropped: 0 });
  expect(logs.filter((line) => line === 'warn telemetry waits for Kafka').length).toBeLessThan(6);

  const stored = withoutRepeats(
    await readUntil(kafka, topics.access, (all) => all.some((one) => one.headers.end === 1)),
  );
  expect(stored.map((one) => one.headers.seq)).toEqual(stored.map((_, i) => i + 1));
  expect(stored.reduce((sum, one) => sum + one.headers.rows, 0)).toBe(recorded);
  expect(stored.at(-1)?.headers).toMatchObject({ served: recorded, dropped: 0, end: 1 });
}, 120_000);

test('F41: Kafka answers nothing: what waits is bounded, the loss exactly counted', async () => {
  // It takes connections and never says a word, which is worse than being away.
  const mute = createServer((socket) => {
    socket.on('error', () => undefined); // The client gives up on it.
    onTestFinished(() => void socket.destroy());
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void mute.close());
  await once(mute, 'listening');
  const { port } = mute.address() as { port: number };
  const queueBytesMax = 1_000_000;
  const telemetry = createTelemetry({
    identity: { ...IDENTITY, mesh: uniqueMesh() },
    ...{ kafkaBrokers: [`127.0.0.1:${port}`], dataDir: tempDir(), clock: systemClock },
    ...{ random: Math.random, closeTimeoutMs: 0, queueBytesMax, log: () => undefined },
    spoolBytesMax: queueBytesMax,
  });
  telemetry.record(exchangeOf());
  await eventually(() => telemetry.stats().queueBytes > 0 || undefined, {
    timeoutMs: 10_000,
    what: 'the shipper is there',
  });
  const total = 20_000;
  for (let i = 1; i < total; i++) {
    telemetry.record(exchangeOf());
    if (i % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await eventually(() => telemetry.stats().access.dropped > 10_000 || undefined, {
    timeoutMs: 10_000,
    what: 'old blocks are dropped',
  });
  expect(telemetry.stats().queueBytes).toBeLessThanOrEqual(queueBytesMax);
  expect(telemetry.stats().queueBytes).toBeGreaterThan(queueBytesMax / 2);
  expect(telemetry.stats().spoolBytes).toBeLessThanOrEqual(queueBytesMax);
  expect(telemetry.stats().spoolBytes).toBeGreaterThan(queueBytesMax / 2);
  expect(telemetry.stats().access).toMatchObject({ served: total, acked: 0 });
  expect(telemetry.stats().access.dropped).toBeLessThan(total);
  const startedMs = performance.now();
  await telemetry.close();
  expect(performance.now() - startedMs).toBeLessThan(5_000);
}, 60_000);
