import { clickhouseUrl, kafkaBrokers, natsUrl } from '#test/parts.ts';
import { createClient } from '@clickhouse/client';
import { Kafka, logLevel } from 'kafkajs';
import { StorageType, connect } from 'nats';
import { expect, test } from 'vitest';

test('NATS stores a message in JetStream before it acknowledges', async () => {
  const connection = await connect({ servers: natsUrl() });
  try {
    expect(connection.info?.jetstream).toBe(true);
    expect(connection.info?.max_payload).toBe(1_048_576);
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name: 'parts-test', subjects: ['parts-test.>'] });
    const ack = await connection.jetstream().publish('parts-test.a', 'x');
    expect(ack.seq).toBe(1);
    await manager.streams.delete('parts-test');
  } finally {
    await connection.close();
  }
});

test('NATS has room for the memory that a hundred meshes reserve', async () => {
  const connection = await connect({ servers: natsUrl() });
  try {
    const manager = await connection.jetstreamManager();
    const reserve = { storage: StorageType.Memory, max_bytes: 100 * 67_108_864 };
    await manager.streams.add({ name: 'room-test', subjects: ['room-test'], ...reserve });
    expect(await manager.streams.delete('room-test')).toBe(true);
  } finally {
    await connection.close();
  }
});

test('Kafka creates a topic when asked, and never by accident', async () => {
  const kafka = new Kafka({ brokers: [kafkaBrokers()], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic: 'parts-test', numPartitions: 2 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ['parts-test'] });
    expect(topics[0]?.partitions).toHaveLength(2);
    const byAccident = admin.fetchTopicMetadata({ topics: ['parts-test-none'] });
    await expect(byAccident).rejects.toThrow('This server does not host this topic-partition');
    await admin.deleteTopics({ topics: ['parts-test'] });
  } finally {
    await admin.disconnect();
  }
});

test('ClickHouse answers queries, with inserts answered when stored', async () => {
  const client = createClient({ url: clickhouseUrl() });
  try {
    const result = await client.query({
      query: `SELECT value, timezone() AS tz FROM system.settings WHERE name = 'async_insert'`,
      format: 'JSONEachRow',
    });
    expect(await result.json()).toEqual([{ value: '0', tz: 'UTC' }]);
  } finally {
    await client.close();
  }
});
