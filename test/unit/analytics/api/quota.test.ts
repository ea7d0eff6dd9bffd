import { FakeClock } from '#platform/clock.ts';
import { TooManyRequests } from '#platform/http-problem.ts';
import { expect, test } from 'vitest';
import {
  type SqlLimit,
  type SqlLimits,
  SqlQuota,
  SUBJECTS_MAX,
  readSqlLimits,
} from '../../../../services/analytics/api/quota.ts';

function setUp(limits: SqlLimits) {
  const clock = new FakeClock();
  const refusals: SqlLimit[] = [];
  const quota = new SqlQuota({ limits, clock, refused: (limit) => refusals.push(limit) });
  /** Undefined, or the seconds to wait. */
  const ask = async (subject: string, takesMs = 0): Promise<number | undefined> => {
    try {
      await quota.run(subject, async () => clock.advance(takesMs));
      return undefined;
    } catch (error) {
      if (error instanceof TooManyRequests) return error.retryAfterSeconds;
      throw error;
    }
  };
  return { clock, quota, refusals, ask };
}

test('so many statements at once, then as many a minute', async () => {
  const { ask, clock, refusals } = setUp({ queriesPerMinute: 3 });
  const first = [await ask('ann'), await ask('ann'), await ask('ann'), await ask('ann')];
  expect(first).toEqual([undefined, undefined, undefined, 20]);
  clock.advance(19_000);
  expect(await ask('ann')).toBe(1);
  clock.advance(1_000);
  expect(await ask('ann')).toBeUndefined();
  expect(await ask('ann')).toBe(20);
  expect(refusals).toEqual(['queries', 'queries', 'queries']);
});

test('each subject has its own', async () => {
  const { ask } = setUp({ queriesPerMinute: 1 });
  expect([await ask('ann'), await ask('ann'), await ask('bob')]).toEqual([
    undefined,
    60,
    undefined,
  ]);
});

test('seconds count as they were needed, also of what failed', async () => {
  const { ask, clock, quota, refusals } = setUp({ secondsPerHour: 36 });
  // 36 an hour: 10 ms fill up in each second.
  expect(await ask('ann', 10_000)).toBeUndefined();
  const failing = quota.run('ann', async () => {
    clock.advance(10_000);
    throw new Error('no such column');
  });
  await expect(failing).rejects.toThrow('no such column');
  // 36 less 20, and 0.2 filled up meanwhile: 16.2.
  expect(await ask('ann', 9_000)).toBeUndefined();
  // 7.3 are there of the 10 that the next may need.
  expect(await ask('ann')).toBe(271);
  clock.advance(271_000);
  expect(await ask('ann')).toBeUndefined();
  expect(refusals).toEqual(['seconds']);
});

test('many at once cannot overdraw: each takes what it may need', async () => {
  const { clock, quota } = setUp({ secondsPerHour: 30 });
  const ends: (() => void)[] = [];
  const open = () => quota.run('ann', () => new Promise<void>((resolve) => ends.push(resolve)));
  const running = [open(), open(), open()];
  await expect(open()).rejects.toThrow(/SQL is limited to 30 seconds of ClickHouse an hour/);
  expect(ends).toHaveLength(3);
  clock.advance(500);
  for (const end of ends) end();
  await Promise.all(running);
  // What they did not need is there again.
  const more = [open(), open()];
  for (const end of ends) end();
  expect(await Promise.all(more)).toEqual([undefined, undefined]);
});

test('a limit below what one statement may need still lets one through at a time', async () => {
  const { ask } = setUp({ secondsPerHour: 4 });
  expect(await ask('ann', 8_000)).toBeUndefined();
  // In debt by 4: an hour until it is gone, and another one until it is full.
  expect(await ask('ann')).toBeGreaterThan(7_100);
});

test('without limits nothing is refused', async () => {
  const { ask, refusals } = setUp(readSqlLimits({ perMinute: 0, secondsPerHour: 0 }));
  for (let time = 0; time < 500; time++) expect(await ask('ann', 10_000)).toBeUndefined();
  expect(refusals).toEqual([]);
});

test('it remembers so many subjects, those that asked last', async () => {
  const { ask, quota } = setUp({ queriesPerMinute: 1 });
  for (let index = 0; index < SUBJECTS_MAX; index++) await ask(`address ${index}`);
  await ask('address 0');
  await ask('address new');
  expect(quota.subjects).toBe(SUBJECTS_MAX);
  // The second was forgotten for the new one; the first had asked again.
  expect([await ask('address 0'), await ask('address 1')]).toEqual([60, undefined]);
});

test.each([-1, 1.5, Number.POSITIVE_INFINITY])('a limit of %s is refused', (perMinute) => {
  expect(() => readSqlLimits({ perMinute, secondsPerHour: 1 })).toThrow(
    /--sql-per-minute \S+ is no whole number from 0 on/,
  );
});
