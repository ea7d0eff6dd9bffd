import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { meshTopics, partitionOf } from '#contracts/topics.ts';
import { systemClock } from '#platform/clock.ts';
import { reportCrash } from '#proxy/telemetry/crash.ts';
import { createTelemetry } from '#proxy/telemetry/index.ts';
import { CRASH_BOUND_ROWS, STARTING_BOUND_ROWS } from '#proxy/telemetry/limits.ts';
import { Ledger } from '#proxy/telemetry/shipper/ledger.ts';
import { eventually } from '#test/eventually.ts';
import { kafkaBrokers, tempDir, uniqueMesh } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { IDENTITY, exchangeOf } from '../../unit/proxy/telemetry/exchanges.ts';
import { readNative } from '../../unit/proxy/telemetry/native-reader.ts';
import { type ReadMessage, kafkaFor, readUntil, withoutRepeats } from './read-topic.ts';

const WORKER = fileURLToPath(new URL('./fixtures/worker.ts', import.meta.url));

async function meshWithTopics() {
  const mesh = uniqueMesh();
  const kafka = kafkaFor(kafkaBrokers());
  const topics = meshTopics(mesh);
  const made = await kafka.ensureTopics([
    { topic: topics.access, partitions: 4 },
    { topic: topics.metrics, partitions: 2 },
  ]);
  expect(made).toEqual([
    { topic: topics.access, created: true, partitions: 4 },
    { topic: topics.metrics, created: true, partitions: 2 },
  ]);
  return { mesh, kafka, topics };
}

const ended = (messages: readonly ReadMessage[]): boolean =>
  messages.some((one) => one.headers.end > 0);
const rowsOf = (messages: readonly ReadMessage[]): number =>
  messages.reduce((sum, one) => sum + one.headers.rows, 0);

test('every record and every count of a worker arrives, and that it ended', async () => {
  const { mesh, kafka, topics } = await meshWithTopics();
  const dataDir = tempDir();
  const telemetry = createTelemetry({
    identity: { ...IDENTITY, mesh },
    ...{ kafkaBrokers: [kafkaBrokers()], dataDir, clock: systemClock, random: Math.random },
    log: () => undefined,
  });
  const total = 5_432;
  for (let i = 0; i < total; i++) {
    telemetry.record(exchangeOf({ requestId: `id-${i}`, startedMs: systemClock.nowMs() - 1 }));
    // Blocks are handed over while requests go on, as in a proxy.
    if (i % 500 === 0) await new Promise(setImmediate);
  }
  await telemetry.close();
  expect(telemetry.stats()).toMatchObject({
    access: { served: total, acked: total, dropped: 0, sampledOut: 0 },
    queueBytes: 0,
    shipperRestarts: 0,
  });
  expect(readdirSync(join(dataDir, 'ledger'))).toEqual([]);

  const access = await readUntil(kafka, topics.access, ended);
  expect(new Set(access.map((one) => one.partition))).toEqual(new Set([partitionOf('i1', 0, 4)]));
  expect(access.map((one) => one.headers.seq)).toEqual(access.map((_, i) => i + 1));
  const ids = access.flatMap(({ headers, value }) => {
    if (headers.rows === 0) return [];
    const read = readNative(value);
    expect(read.rows).toBe(headers.rows);
    return read.columns['request_id'] ?? [];
  });
  expect(ids).toEqual(Array.from({ length: total }, (_, i) => `id-${i}`));
  expect(access.at(-1)?.headers).toMatchObject({ rows: 0, served: total, dropped: 0, end: 1 });
  expect(access.at(-1)?.value).toHaveLength(0);

  const metrics = await readUntil(kafka, topics.metrics, ended);
  const counted = metrics
    .filter((one) => one.headers.rows > 0)
    .flatMap((one) => readNative(one.value).columns['requests'] as number[]);
  expect(counted.reduce((sum, requests) => sum + requests, 0)).toBe(total);
});

