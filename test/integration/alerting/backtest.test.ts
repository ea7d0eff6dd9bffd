// When an objective would have fired: times and rates are worked out by hand.
import { uniqueMesh } from '#test/parts.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Period, backtest } from '../../../services/alerting/backtest.ts';
import { objectiveOf } from '../../../services/alerting/objective.ts';
import type { Query } from '../../../services/alerting/rollup.ts';
import { type SloSettings, policy, slo } from '../../unit/alerting/fixtures.ts';
import { Feed } from './feed.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MINUTES = 60;
/** Requests of each minute, all in its first 10 s. */
const REQUESTS = 100;
const TODAY = Math.floor(Date.now() / MINUTE) * MINUTE;
const LATELY = TODAY - 3 * 60 * MINUTE;
/** Rows of 10 s are not kept for so long. */
const LONG_AGO = TODAY - 20 * DAY;
const FINE_SINCE = TODAY - 14 * DAY;

let feed: Feed;
const query: Query = (sql, parameters) => feed.clickhouse.query(sql, parameters);

/** An hour in which from minute 30 to 39 one in five fails, and one in two is slow. */
async function play(startMs: number): Promise<void> {
  const rows = Array.from({ length: MINUTES }, (_, minute) => {
    const isBad = minute >= 30 && minute < 40;
    const row = {
      ...{ timeMs: startMs + minute * MINUTE, source: 'shop/orders' },
      ...{ destination: 'shop/payments', route: 'shop/pay', consumer: 'shop/ann' },
    };
    const slow = isBad ? REQUESTS / 2 : 0;
    return [
      { ...row, statusClass: '2xx', requests: REQUESTS - slow - (isBad ? 20 : 0) },
      { ...row, statusClass: '2xx', requests: slow, durationUs: 500_000 },
      { ...row, statusClass: '5xx', requests: isBad ? 20 : 0 },
    ].filter(({ requests }) => requests > 0);
  });
  await feed.send(rows.flat());
}

beforeAll(async () => {
  feed = await Feed.create(uniqueMesh());
  for (const startMs of [LATELY, LONG_AGO]) await play(startMs);
});
afterAll(() => feed.stop());

/** Times as minutes and seconds since the start, so that they can be read. */
async function fired(startMs: number, settings: SloSettings, more: Partial<Period> = {}) {
  const period = {
    ...{ fromMs: startMs, untilMs: startMs + MINUTES * MINUTE, fineSinceMs: FINE_SINCE },
    ...more,
  };
  const objective = objectiveOf(slo(settings));
  const { alerts, ...rest } = await backtest(query, objective, period);
  const since = (time: string | undefined): string | undefined =>
    time && new Date(Date.parse(time) - startMs).toISOString().slice(14, 19);
  return {
    ...rest,
    alerts: alerts.map(({ highestRate, resolvedAt, startedAt }) => [
      ...[since(startedAt), since(resolvedAt), highestRate],
    ]),
  };
}

/** Five times the budget of 1 %: over ten minutes that is three bad ones. */
const POLICIES = [policy(5, ['10m', '2m'])];

test('as alerts are made now: in steps of 10 s where those rows are kept', async () => {
  expect(await fired(LATELY, { policies: POLICIES })).toEqual({
    slo: 'shop/payments',
    from: new Date(LATELY).toISOString(),
    until: new Date(LATELY + MINUTES * MINUTE).toISOString(),
    stepMs: 10_000,
    ...{ good: 5_800, total: 6_000, ratio: 0.966666667 },
    // 3.33 % failed where 1 % may.
    budgetLeft: -2.333333333,
    // Minutes 30, 31, 32 are bad by 32:10; two good ones are in by 41:10.
    alerts: [['32:10', '41:10', 20]],
  });
});

test('by the minute where they are older', async () => {
  const found = await fired(LONG_AGO, { policies: POLICIES });
  expect(found).toMatchObject({ stepMs: MINUTE, good: 5_800, total: 6_000 });
  expect(found.alerts).toEqual([['33:00', '42:00', 20]]);
});

test('of a route, a consumer and an edge, each of whose policies by itself', async () => {
  for (const selector of [
    { route: 'shop/pay' },
    { consumer: 'shop/ann' },
    { destination: 'shop/payments', source: 'shop/orders' },
  ]) {
    const policies = [policy(5, ['10m', '2m']), policy(19, ['10m', '2m'], {})];
    Object.assign(policies[1] ?? {}, { metadata: { name: 'slow' } });
    const { alerts } = await fired(LATELY, { selector, policies });
    expect(alerts).toEqual([
      ['32:10', '41:10', 20],
      // Ten minutes of ten are bad at 39:10; at 40:10 one of two is good: half the rate.
      ['39:10', '40:10', 20],
    ]);
  }
});

test('of what is slow, and what fires still at the end', async () => {
  const settings = { threshold: { op: 'lte', value: 250, statusClasses: ['2xx'] } };
  const until = { untilMs: LATELY + 35 * MINUTE };
  const { alerts, ...rest } = await fired(LATELY, { ...settings, policies: POLICIES }, until);
  // 50 of 80 were slow: 62.5 times the budget in the short window.
  expect(alerts).toEqual([['30:10', undefined, 62.5]]);
  expect(rest).toMatchObject({ good: 3_150, total: 3_400 });
});

test('nothing fires without traffic, nor for an objective without policies', async () => {
  const none = await fired(LATELY, { selector: { service: 'shop/none' }, policies: POLICIES });
  expect(none).toMatchObject({ total: 0, budgetLeft: 1, alerts: [] });
  expect(none).not.toHaveProperty('ratio');
  expect((await fired(LATELY, { policies: [] })).alerts).toEqual([]);
});
