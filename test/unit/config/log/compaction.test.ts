import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { expect, test } from 'vitest';
import { Archive } from '../../../../services/config/log/archive.ts';
import { Compaction, type CompactionOptions } from '../../../../services/config/log/compaction.ts';
import { FakeObjects } from '../../platform/config-log/objects.ts';

const HEAD_TIME = '2026-01-01T12:00:00.000Z';

/** A log of one message that nobody has to shorten, and bodies in the store. */
function setUp(log: { problem?: string; head?: number; named?: string[] }) {
  const objects = new FakeObjects();
  const { head = 1, named = [] } = log;
  const clock = new FakeClock();
  const compaction = new Compaction({
    ...{ objects, clock, keep: 100, stream: 's' },
    logger: createLog({ service: 'test', level: 'silent' }),
    connection: {
      jetstreamManager: async () => ({
        streams: { info: async () => ({ state: { first_seq: 1, last_seq: 1 } }) },
      }),
    },
    log: {
      problem: log.problem,
      names: (name: string) => named.includes(name),
      history: {
        ...{ epoch: 1, headSequence: head, lastSequence: head },
        changeSet: () => ({ time: HEAD_TIME }),
      },
    },
  } as unknown as CompactionOptions);
  const body = (name: string, time: string): void => {
    objects.objects.set(name, new Uint8Array());
    objects.times.set(name, time);
  };
  return { compaction, objects, clock, body };
}

test('bodies that no revision names go when the head is far younger, once an hour', async () => {
  const { compaction, objects, clock, body } = setUp({ named: ['body.used'] });
  body('body.used', '2026-01-01T01:00:00Z');
  body('body.orphan', '2026-01-01T01:00:00Z');
  body('body.fresh', '2026-01-01T11:30:00Z');
  // Of a revision that this log has lost, perhaps.
  body('body.later', '2026-01-02T00:00:00Z');
  await compaction.work();
  expect(await objects.list('')).toEqual(['body.fresh', 'body.later', 'body.used']);
  body('body.orphan', '2026-01-01T01:00:00Z');
  await compaction.work();
  expect(objects.objects.size).toBe(4);
  clock.advance(3_600_000);
  await compaction.work();
  expect(objects.objects.size).toBe(3);
});

test.each([
  ['is lost', { problem: 'the log is lost' }],
  ['is empty', { head: 0 }],
])('nothing is removed while the log %s', async (_what, log) => {
  const { compaction, objects, body } = setUp(log);
  body('body.orphan', '2026-01-01T01:00:00Z');
  await compaction.work();
  expect(objects.objects.size).toBe(1);
});

test('a store that does not answer stops nothing', async () => {
  const { compaction, objects, body } = setUp({});
  body('body.orphan', '2026-01-01T01:00:00Z');
  objects.away = true;
  await expect(compaction.work()).resolves.toBeUndefined();
});

test('a revision that cannot be read again stays in the log', async () => {
  const objects = new FakeObjects();
  const purges: unknown[] = [];
  const readable = new Set([1, 2, 3, 4, 5]);
  const state = { first_seq: 1, last_seq: 6 };
  const streams = {
    info: async () => ({ state }),
    purge: async (_stream: string, options: unknown) => purges.push(options),
  };
  const compaction = new Compaction({
    ...{ objects, clock: new FakeClock(), keep: 1, stream: 's' },
    archive: new Archive(objects),
    snapshots: { write: async () => undefined },
    logger: createLog({ service: 'test', level: 'silent' }),
    connection: { jetstreamManager: async () => ({ streams }) },
    log: {
      catchUp: async () => undefined,
      message: async (at: number) => (readable.has(at) ? Buffer.from(`${at}`) : undefined),
      history: {
        ...{ epoch: 1, headSequence: 6, lastSequence: 6, state: { sequence: 6 } },
        changeSet: (at: number) => (at === 3 ? undefined : { time: HEAD_TIME }),
      },
    },
  } as unknown as CompactionOptions);
  readable.delete(2);
  await compaction.work();
  expect(purges).toEqual([]);
  expect(objects.objects.size).toBe(0);
  readable.add(2);
  // What was no revision may be gone.
  readable.delete(3);
  await compaction.work();
  expect(purges).toEqual([{ seq: 6 }]);
  expect(await new Archive(objects).covers(5)).toBe(true);
});
