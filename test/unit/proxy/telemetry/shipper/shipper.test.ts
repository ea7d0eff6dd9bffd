import { existsSync, readdirSync } from 'node:fs';
import {
  type BlockHeaders,
  decodeBlockHeaders,
  meshTopics,
  partitionOf,
} from '#contracts/topics.ts';
import { FakeClock } from '#platform/clock.ts';
import { Ledger, readLedger } from '#proxy/telemetry/shipper/ledger.ts';
import { Counters, type NumberedBlock, type Stream } from '#proxy/telemetry/shipper/protocol.ts';
import { Shipper, type ShipperOptions } from '#proxy/telemetry/shipper/shipper.ts';
import { Spool } from '#proxy/telemetry/shipper/spool.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { IDENTITY } from '../exchanges.ts';
import { KafkaInMemory } from './kafka-in-memory.ts';

const fail = (error: unknown): never => {
  throw error;
};

const TOPICS = meshTopics(IDENTITY.mesh);

function start(queueBytesMax = 1_000_000, spoolBytesMax = 0) {
  const dir = tempDir();
  const root = `${dir}/spool`;
  const spool = spoolBytesMax > 0 ? { root, bytesMax: spoolBytesMax } : undefined;
  const kafka = new KafkaInMemory();
  kafka.topics.set(TOPICS.access, 8).set(TOPICS.metrics, 4);
  const counters = new Counters();
  const clock = new FakeClock();
  const logs: string[] = [];
  const owner = (stream: Stream) => ({ ...IDENTITY, stream });
  const options = {
    ...{ identity: IDENTITY, kafka, counters, queueBytesMax, clock, spool },
    log: (level: string, message: string) => void logs.push(`${level} ${message}`),
    ledgers: {
      access: Ledger.open(dir, owner('access'), fail),
      metrics: Ledger.open(dir, owner('metrics'), fail),
    },
  };
  const served: Record<Stream, number> = { access: 0, metrics: 0 };
  const seqs: Record<Stream, number> = { access: 0, metrics: 0 };
  const shipper = new Shipper(options);
  const ship = (stream: Stream, rows: number, size = 1_000): NumberedBlock => {
    served[stream] += rows;
    const block: NumberedBlock = {
      ...{ stream, seq: ++seqs[stream], rows, served: served[stream], sampledOut: 0 },
      ...{ schema: 1, logEpoch: 1, minTs: 5, maxTs: 6, bytes: new Uint8Array(size) },
    };
    shipper.accept(block);
    return block;
  };
  const ledgerFile = (stream: Stream): string => `${dir}/i1.0.${stream}.ledger`;
  return { shipper, ship, kafka, counters, clock, logs, ledgerFile, options };
}

/** A thread that takes over, with a Kafka of its own. */
function successor(options: ShipperOptions, ledgerFile: string) {
  const dir = ledgerFile.replace(/\/[^/]*$/, '');
  const after = new KafkaInMemory();
  after.topics.set(TOPICS.access, 8).set(TOPICS.metrics, 4);
  const ledgers = {
    access: Ledger.open(dir, { ...IDENTITY, stream: 'access' }, fail),
    metrics: Ledger.open(dir, { ...IDENTITY, stream: 'metrics' }, fail),
  };
  return { after, next: new Shipper({ ...options, kafka: after, ledgers }) };
}

function sent(kafka: KafkaInMemory, topic: string): BlockHeaders[] {
  return kafka.stored
    .filter((one) => one.topic === topic)
    .map((one) => {
      const headers = decodeBlockHeaders(one.headers);
      if (headers === undefined) throw new Error('headers cannot be read');
      return headers;
    });
}

test('blocks go out in order to their partition, and the end after them', async () => {
  const { shipper, ship, kafka, counters, ledgerFile } = start();
  for (let i = 0; i < 5; i++) ship('access', 100);
  ship('metrics', 3);
  await shipper.close(1_000);
  expect(
    sent(kafka, TOPICS.access).map(({ seq, rows, served, end }) => [seq, rows, served, end]),
  ).toEqual([1, 2, 3, 4, 5].map((i) => [i, 100, i * 100, 0]).concat([[6, 0, 500, 1]]));
  expect(sent(kafka, TOPICS.metrics).map(({ seq, rows, end }) => [seq, rows, end])).toEqual([
    [1, 3, 0],
    [2, 0, 1],
  ]);
  expect(new Set(kafka.stored.map(({ topic, partition }) => `${topic}/${partition}`))).toEqual(
    new Set([
      `${TOPICS.access}/${partitionOf('i1', 0, 8)}`,
      `${TOPICS.metrics}/${partitionOf('i1', 0, 4)}`,
    ]),
  );
  expect(kafka.sendsAtOnceMax).toBe(1);
  expect(counters.get('accessAckedRows')).toBe(500);
  expect(counters.get('queueBytes')).toBe(0);
  expect([existsSync(ledgerFile('access')), existsSync(ledgerFile('metrics'))]).toEqual([
    false,
    false,
  ]);
});