test('a worker killed at any moment: what it closed is known, the rest bounded', async () => {
  const { mesh, kafka, topics } = await meshWithTopics();
  const dataDir = tempDir();
  const run = async (instance: string, signal: 'SIGKILL' | 'SIGTERM', ackedRows: number) => {
    const child = spawn(process.execPath, [WORKER, mesh, kafkaBrokers(), dataDir, instance]);
    onTestFinished(() => void child.kill('SIGKILL'));
    let lastLine = '';
    const lines = createInterface({ input: child.stdout });
    const exited = new Promise((resolve) => lines.once('close', resolve));
    for await (const line of lines) {
      lastLine = line;
      if (Number(line.split(' ')[1]) >= ackedRows && !child.killed) child.kill(signal);
    }
    await exited;
    return lastLine;
  };
  const recorded = Number((await run('killed', 'SIGKILL', 3_000)).split(' ')[0]);
  const left = readdirSync(join(dataDir, 'ledger'));
  expect(left).toEqual(['killed.0.access.ledger', 'killed.0.metrics.ledger']);

  const stats = JSON.parse(await run('clean', 'SIGTERM', 500)) as { access: { acked: number } };
  const options = { mesh, kafkaBrokers: [kafkaBrokers()], dataDir, clock: systemClock };
  const log = (): void => undefined;
  await reportCrash({ ...options, log, exceptInstance: 'killed' });
  expect(readdirSync(join(dataDir, 'ledger'))).toEqual(left);
  await reportCrash({ ...options, log });
  expect(readdirSync(join(dataDir, 'ledger'))).toEqual([]);

  const all = await readUntil(
    kafka,
    topics.access,
    (messages) => messages.filter((one) => one.headers.end > 0).length === 2,
  );
  const clean = all.filter((one) => one.headers.instance === 'clean');
  expect(rowsOf(clean)).toBe(stats.access.acked);
  expect(clean.at(-1)?.headers).toMatchObject({ end: 1, served: stats.access.acked, bound: 0 });

  const killed = withoutRepeats(all.filter((one) => one.headers.instance === 'killed'));
  const last = killed.at(-1)?.headers;
  expect(last).toMatchObject({ end: 2, rows: 0, dropped: 0, bound: CRASH_BOUND_ROWS });
  const served = last?.served ?? 0;
  const crashLost = served - rowsOf(killed);
  expect(crashLost).toBeGreaterThanOrEqual(0);
  // What the process said it had recorded is known but for the bound.
  expect(recorded - served).toBeLessThanOrEqual(CRASH_BOUND_ROWS);
  expect(served).toBeGreaterThanOrEqual(3_000);
});

test('a worker killed while it starts is told of too, with the wider bound', async () => {
  const { mesh, kafka, topics } = await meshWithTopics();
  const dataDir = tempDir();
  const owner = { ...IDENTITY, mesh, worker: 7 };
  Ledger.create(join(dataDir, 'ledger'), { ...owner, stream: 'access' });
  Ledger.create(join(dataDir, 'ledger'), { ...owner, worker: 8, stream: 'access' });
  await reportCrash({
    ...{ mesh, kafkaBrokers: [kafkaBrokers()], dataDir, clock: systemClock },
    ...{ instance: IDENTITY.instance, worker: 7, log: () => undefined },
  });
  expect(readdirSync(join(dataDir, 'ledger'))).toEqual(['i1.8.access.ledger']);
  const [message] = await readUntil(kafka, topics.access, ended);
  expect(message?.headers).toMatchObject({
    ...{ proxy: 'edge', worker: 7, seq: 1, served: 0, end: 2, bound: STARTING_BOUND_ROWS },
  });
});

test('a crash report waits for Kafka no longer than it is told', async () => {
  const dataDir = tempDir();
  Ledger.create(join(dataDir, 'ledger'), { ...IDENTITY, stream: 'access' });
  const stop = new AbortController();
  const reported = reportCrash({
    ...{ mesh: IDENTITY.mesh, kafkaBrokers: ['127.0.0.1:1'], dataDir, clock: systemClock },
    log: (_level, message) => message === 'telemetry waits for Kafka' && stop.abort(),
    signal: stop.signal,
  });
  await reported;
  expect(readdirSync(join(dataDir, 'ledger'))).toEqual(['i1.0.access.ledger']);
});

test('a proxy that starts before its topics loses nothing', { timeout: 60_000 }, async () => {
  const mesh = uniqueMesh();
  const kafka = kafkaFor(kafkaBrokers());
  const topics = meshTopics(mesh);
  const logs: string[] = [];
  const telemetry = createTelemetry({
    identity: { ...IDENTITY, mesh },
    ...{ kafkaBrokers: [kafkaBrokers()], dataDir: tempDir(), clock: systemClock },
    // The broker elects a leader first, which takes seconds where much else goes on.
    closeTimeoutMs: 30_000,
    ...{ random: Math.random, log: (_level: string, message: string) => void logs.push(message) },
  });
  for (let i = 0; i < 10; i++) telemetry.record(exchangeOf());
  await eventually(() => logs.find((line) => line === 'telemetry waits for Kafka'), {
    timeoutMs: 10_000,
    what: 'the shipper sees that there is no topic',
  });
  await kafka.ensureTopics([
    { topic: topics.access, partitions: 1 },
    { topic: topics.metrics, partitions: 1 },
  ]);
  await telemetry.close();
  expect(telemetry.stats().access).toMatchObject({ served: 10, acked: 10 });
  expect(rowsOf(await readUntil(kafka, topics.access, ended))).toBe(10);
});
