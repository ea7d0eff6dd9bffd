// What kafkajs may lose or never end, each brought about with real brokers.
import {
  type BlockProducer,
  type GroupOptions,
  type Kafka,
  type SendResult,
  connectKafka,
} from '#platform/kafka.ts';
import { eventually } from '#test/eventually.ts';
import { kafkaBrokers, uniqueMesh } from '#test/parts.ts';
import { Kafka as Library, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { startBrokerOnWire, startCluster } from './own-kafka.ts';

function link(brokers: string[], more: { requestTimeoutMs?: number } = {}): Kafka {
  const kafka = connectKafka({ brokers, clientId: 'test', log: () => undefined, ...more });
  onTestFinished(() => kafka.close());
  return kafka;
}

const send = (producer: BlockProducer, topic: string, seq: number, partition = 0) =>
  producer.send(topic, partition, { value: Buffer.from('x'), headers: { seq: String(seq) } });

interface Seen {
  partition: number;
  seq: number;
}

function groupInto(seen: Seen[], topic: string, more: Partial<GroupOptions> = {}): GroupOptions {
  return {
    ...{ groupId: `g.${topic}`, topics: [topic], from: 'oldest', maxWaitMs: 100 },
    ...{ sessionTimeoutMs: 6_000, heartbeatIntervalMs: 300 },
    batch: ({ partition, messages, resolve }) => {
      for (const { headers, offset } of messages) {
        seen.push({ partition, seq: Number(headers['seq']) });
        resolve(offset);
      }
      return Promise.resolve();
    },
    ...more,
  };
}

/** In the order of the log, each number where it stands first: as consumers leave repeats out. */
const firsts = (seen: readonly Seen[], partition: number): number[] => [
  ...new Set(seen.flatMap((one) => (one.partition === partition ? [one.seq] : []))),
];

test('a partition that is not there is no success, nor one that was', async () => {
  const kafka = link([kafkaBrokers()]);
  const topic = `test.${uniqueMesh()}`;
  await kafka.ensureTopics([{ topic, partitions: 2 }]);
  const producer = kafka.createProducer();
  const absent = (partition: number): SendResult => ({
    ...{ ok: false, reason: 'no_topic', message: `topic ${topic} has no partition ${partition}` },
  });
  expect(await send(producer, topic, 1, 7)).toEqual(absent(7));
  expect(await send(producer, topic, 1, 1)).toEqual({ ok: true, offset: 0n });
  // Made anew with fewer partitions, while the producer stands connected.
  const library = new Library({ brokers: [kafkaBrokers()], logLevel: logLevel.NOTHING });
  const admin = library.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await eventually(async () => (await kafka.partitionCount(topic)) === 0 || undefined, {
    ...{ what: 'the topic is gone', timeoutMs: 20_000 },
  });
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  await admin.disconnect();
  await eventually(async () => (await kafka.partitionCount(topic)) === 1 || undefined, {
    ...{ what: 'the topic is there', timeoutMs: 20_000 },
  });
  expect(await send(producer, topic, 2, 1)).toMatchObject({ ok: false, reason: 'no_topic' });
  expect(await send(producer, topic, 2, 1)).toEqual(absent(1));
  expect(await send(producer, topic, 2, 0)).toEqual({ ok: true, offset: 0n });
});

test('a lost answer: sent again, stored twice under one number, and in order', async () => {
  const wire = await startBrokerOnWire();
  const kafka = link([wire.address]);
  const topic = `test.${uniqueMesh()}`;
  await kafka.ensureTopics([{ topic, partitions: 1 }]);
  const producer = kafka.createProducer();
  expect(await send(producer, topic, 1)).toMatchObject({ ok: true });
  wire.loseNextAck();
  // Not awaited one by one: a second send must not overtake the first one's retry.
  const results = await Promise.all([2, 3, 4].map((seq) => send(producer, topic, seq)));
  expect(results.map((result) => result.ok)).toEqual([true, true, true]);
  const seen: Seen[] = [];
  kafka.consumeGroup(groupInto(seen, topic));
  await eventually(() => seen.find((one) => one.seq === 4), {
    ...{ what: 'the last', timeoutMs: 20_000 },
  });
  expect(seen.map((one) => one.seq)).toEqual([1, 2, 2, 3, 4]);
});

/** Shorter than in production, where the same takes five times as long. */
const PATIENCE_MS = 3_000;

test('connections that fall silent are given up: sends and the group go on', async () => {
  const wire = await startBrokerOnWire();
  const kafka = link([wire.address], { requestTimeoutMs: PATIENCE_MS });
  const topic = `test.${uniqueMesh()}`;
  await kafka.ensureTopics([{ topic, partitions: 1 }]);
  const producer = kafka.createProducer();
  const seen: Seen[] = [];
  const group = kafka.consumeGroup(groupInto(seen, topic));
  expect(await send(producer, topic, 1)).toMatchObject({ ok: true });
  await eventually(() => seen[0], { what: 'the first', timeoutMs: 20_000 });
  expect(wire.muteAll()).toBeGreaterThan(1);
  const startedMs = performance.now();
  expect(await send(producer, topic, 2)).toMatchObject({ ok: false, reason: 'unavailable' });
  // Three tries, with pauses between them.
  expect(performance.now() - startedMs).toBeLessThan(4 * PATIENCE_MS);
  expect(await send(producer, topic, 2)).toMatchObject({ ok: true });
  await eventually(() => seen.find((one) => one.seq === 2), {
    ...{ what: 'it is read', timeoutMs: 90_000 },
  });
  expect(group.crashes()).toBeGreaterThan(0);
}, 240_000);

test("a partition's leader is killed: what was acknowledged is there, in order", async () => {
  const [one, two] = await startCluster(2);
  if (one === undefined || two === undefined) throw new Error('two brokers were to start');
  const kafka = link([one.address, two.address]);
  const topic = `test.${uniqueMesh()}`;
  await eventually(
    async () => {
      const [made] = await kafka.ensureTopics([{ topic, partitions: 2, replicas: 2 }]);
      return made?.problem === undefined || undefined;
    },
    { what: 'both brokers take part', timeoutMs: 20_000 },
  );
  const library = new Library({ brokers: [one.address], logLevel: logLevel.NOTHING });
  const admin = library.admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  const leaders = async (): Promise<number[]> => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.map(({ leader }) => leader).sort() ?? [];
  };
  expect(await leaders()).toEqual([1, 2]);
  const producer = kafka.createProducer();
  const acked: [number[], number[]] = [[], []];
  const store = async (seq: number, partition: 0 | 1): Promise<void> => {
    await eventually(
      async () => {
        const { ok } = await send(producer, topic, seq, partition);
        return ok || undefined;
      },
      { what: `number ${seq} is stored`, timeoutMs: 60_000 },
    );
    acked[partition].push(seq);
  };
  let killed: Promise<void> | undefined;
  for (let seq = 1; seq <= 400; seq++) {
    if (seq === 150) killed = two.kill('SIGKILL');
    await store(seq, 0);
    await store(seq, 1);
  }
  await killed;
  expect(await leaders()).toEqual([1, 1]);
  await two.restart();
  for (let seq = 401; seq <= 450; seq++) {
    await store(seq, 0);
    await store(seq, 1);
  }
  const seen: Seen[] = [];
  kafka.consumeGroup(groupInto(seen, topic));
  const ended = (partition: number): boolean =>
    seen.some((each) => each.partition === partition && each.seq === 450);
  await eventually(() => (ended(0) && ended(1)) || undefined, {
    ...{ what: 'all is read', timeoutMs: 60_000 },
  });
  expect([firsts(seen, 0), firsts(seen, 1)]).toEqual(acked);
}, 240_000);

