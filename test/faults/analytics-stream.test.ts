// F47 and F48: messages that cannot be read, and messages that are gone.
import { meshTopics } from '#contracts/topics.ts';
import { eventually } from '#test/eventually.ts';
import { expect, test } from 'vitest';
import {
  count,
  message,
  startService,
  testMesh,
  untilBlocks,
} from '../integration/analytics/mesh.ts';
import { openAdmin } from '../integration/analytics/topics.ts';

/** Behind a column's name: its type with a length, a version, and flags. */
const WORDS_COUNT_AT = 1 + 'LowCardinality(String)'.length + 8 + 8;

const nowUs = (): number => Date.now() * 1_000;
const block = (seq: number) => message('access', [{ time: nowUs() }], { seq, served: seq });

test('F47: what cannot be read is put aside with its reason, and the stream goes on', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  const good = (seq: number) => message('access', [{ time: nowUs() }], { seq });
  const noHeaders = { value: good(1).value, headers: { schema: '1' } };
  const future = { ...good(2), headers: { ...good(2).headers, schema: '99' } };
  const broken = good(3);
  // A text longer than the block: only ClickHouse can tell.
  broken.value = Buffer.concat([broken.value.subarray(0, -40), Buffer.alloc(40, 0xff)]).subarray(
    0,
    -30,
  );
  const value = Buffer.from(good(8).value);
  // Four thousand million words are announced: ClickHouse would make room for them.
  const wordsAt = value.indexOf('proxy') + 'proxy'.length + WORDS_COUNT_AT;
  value.fill(0xff, wordsAt, wordsAt + 4);
  const lying = { ...good(8), value };
  const wrongRows = { ...good(4), headers: { ...good(4).headers, rows: '2' } };
  for (const each of [good(5), noHeaders, future, broken, wrongRows, lying, good(6)]) {
    await mesh.send('access', 2, each);
  }
  await untilBlocks(mesh, 'access', 2);
  await mesh.send('access', 2, good(7));
  await untilBlocks(mesh, 'access', 3);
  expect(await count(mesh, 'records')).toBe(3);
  const reasons: string[] = [];
  const dead = mesh.kafka.consumeGroup({
    groupId: `${mesh.name}-dead`,
    topics: [meshTopics(mesh.name).dead],
    from: 'oldest',
    async batch(batch) {
      for (const each of batch.messages) {
        reasons.push(`${each.headers['dead-offset']} ${each.headers['dead-reason']}`);
      }
      batch.resolve(batch.messages.at(-1)?.offset ?? 0n);
    },
  });
  await eventually(() => (reasons.length === 5 ? true : undefined), {
    what: 'five dead letters',
    timeoutMs: 20_000,
  });
  await dead.stop();
  expect(reasons.sort()).toEqual([
    '1 headers are missing or are no whole numbers',
    '2 schema 99 is unknown here, where 4 is the newest',
    expect.stringMatching(/^3 .+/),
    expect.stringMatching(/^4 the body has \d+ columns and 1 rows; \d+ and 2 were announced$/),
    expect.stringMatching(/^5 .*memory/),
  ]);
  const text = await (await fetch(`${service.url}/metrics`)).text();
  expect(text).toMatch(/windrose_analytics_dead_letters_total\{topic="[^"]+"\} 5/);
});

test('F48: Kafka dropped messages unread: the gap is told, and the stream goes on', async () => {
  const mesh = testMesh();
  const admin = await openAdmin();
  const { access } = meshTopics(mesh.name);
  const first = await startService(mesh);
  await mesh.send('access', 3, block(1));
  await untilBlocks(mesh, 'access', 1);
  expect(await first.kill('SIGTERM')).toBe(0);
  for (const seq of [2, 3, 4, 5]) await mesh.send('access', 3, block(seq));
  await admin.fetchTopicOffsets(access); // Without it kafkajs does not know the topic yet.
  await admin.deleteTopicRecords({ topic: access, partitions: [{ partition: 3, offset: '4' }] });
  const second = await startService(mesh);
  await untilBlocks(mesh, 'access', 2);
  expect(await count(mesh, 'blocks', 'groupArray(seq) = [1, 5] OR groupArray(seq) = [5, 1]')).toBe(
    1,
  );
  const metrics = await (await fetch(`${second.url}/metrics`)).text();
  expect(metrics).toContain(`windrose_analytics_gap_messages_total{topic="${access}"} 3`);
  expect(second.stderr()).toMatch(/retention is too short/);
});