test('beyond the bound the oldest access blocks go, exactly counted, metrics last', async () => {
  const { shipper, ship, kafka, counters } = start(10_000);
  kafka.held = true;
  ship('metrics', 7);
  for (let i = 0; i < 20; i++) ship('access', 10);
  expect(counters.get('queueBytes')).toBeLessThanOrEqual(10_000);
  kafka.release();
  await shipper.close(1_000);
  const access = sent(kafka, TOPICS.access);
  const last = access.at(-1);
  const stored = access.reduce((sum, { rows }) => sum + rows, 0);
  expect(last).toMatchObject({ end: 1, served: 200, dropped: 200 - stored });
  expect(counters.get('accessDroppedRows')).toBe(200 - stored);
  expect(stored).toBeLessThan(100);
  expect(stored).toBeGreaterThan(0);
  expect(counters.get('metricsDroppedRows')).toBe(0);
  expect(sent(kafka, TOPICS.metrics)[0]?.rows).toBe(7);
  // At every block: what was served up to it is stored up to it, or was dropped before it.
  let storedSoFar = 0;
  for (const { rows, served, dropped } of access) {
    storedSoFar += rows;
    expect(served).toBe(storedSoFar + dropped);
  }
});

test('a block that may be stored is never dropped, and is sent again as it was', async () => {
  const { shipper, ship, kafka, counters, clock } = start(4_000);
  kafka.failures = ['lost'];
  ship('access', 10);
  await eventually(() => (kafka.sends === 1 ? true : undefined), {
    timeoutMs: 1_000,
    what: 'send',
  });
  for (let i = 0; i < 10; i++) ship('access', 10);
  clock.advance(5_000);
  await shipper.close(1_000);
  const access = sent(kafka, TOPICS.access);
  expect(access.slice(0, 2).map(({ seq, dropped }) => [seq, dropped])).toEqual([
    [1, 0],
    [1, 0],
  ]);
  const seqs = new Set(access.map(({ seq }) => seq));
  const stored = 10 * (seqs.size - 1);
  expect(counters.get('accessDroppedRows')).toBe(110 - stored);
  expect(access.at(-1)).toMatchObject({ end: 1, served: 110, dropped: 110 - stored });
});

test('a topic that is not there yet is waited for; the other stream goes on', async () => {
  const { shipper, ship, kafka, clock, logs } = start();
  kafka.topics.delete(TOPICS.access);
  ship('access', 1);
  ship('metrics', 2);
  await eventually(() => kafka.stored[0], { timeoutMs: 1_000, what: 'the metrics' });
  expect(sent(kafka, TOPICS.metrics)).toHaveLength(1);
  expect(sent(kafka, TOPICS.access)).toHaveLength(0);
  kafka.topics.set(TOPICS.access, 8);
  clock.advance(1_000);
  await eventually(() => kafka.stored[1], { timeoutMs: 1_000, what: 'the records' });
  await shipper.close(1_000);
  expect(sent(kafka, TOPICS.access).map(({ rows }) => rows)).toEqual([1, 0]);
  expect(logs).toEqual(['info telemetry waits for Kafka', 'info telemetry reaches Kafka again']);
});

test('an outage is retried with growing pauses and told once', async () => {
  const { shipper, ship, kafka, clock, logs } = start();
  kafka.failures = Array.from({ length: 6 }, () => 'unavailable' as const);
  ship('access', 9);
  for (let sends = 1; sends <= 6; sends++) {
    await eventually(() => (kafka.sends === sends ? true : undefined), {
      timeoutMs: 1_000,
      what: `send ${sends}`,
    });
    await new Promise(setImmediate);
    clock.advance(sends < 6 ? 100 * 2 ** (sends - 1) - 1 : 2_999);
    await new Promise(setImmediate);
    expect(kafka.sends).toBe(sends);
    clock.advance(1);
  }
  await shipper.close(1_000);
  expect(sent(kafka, TOPICS.access)[0]).toMatchObject({ seq: 1, rows: 9 });
  expect(logs.filter((line) => !line.startsWith('debug'))).toEqual([
    'warn telemetry waits for Kafka',
    'info telemetry reaches Kafka again',
  ]);
});

