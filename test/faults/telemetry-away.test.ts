// F41 in full: Kafka is away for long, more is recorded than memory and disk hold, and comes back.
import { setTimeout as sleep } from 'node:timers/promises';
import { meshTopics } from '#contracts/topics.ts';
import { systemClock } from '#platform/clock.ts';
import { createTelemetry } from '#proxy/telemetry/index.ts';
import { tempDir, uniqueMesh } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { quantile } from '../bench/config/time.ts';
import { startBroker } from '../integration/platform/own-kafka.ts';
import { kafkaFor, readUntil, withoutRepeats } from '../integration/telemetry/read-topic.ts';
import { IDENTITY, exchangeOf } from '../unit/proxy/telemetry/exchanges.ts';
import { isDrill } from './support/call.ts';
import { note } from './support/figures.ts';

const MIB = 1024 * 1024;
const AWAY_MS = isDrill ? 600_000 : 3_000;
/** Records while it is away, at least: in bytes about twice what memory and disk hold. */
const AWAY_RECORDS = isDrill ? 1_000_000 : 60_000;
const QUEUE_BYTES = isDrill ? 16 * MIB : MIB;
const SPOOL_BYTES = isDrill ? 64 * MIB : 2 * MIB;
const BATCH = isDrill ? 20 : 200;
const EVERY_MS = 10;
const BEFORE_MS = 2_000;
/** Of a batch's median time; what else the machine does moves it too. */
const SLOWER_MOST = 2;

test(
  'F41: Kafka away for long: no record is slower, memory and disk are bounded, each loss counted',
  { timeout: AWAY_MS + 120_000 },
  async () => {
    const broker = await startBroker();
    const mesh = uniqueMesh();
    const topics = meshTopics(mesh);
    const kafka = kafkaFor(broker.address);
    const both = [topics.access, topics.metrics];
    await kafka.ensureTopics(both.map((topic) => ({ topic, partitions: 2 })));
    const telemetry = createTelemetry({
      identity: { ...IDENTITY, mesh },
      ...{ kafkaBrokers: [broker.address], dataDir: tempDir(), clock: systemClock },
      ...{ random: Math.random, closeTimeoutMs: 60_000, log: () => undefined },
      ...{ queueBytesMax: QUEUE_BYTES, spoolBytesMax: SPOOL_BYTES },
    });
    let recorded = 0;
    const most = { queue: 0, spool: 0 };
    /** µs of each record. */
    const during = async (ms: number, least = 0): Promise<number[]> => {
      const took: number[] = [];
      const endMs = performance.now() + ms;
      const last = recorded + least;
      while (performance.now() < endMs || recorded < last) {
        const exchanges = Array.from({ length: BATCH }, () =>
          exchangeOf({ requestId: `id-${recorded++}` }),
        );
        const startedMs = performance.now();
        for (const exchange of exchanges) telemetry.record(exchange);
        took.push(((performance.now() - startedMs) * 1_000) / BATCH);
        const { queueBytes, spoolBytes } = telemetry.stats();
        most.queue = Math.max(most.queue, queueBytes);
        most.spool = Math.max(most.spool, spoolBytes);
        await sleep(EVERY_MS);
      }
      return took;
    };
    const before = await during(BEFORE_MS);
    await broker.kill('SIGKILL');
    const away = await during(AWAY_MS, AWAY_RECORDS);
    await broker.restart();
    await during(BEFORE_MS);
    await telemetry.close();

    const { access, queueBytes, spoolBytes } = telemetry.stats();
    expect(access.dropped).toBeGreaterThan(0);
    expect(access.served).toBe(recorded);
    expect(access.acked + access.dropped).toBe(recorded);
    expect([queueBytes, spoolBytes]).toEqual([0, 0]);
    expect(most.queue).toBeLessThanOrEqual(QUEUE_BYTES);
    expect(most.spool).toBeLessThanOrEqual(SPOOL_BYTES);
    const stored = withoutRepeats(
      await readUntil(kafka, topics.access, (all) => all.some(({ headers }) => headers.end > 0)),
    );
    expect(stored.reduce((sum, { headers }) => sum + headers.rows, 0)).toBe(access.acked);
    expect(stored.at(-1)?.headers).toMatchObject({
      ...{ served: recorded, dropped: access.dropped, end: 1 },
    });
    const [usual, slower] = [quantile(before, 0.5), quantile(away, 0.5)];
    // In seconds beside other tests a median says little.
    if (isDrill) expect(slower / usual).toBeLessThan(SLOWER_MOST);
    const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
    note(
      'F41',
      `Kafka away for ${AWAY_MS / 1_000} s`,
      `${recorded} recorded, ${access.acked} stored, ${access.dropped} dropped and counted; ` +
        `at most ${mib(most.queue)} in memory and ${mib(most.spool)} on disk; ` +
        `${usual.toFixed(2)} µs a record before, ${slower.toFixed(2)} while it was away`,
    );
  },
);