test('a crash that kafkajs does not retry: a new consumer, from what was committed', async () => {
  const kafka = link([kafkaBrokers()]);
  const topic = `test.${uniqueMesh()}`;
  await kafka.ensureTopics([{ topic, partitions: 1 }]);
  const producer = kafka.createProducer();
  for (const seq of [1, 2, 3]) await send(producer, topic, seq);
  const seen: number[] = [];
  let failing = true;
  const group = kafka.consumeGroup(
    groupInto([], topic, {
      batch: async ({ messages, resolve, commit }) => {
        for (const { headers, offset } of messages) {
          seen.push(Number(headers['seq']));
          if (failing && headers['seq'] === '3') throw new Error('ClickHouse is away');
          resolve(offset);
          if (headers['seq'] === '1') await commit(offset + 1n);
        }
      },
    }),
  );
  await eventually(() => group.problem() === 'ClickHouse is away' || undefined, {
    ...{ what: 'a crash, of which the reason is told', timeoutMs: 30_000 },
  });
  const before = seen.length;
  failing = false;
  await eventually(() => (seen.length >= before + 2 ? true : undefined), {
    ...{ what: 'it goes on', timeoutMs: 30_000 },
  });
  expect(seen.slice(0, 3)).toEqual([1, 2, 3]);
  expect(seen.slice(-2)).toEqual([2, 3]);
});
