// Slices of time, and what was left of a budget: numbers are worked out by hand.
import { uniqueMesh } from '#test/parts.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backtest } from '../../../services/alerting/backtest.ts';
import { readCounts } from '../../../services/alerting/counts.ts';
import { budgetHistory } from '../../../services/alerting/history.ts';
import { objectiveOf } from '../../../services/alerting/objective.ts';
import type { Query } from '../../../services/alerting/rollup.ts';
import { type SloSettings, policy, slo } from '../../unit/alerting/fixtures.ts';
import { Feed } from './feed.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Whole hours, so that slices of 5 min begin with it. */
const START = Math.floor(Date.now() / HOUR) * HOUR - 3 * HOUR;

/** Failures of 100 requests a minute; undefined: a minute without any. */
const FAILED = [0, 0, 0, 0, 0, 5, 6, 4, 5, 5, 30, undefined, undefined, undefined, undefined];

let feed: Feed;
const query: Query = (sql, parameters) => feed.clickhouse.query(sql, parameters);

beforeAll(async () => {
  feed = await Feed.create(uniqueMesh());
  const rows = FAILED.flatMap((failed, minute) => {
    if (failed === undefined) return [];
    const row = { timeMs: START + minute * MINUTE + 30_000, source: 'shop/orders' };
    const to = { ...row, destination: 'shop/payments' };
    return [
      { ...to, statusClass: '2xx', requests: 100 - failed },
      ...(failed === 0 ? [] : [{ ...to, statusClass: '5xx', requests: failed }]),
      // Others may be as bad as they like.
      { ...row, destination: 'shop/other', statusClass: '5xx', requests: 1_000 },
    ];
  });
  await feed.send(rows);
});
afterAll(() => feed.stop());

const sliced = (timeSliceWindow: number, timeSliceTarget?: number): SloSettings => ({
  method: timeSliceTarget === undefined ? 'RatioTimeslices' : 'Timeslices',
  slices: { timeSliceWindow, ...(timeSliceTarget === undefined ? {} : { timeSliceTarget }) },
  policies: [policy(2, [`${timeSliceWindow * 3}m`, `${timeSliceWindow}m`])],
});

/** [good, slices, requests] of windows of so many minutes, up to a minute. */
async function counts(settings: SloSettings, minute: number, windows: number[]) {
  const { good, selector, slices } = objectiveOf(slo(settings));
  const windowsMs = windows.map((window) => window * MINUTE);
  const request = { good, selector, windowsMs, ...(slices && { slices }) };
  const plain = { good, selector, windowsMs: [MINUTE] };
  const [, found] = await readCounts(query, [plain, request], START + minute * MINUTE);
  return windowsMs.map((windowMs) => {
    const { good: fine, requests, total } = found?.get(windowMs) ?? { good: -1, total: -1 };
    return [fine, total, requests];
  });
}

test('slices are good from their target on; those without requests are not counted', async () => {
  const minutes = sliced(1, 0.95);
  expect(await counts(minutes, 11, [1, 5, 6, 11])).toEqual([
    [0, 1, 100],
    // Of 6, 4, 5, 5 and 30 failures three are 5 % at most.
    [3, 5, 500],
    [4, 6, 600],
    [9, 11, 1_100],
  ]);
  expect(await counts(minutes, 15, [4, 5])).toEqual([
    [0, 0, 0],
    [0, 1, 100],
  ]);
  // Minutes 5 to 9 together are 5 % of 500.
  expect(await counts(sliced(5, 0.95), 10, [5, 10])).toEqual([
    [1, 1, 500],
    [2, 2, 1_000],
  ]);
  expect(await counts(sliced(5, 0.951), 10, [5, 10])).toEqual([
    [0, 1, 500],
    [1, 2, 1_000],
  ]);
});

test('a slice that is under way is not there yet', async () => {
  expect(await counts(sliced(5, 0.95), 14, [5])).toEqual([[1, 1, 500]]);
  expect(await counts(sliced(5, 0.95), 15, [5])).toEqual([[0, 1, 100]]);
});

test('or each counts by its share of good requests', async () => {
  const [[good, total, requests] = []] = await counts(sliced(5), 15, [15]);
  // 1, 0.95 and 0.7, however many requests each had.
  expect(good).toBeCloseTo(2.65, 9);
  expect([total, requests]).toEqual([3, 1_100]);
});

test('a backtest plays them, too: ten requests are enough, however few slices', async () => {
  const period = { fromMs: START, untilMs: START + HOUR, fineSinceMs: START - HOUR };
  const objective = objectiveOf(slo({ ...sliced(1, 0.95), target: 0.9 }));
  const { alerts, ...rest } = await backtest(query, objective, period);
  expect(rest).toMatchObject({ stepMs: MINUTE, good: 9, total: 11, ratio: 0.818181818 });
  const minutes = alerts.map(({ resolvedAt, startedAt }) =>
    [startedAt, resolvedAt].map((time) => (Date.parse(time ?? '') - START) / MINUTE),
  );
  // One bad slice of one, and of three, is more than twice 10 %; the next one is good or empty.
  expect(minutes).toEqual([
    [7, 8],
    [11, 12],
  ]);
});

test('what was left of a budget, rolling and of a calendar', async () => {
  const period = { fromMs: START, untilMs: START + 15 * MINUTE, fineSinceMs: START - HOUR };
  const left = async (settings: SloSettings): Promise<[number, number][]> => {
    const objective = objectiveOf(slo({ target: 0.9, policies: [], ...settings }));
    const history = await budgetHistory(query, objective, { ...period, points: 3 });
    expect(history.items.map(({ time }) => (Date.parse(time) - START) / MINUTE)).toEqual([
      ...[5, 10, 15],
    ]);
    return history.items.map(({ budgetLeft, total }) => [total, budgetLeft]);
  };
  expect(await left({ timeWindow: '10m' })).toEqual([
    [500, 1],
    // 25 of 1 000 failed where 100 may.
    [1_000, 0.75],
    // 55 of 600: of the last ten minutes there are six.
    [600, 0.083333333],
  ]);
  const calendar = { startTime: '2026-01-01 00:00:00', timeZone: 'UTC' };
  expect(await left({ timeWindow: '1h', calendar })).toEqual([
    [500, 1],
    [1_000, 0.75],
    [1_100, 0.5],
  ]);
  // Half past: the window is one that began before the period.
  const half = { startTime: '2026-01-01 00:30:00', timeZone: 'UTC' };
  expect(await left({ timeWindow: '1h', calendar: half })).toEqual([
    [500, 1],
    [1_000, 0.75],
    [1_100, 0.5],
  ]);
});
