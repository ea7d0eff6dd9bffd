// A consumer that dies between any two steps of a range leaves it exact for the next one.
import { ROLLUPS, TABLES } from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { systemClock } from '#platform/clock.ts';
import type { GroupBatch, GroupMessage } from '#platform/kafka.ts';
import { decodePosition } from '../../../services/analytics/ingest/intent.ts';
import { Ledger } from '../../../services/analytics/ingest/ledger.ts';
import type { IngestEvents } from '../../../services/analytics/ingest/outcome.ts';
import { PartitionIngest } from '../../../services/analytics/ingest/partition.ts';
import { applySchema } from '../../../services/analytics/schema/apply.ts';
import { MIGRATIONS } from '../../../services/analytics/schema/migrations.ts';
import { expect, test } from 'vitest';
import { type TestMesh, count, message, testMesh } from './mesh.ts';

class Died extends Error {}

const STEPS = ['intent', 'rows', 'ledger', 'commit'] as const;
type Step = (typeof STEPS)[number];
/** Just before the step took effect, or just after. */
type Moment = `${'before' | 'after'} ${Step}`;

/** What Kafka keeps of a group: all that a consumer leaves when it dies. */
interface Committed {
  offset: bigint;
  metadata: string;
}

const QUIET: IngestEvents = {
  stored: () => undefined,
  repeats: () => undefined,
  clamped: () => undefined,
  deadLetter: () => undefined,
  gap: () => undefined,
  generation: () => undefined,
  lag: () => undefined,
  waiting: () => undefined,
  working: () => undefined,
};

/** A consumer's life on one partition, which may end at a moment. */
async function live(
  mesh: TestMesh,
  committed: Committed,
  messages: readonly GroupMessage[],
  die: Moment | undefined,
): Promise<void> {
  const passing = async <T>(step: Step, work: () => Promise<T>): Promise<T> => {
    if (die === `before ${step}`) throw new Died();
    const result = await work();
    if (die === `after ${step}`) throw new Died();
    return result;
  };
  const clickhouse: ClickHouse = {
    ...mesh.clickhouse,
    insertNative: (...args) => passing('rows', () => mesh.clickhouse.insertNative(...args)),
    insertRows: (...args) => passing('ledger', () => mesh.clickhouse.insertRows(...args)),
  };
  const ingest = new PartitionIngest(
    {
      clickhouse,
      ledger: new Ledger(clickhouse),
      sendDead: () => Promise.resolve({ ok: true }),
      events: QUIET,
      clock: systemClock,
      seek: () => undefined,
    },
    'metrics',
    { next: committed.offset, position: decodePosition(committed.metadata) ?? { generation: 1 } },
  );
  let rest = messages.filter(({ offset }) => offset >= committed.offset);
  const batch: GroupBatch = {
    topic: 'steps',
    partition: 0,
    messages: rest,
    highWatermark: (messages.at(-1)?.offset ?? 0n) + 1n,
    resolve: (offset) => {
      rest = rest.filter((each) => each.offset > offset);
    },
    commit: (offset, metadata = '') => {
      const step = decodePosition(metadata)?.to === undefined ? 'commit' : 'intent';
      return passing(step, async () => {
        committed.offset = offset;
        committed.metadata = metadata;
      });
    },
    heartbeat: () => Promise.resolve(),
    live: () => true,
  };
  await ingest.take(batch).catch((error: unknown) => {
    if (!(error instanceof Died)) throw error;
  });
}

function fetched(blocks: number): GroupMessage[] {
  const time = Date.now() * 1_000;
  return Array.from({ length: blocks }, (_, index) => {
    const { value, headers } = message('metrics', [{ time, requests: 10 }], { seq: index + 1 });
    return { offset: BigInt(index), timestampMs: Date.now(), headers, value: Buffer.from(value) };
  });
}

const MOMENTS = STEPS.flatMap((step): Moment[] => [`before ${step}`, `after ${step}`]);

test.each(MOMENTS)('death %s, and the next one has a longer batch', async (moment) => {
  const mesh = testMesh();
  await applySchema(mesh.clickhouse, MIGRATIONS);
  const committed: Committed = { offset: 0n, metadata: '' };
  const messages = fetched(7);
  await live(mesh, committed, messages.slice(0, 3), moment);
  await live(mesh, committed, messages, moment);
  await live(mesh, committed, messages, undefined);
  expect(committed.offset).toBe(7n);
  for (const { table } of [
    ROLLUPS.routes,
    ROLLUPS.routesMinute,
    ROLLUPS.routesHour,
    ROLLUPS.edges,
    ROLLUPS.edgesMinute,
    ROLLUPS.edgesHour,
  ]) {
    expect([table, await count(mesh, table, 'sum(requests)')]).toEqual([table, 70]);
  }
  expect(await count(mesh, TABLES.blocks)).toBe(7);
});

test('an intent reaches further than one batch: it waits for the rest of its range', async () => {
  const mesh = testMesh();
  await applySchema(mesh.clickhouse, MIGRATIONS);
  const committed: Committed = { offset: 0n, metadata: '' };
  const messages = fetched(6);
  await live(mesh, committed, messages.slice(0, 5), 'after rows');
  expect(decodePosition(committed.metadata)).toEqual({ generation: 1, to: 5n });
  await live(mesh, committed, messages.slice(0, 2), undefined);
  expect([committed.offset, await count(mesh, TABLES.blocks)]).toEqual([0n, 0]);
  await live(mesh, committed, messages, undefined);
  expect([committed.offset, await count(mesh, TABLES.blocks)]).toEqual([6n, 6]);
  expect(await count(mesh, ROLLUPS.routes.table, 'sum(requests)')).toBe(60);
});

test('a topic made anew never uses a token again', async () => {
  const mesh = testMesh();
  await applySchema(mesh.clickhouse, MIGRATIONS);
  const committed: Committed = { offset: 0n, metadata: JSON.stringify({ v: 1, g: 5 }) };
  await live(mesh, committed, fetched(3), undefined);
  expect(decodePosition(committed.metadata)).toEqual({ generation: 5 });
  // The same offsets again, with other blocks: only the ledger can tell.
  const again = fetched(3).map((each) => ({
    ...each,
    headers: { ...each.headers, instance: 'i2' },
  }));
  committed.offset = 0n;
  await live(mesh, committed, again, undefined);
  expect(decodePosition(committed.metadata)?.generation).toBeGreaterThan(5);
  expect(await count(mesh, TABLES.blocks)).toBe(6);
  expect(await count(mesh, ROLLUPS.edges.table, 'sum(requests)')).toBe(60);
});

test('the group set back by hand: what is stored is left out', async () => {
  const mesh = testMesh();
  await applySchema(mesh.clickhouse, MIGRATIONS);
  const committed: Committed = { offset: 0n, metadata: '' };
  const messages = fetched(4);
  await live(mesh, committed, messages, undefined);
  committed.offset = 0n;
  committed.metadata = '';
  await live(mesh, committed, messages, undefined);
  expect(committed.offset).toBe(4n);
  expect(await count(mesh, TABLES.blocks)).toBe(4);
  expect(await count(mesh, ROLLUPS.edgesMinute.table, 'sum(requests)')).toBe(40);
});
