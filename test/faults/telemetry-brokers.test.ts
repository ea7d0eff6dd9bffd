// F43: brokers die in turn under a proxy that sends and an analytics service that stores.
import { REQUEST_ID_SQL } from '#contracts/record.ts';
import { ACCESS_PARTITIONS, meshTopics, partitionOf } from '#contracts/topics.ts';
import type { AuditResponse } from '#contracts/api/analytics.ts';
import { systemClock } from '#platform/clock.ts';
import { createTelemetry } from '#proxy/telemetry/index.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir } from '#test/parts.ts';
import { Kafka as Library, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { count, startService, testMesh } from '../integration/analytics/mesh.ts';
import { startCluster } from '../integration/platform/own-kafka.ts';
import { IDENTITY, exchangeOf } from '../unit/proxy/telemetry/exchanges.ts';
import { isDrill } from './support/call.ts';
import { note } from './support/figures.ts';

const KILLS = isDrill ? 12 : 2;

/** As an operator has it: each message on two brokers before it is acknowledged. */
const REPLICATED = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
};

test(
  'F43: leaders change over three brokers: nothing lost, nothing twice, all accounted for',
  { timeout: 120_000 + KILLS * 60_000 },
  async () => {
    const brokers = await startCluster(3, REPLICATED);
    const addresses = brokers.map(({ address }) => address);
    const mesh = testMesh({ kafka: addresses[0] ?? '' });
    const admin = new Library({ brokers: addresses, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    await eventually(
      async () => (await admin.describeCluster()).brokers.length === 3 || undefined,
      { what: 'three brokers', timeoutMs: 30_000 },
    );
    const service = await startService(mesh, { kafka: ['--kafka', addresses.join(',')] });
    const { access } = meshTopics(mesh.name);
    const leaders = async (): Promise<number[]> => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [access] });
      const found = topics[0]?.partitions ?? [];
      return found.toSorted((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader);
    };
    expect(new Set(await leaders())).toEqual(new Set([1, 2, 3]));

    // Enough workers that every partition has one.
    const workers = Array.from({ length: 32 }, (_, worker) => worker).filter(
      (worker, _, all) => all.findIndex((other) => placeOf(other) === placeOf(worker)) === worker,
    );
    expect(workers).toHaveLength(ACCESS_PARTITIONS);
    const senders = workers.map((worker) =>
      createTelemetry({
        identity: { ...IDENTITY, mesh: mesh.name, worker },
        ...{ kafkaBrokers: addresses, dataDir: tempDir(), clock: systemClock },
        ...{ random: Math.random, closeTimeoutMs: 60_000, log: () => undefined },
      }),
    );
    let recorded = 0;
    const timer = setInterval(() => {
      for (const sender of senders) sender.record(exchangeOf({ requestId: `id-${recorded++}` }));
    }, 2);
    onTestFinished(() => clearInterval(timer));
    const acked = (): number =>
      senders.reduce((sum, sender) => sum + sender.stats().access.acked, 0);
    const goesOn = async (): Promise<void> => {
      const before = senders.map((sender) => sender.stats().access.acked);
      await eventually(
        () =>
          senders.every((sender, i) => sender.stats().access.acked > (before[i] ?? 0)) || undefined,
        { what: 'every worker has blocks acknowledged again', timeoutMs: 60_000 },
      );
    };
    await goesOn();
    let changes = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const broker = brokers[1 + (kill % 2)];
      const before = await leaders();
      await broker?.kill('SIGKILL');
      await goesOn();
      const after = await leaders();
      changes += after.filter((leader, partition) => leader !== before[partition]).length;
      await broker?.restart();
      await eventually(
        async () => {
          const { topics } = await admin.fetchTopicMetadata({ topics: [access] });
          return topics[0]?.partitions.every(({ isr }) => isr.length === 3) || undefined;
        },
        { what: 'it is in sync again', timeoutMs: 60_000 },
      );
    }
    expect(changes).toBeGreaterThanOrEqual(KILLS);
    clearInterval(timer);
    await Promise.all(senders.map((sender) => sender.close()));
    expect(acked()).toBe(recorded);
    // The one from the stream of records, the other from that of metrics.
    for (const what of ['records', 'routes_10s']) {
      const sum = what === 'records' ? 'count()' : 'sum(requests)';
      await eventually(async () => (await count(mesh, what, sum)) >= recorded || undefined, {
        ...{ what: `all is in ${what}`, timeoutMs: 60_000, everyMs: 200 },
      });
    }
    expect(await count(mesh, 'records')).toBe(recorded);
    expect(await count(mesh, 'records', `uniqExact(${REQUEST_ID_SQL})`)).toBe(recorded);
    expect(await count(mesh, 'routes_10s', 'sum(requests)')).toBe(recorded);
    const audit = await eventually(
      async () => {
        const found = await service.get<AuditResponse>('/v1/audit');
        return found.items.length === workers.length && found.ok ? found : undefined;
      },
      { what: 'an audit that adds up', timeoutMs: 20_000 },
    );
    expect(audit.items.reduce((sum, { stored }) => sum + stored, 0)).toBe(recorded);
    note(
      'F43',
      `${KILLS} kills among 3 brokers, ${changes} leaders changed`,
      `${recorded} rows: 0 missing, 0 double`,
    );
  },
);

function placeOf(worker: number): number {
  return partitionOf(IDENTITY.instance, worker, ACCESS_PARTITIONS);
}
