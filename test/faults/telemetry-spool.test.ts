// F41 and F42 with a disk behind the memory: Kafka is away, the process ends, nothing is lost.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { meshTopics } from '#contracts/topics.ts';
import { systemClock } from '#platform/clock.ts';
import { reportCrash } from '#proxy/telemetry/crash.ts';
import { createTelemetry } from '#proxy/telemetry/index.ts';
import { CRASH_BOUND_ROWS } from '#proxy/telemetry/limits.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir, uniqueMesh } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../integration/platform/own-kafka.ts';
import {
  type ReadMessage,
  kafkaFor,
  readUntil,
  withoutRepeats,
} from '../integration/telemetry/read-topic.ts';
import { IDENTITY, exchangeOf } from '../unit/proxy/telemetry/exchanges.ts';

const WORKER = fileURLToPath(
  new URL('../integration/telemetry/fixtures/worker.ts', import.meta.url),
);
const QUEUE_BYTES = 300_000;

async function start() {
  const broker = await startBroker();
  const mesh = uniqueMesh();
  const kafka = kafkaFor(broker.address);
  const topics = meshTopics(mesh);
  await kafka.ensureTopics([
    { topic: topics.access, partitions: 2 },
    { topic: topics.metrics, partitions: 2 },
  ]);
  return { broker, mesh, kafka, topics };
}

const rowsOf = (messages: readonly ReadMessage[]): number =>
  messages.reduce((sum, one) => sum + one.headers.rows, 0);
const ended = (messages: readonly ReadMessage[]): boolean =>
  messages.some((one) => one.headers.end > 0);

test('F41: Kafka away for longer than memory lasts: the disk keeps it, none is lost', async () => {
  const { broker, mesh, kafka, topics } = await start();
  const dataDir = tempDir();
  const telemetry = createTelemetry({
    identity: { ...IDENTITY, mesh },
    ...{ kafkaBrokers: [broker.address], dataDir, clock: systemClock, random: Math.random },
    ...{ queueBytesMax: QUEUE_BYTES, closeTimeoutMs: 60_000, log: () => undefined },
  });
  await broker.kill('SIGKILL');
  let recorded = 0;
  await eventually(
    async () => {
      // Some 20,000 a second: at a multiple of it a disk that hesitates for a moment costs blocks
      // that nobody has written yet (UNWRITTEN_BLOCKS_MAX), which is another bound.
      for (let i = 0; i < 100; i++) telemetry.record(exchangeOf({ requestId: `id-${recorded++}` }));
      await new Promise(setImmediate);
      return telemetry.stats().spoolBytes > 5 * QUEUE_BYTES || undefined;
    },
    { what: 'several times what memory holds is on disk', timeoutMs: 30_000, everyMs: 5 },
  );
  expect(telemetry.stats().queueBytes).toBeLessThanOrEqual(QUEUE_BYTES);
  expect(telemetry.stats().access.dropped).toBe(0);
  await broker.restart();
  await telemetry.close();
  expect(telemetry.stats().access).toMatchObject({ served: recorded, acked: recorded, dropped: 0 });
  expect(telemetry.stats()).toMatchObject({ spoolBytes: 0, spoolBlocks: 0 });
  const stored = withoutRepeats(await readUntil(kafka, topics.access, ended));
  expect(stored.map((one) => one.headers.seq)).toEqual(stored.map((_, i) => i + 1));
  expect(rowsOf(stored)).toBe(recorded);
  expect(readdirSync(join(dataDir, 'spool'))).toEqual([]);
}, 120_000);

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'F42: %s while Kafka is away: the next start sends what is on disk, under its old numbers',
  async (signal) => {
    const { broker, mesh, kafka, topics } = await start();
    const dataDir = tempDir();
    await broker.kill('SIGKILL');
    const args = [WORKER, mesh, broker.address, dataDir, 'old', String(QUEUE_BYTES)];
    const child = spawn(process.execPath, args);
    onTestFinished(() => void child.kill('SIGKILL'));
    const spool = join(dataDir, 'spool', 'old.0.access');
    let recorded = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('{')) recorded = Number(line.split(' ')[0]);
      const isFull = existsSync(spool) && readdirSync(spool).length > 20;
      if (isFull && !child.killed) child.kill(signal);
    }
    const before = readdirSync(spool).length;
    expect(before).toBeGreaterThan(20);

    await broker.restart();
    const options = { mesh, kafkaBrokers: [broker.address], dataDir, clock: systemClock };
    await reportCrash({ ...options, log: () => undefined });
    expect(readdirSync(join(dataDir, 'ledger'))).toEqual([]);
    expect(readdirSync(join(dataDir, 'spool'))).toEqual([]);
    const stored = withoutRepeats(await readUntil(kafka, topics.access, ended));
    const last = stored.at(-1)?.headers;
    expect(last).toMatchObject({ instance: 'old', end: 2, dropped: 0 });
    const lost = (last?.served ?? 0) - rowsOf(stored);
    if (signal === 'SIGTERM') {
      // What memory held is on disk as well.
      expect(stored).toHaveLength(before + 1);
      expect([lost, last?.bound, last?.served]).toEqual([0, 0, recorded]);
    } else {
      // The file that was being written at that moment may be cut off; its rows are among the lost.
      expect([before, before + 1]).toContain(stored.length);
      expect(lost).toBeGreaterThan(0);
      expect(lost).toBeLessThan(recorded / 2);
      expect(recorded - (last?.served ?? 0)).toBeLessThanOrEqual(CRASH_BOUND_ROWS);
    }
  },
  120_000,
);