test('what Kafka will never take is dropped and counted, and the stream goes on', async () => {
  const { shipper, ship, kafka, counters, logs } = start();
  kafka.failures = ['refused'];
  ship('access', 4);
  ship('access', 5);
  await shipper.close(1_000);
  expect(sent(kafka, TOPICS.access).map(({ seq, rows, dropped }) => [seq, rows, dropped])).toEqual([
    [2, 5, 4],
    [3, 0, 4],
  ]);
  expect(counters.get('accessDroppedRows')).toBe(4);
  expect(logs).toContain('error Kafka refused a block');
});

test('at the deadline of its end the rest stays accounted for in the ledger', async () => {
  const { shipper, ship, kafka, clock, ledgerFile } = start();
  kafka.failures = Array.from({ length: 100 }, () => 'unavailable' as const);
  ship('access', 4);
  await eventually(() => (kafka.sends > 0 ? true : undefined), { timeoutMs: 1_000, what: 'send' });
  const closed = shipper.close(500);
  clock.advance(500);
  await closed;
  expect(readLedger(ledgerFile('access'))).toMatchObject({
    ...{ served: 4, acked: 0, dropped: 0, ended: true, waiting: new Map([[1, 4]]) },
  });
});

test('a thread that takes over counts what died with the one before it as dropped', async () => {
  const { ship, kafka, options, ledgerFile, shipper } = start();
  kafka.held = true;
  ship('access', 4);
  ship('access', 6);
  const { after, next } = successor(options, ledgerFile('access'));
  await next.close(1_000);
  expect(sent(after, TOPICS.access)).toMatchObject([{ seq: 3, end: 1, served: 10, dropped: 10 }]);
  expect(options.counters.get('accessDroppedRows')).toBe(10);
  const closed = shipper.close(0);
  options.clock.advance(1);
  kafka.release();
  await closed;
});

/** Of a disk with room enough. */
const SPOOL_BYTES = 1_000_000;

test('beyond the memory blocks go to disk and come back in their order, none lost', async () => {
  const { ship, kafka, counters, shipper, options, ledgerFile } = start(4_000, SPOOL_BYTES);
  kafka.held = true;
  for (let i = 0; i < 20; i++) ship('access', 3);
  ship('metrics', 1);
  expect(counters.get('queueBytes')).toBeLessThanOrEqual(4_000);
  expect(counters.get('spoolBlocks')).toBeGreaterThan(15);
  expect(counters.get('accessDroppedRows')).toBe(0);
  kafka.release();
  await shipper.close(10_000);
  expect(sent(kafka, TOPICS.access).map(({ seq }) => seq)).toEqual(
    Array.from({ length: 21 }, (_, i) => i + 1),
  );
  expect(sent(kafka, TOPICS.access).at(-1)).toMatchObject({ served: 60, dropped: 0, end: 1 });
  expect(
    ['queueBytes', 'spoolBytes', 'spoolBlocks'].map((name) => counters.get(name as never)),
  ).toEqual([0, 0, 0]);
  expect(existsSync(ledgerFile('access'))).toBe(false);
  expect(readdirSync(options.spool?.root ?? '')).toEqual([]);
});

test('what an end cannot send is put on disk; who comes after it finds it', async () => {
  const { ship, kafka, shipper, clock, options, ledgerFile } = start(1_000_000, SPOOL_BYTES);
  kafka.topics.clear();
  for (let i = 0; i < 3; i++) ship('access', 2);
  const closed = shipper.close(100);
  clock.advance(100);
  await closed;
  expect(readLedger(ledgerFile('access'))).toMatchObject({
    ...{ served: 6, dropped: 0, ended: true, waiting: new Map([1, 2, 3].map((seq) => [seq, 2])) },
  });
  const spool = new Spool(options.spool?.root ?? '', { ...IDENTITY, stream: 'access' });
  expect(spool.list()).toEqual([1, 2, 3]);
  // A thread of the same worker; one block has been cut off meanwhile.
  spool.delete(2);
  const { after, next } = successor(options, ledgerFile('access'));
  await next.close(1_000);
  expect(sent(after, TOPICS.access).map(({ seq, rows }) => [seq, rows])).toEqual([
    ...[
      [1, 2],
      [3, 2],
      [4, 0],
    ],
  ]);
  expect(sent(after, TOPICS.access).at(-1)).toMatchObject({ served: 6, dropped: 2, end: 1 });
});
