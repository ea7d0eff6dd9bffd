import { Registry } from 'prom-client';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { Evaluator } from '../../../services/alerting/evaluator.ts';
import { createMetrics } from '../../../services/alerting/metrics.ts';
import { objectiveOf } from '../../../services/alerting/objective.ts';
import { StateFile } from '../../../services/alerting/state-file.ts';
import { type SloSettings, policy, slo } from './fixtures.ts';

const objective = objectiveOf(slo({ timeWindow: '1h' }));

/** [good, total] of the windows of 1 min, 20 s and 1 h, as the rollup would answer. */
type Windows = [good: number, total: number][];

async function setUp(webhooks = ['oncall']) {
  const clock = new FakeClock();
  const file = await StateFile.open(tempDir(), 'demo');
  const registry = new Registry();
  const rollup: { windows?: Windows | undefined; error?: Error | undefined; newestMs?: number } =
    {};
  const kept = new Map<string, number>();
  const evaluator = new Evaluator({
    mesh: 'demo',
    kept: () => Promise.resolve(kept),
    file,
    clock,
    webhooks: new Set(webhooks),
    log: createLog({ service: 'alerting', level: 'silent' }),
    metrics: createMetrics(registry, () => ({ firing: 0, outbox: 0 })),
    queued: () => undefined,
    progress: async () => {
      if (rollup.error !== undefined) throw rollup.error;
      return rollup.windows === undefined
        ? []
        : [{ newestMs: rollup.newestMs ?? clock.wallMs(), ended: false }];
    },
    counts: async (requests) =>
      requests.map(({ windowsMs }) => {
        return new Map(
          windowsMs.map((windowMs, i) => {
            const [good, total] = rollup.windows?.[i] ?? [0, 0];
            return [windowMs, { good, total }];
          }),
        );
      }),
  });
  const round = async (windows: Windows | undefined, objectives = [objective]) => {
    clock.advance(10_000);
    rollup.windows = windows;
    await evaluator.evaluate(objectives);
    return file.current.outbox.map(({ notification }) => notification.alert.state);
  };
  return { clock, evaluator, file, kept, registry, rollup, round };
}

// The budget is 1 %, the threshold 10 times that.
const BAD: Windows = [
  [85, 100],
  [12, 20],
  [9_900, 10_000],
];
const SHORT_ENDED: Windows = [
  [85, 100],
  [20, 20],
  [9_900, 10_000],
];
const SHORT_ONLY: Windows = [
  [95, 100],
  [12, 20],
  [9_900, 10_000],
];
const GOOD: Windows = [
  [100, 100],
  [20, 20],
  [9_950, 10_000],
];

test('an alert fires once, goes on, resolves, and a new one is another alert', async () => {
  const { file, round } = await setUp();
  expect(await round(SHORT_ONLY)).toEqual([]);
  expect(await round(BAD)).toEqual(['firing']);
  expect(await round(BAD)).toEqual(['firing']);
  expect(await round(SHORT_ONLY)).toEqual(['firing']);
  expect(await round(SHORT_ENDED)).toEqual(['resolved']);
  expect(await round(GOOD)).toEqual(['resolved']);
  expect(await round(BAD)).toEqual(['resolved', 'firing']);
  const [first, second] = file.current.alerts;
  expect(first).toMatchObject({
    state: 'resolved',
    startedAt: '2026-01-01T00:00:20.000Z',
    resolvedAt: '2026-01-01T00:00:50.000Z',
  });
  expect(second?.id).not.toBe(first?.id);
});

test('a notification names the service, the objective and the rates', async () => {
  const { file, round } = await setUp();
  await round(BAD);
  expect(file.current.outbox[0]?.notification).toMatchObject({
    version: 1,
    mesh: 'demo',
    alert: {
      slo: 'shop/payments',
      service: 'payments',
      severity: 'page',
      state: 'firing',
      summary:
        'payments: "Payments answer" (99 %) burns its error budget 15 times as fast as allowed ' +
        'over 1m (threshold 10) and 40 times as fast as allowed over 20s (threshold 10)',
    },
    objective: { displayName: 'Payments answer', target: 0.99 },
    burnRates: [
      { condition: 'long', windowMs: 60_000, rate: 15, threshold: 10 },
      { condition: 'short', windowMs: 20_000, rate: 40, threshold: 10 },
    ],
  });
});

test('the status shows budget, rates and state', async () => {
  const { evaluator, round } = await setUp();
  await round(BAD);
  expect(evaluator.statuses).toMatchObject([
    {
      slo: 'shop/payments',
      good: 9_900,
      total: 10_000,
      ratio: 0.99,
      budgetLeft: 0,
      state: 'firing',
      evaluatedAt: '2026-01-01T00:00:10.000Z',
      dataUntil: '2026-01-01T00:00:10.000Z',
    },
  ]);
});

test.each<[string, Windows, string]>([
  ['fires', BAD, 'firing'],
  ['burns too fast, and not long enough', SHORT_ONLY, 'pending'],
  [
    'burns too fast with too few requests',
    [
      [1, 5],
      [0, 3],
      [1, 5],
    ],
    'pending',
  ],
  ['is as it should be', GOOD, 'ok'],
  [
    'is asked by nobody',
    [
      [0, 0],
      [0, 0],
      [0, 0],
    ],
    'no_traffic',
  ],
])('an objective that %s says so', async (_what, windows, state) => {
  const { evaluator, round } = await setUp();
  await round(windows);
  expect(evaluator.statuses[0]?.state).toBe(state);
});

test('of an objective nobody knows how it is when nothing new comes in', async () => {
  const { clock, evaluator, round, rollup } = await setUp();
  await round(GOOD);
  rollup.newestMs = clock.wallMs();
  for (const expected of ['ok', 'no_data']) {
    clock.advance(100_000);
    await round(GOOD);
    expect(evaluator.statuses[0]?.state).toBe(expected);
  }
  expect(evaluator.statuses[0]?.problems).toEqual(['no data has come in: alerts stay as they are']);
});

test('the rest of a budget lasts as long as it burns on like that', async () => {
  const { evaluator, round } = await setUp();
  // A burn rate of 0.5 over the last minute, and half of the budget of an hour left.
  await round([
    [199, 200],
    [200, 200],
    [9_950, 10_000],
  ]);
  expect(evaluator.statuses[0]).toMatchObject({ budgetLeft: 0.5, exhaustedInMs: 3_600_000 });
  await round(GOOD);
  expect(evaluator.statuses[0]).not.toHaveProperty('exhaustedInMs');
  await round(BAD);
  expect(evaluator.statuses[0]).toMatchObject({ budgetLeft: 0, exhaustedInMs: 0 });
});

test('a window that is longer than rows are kept is a problem that is told', async () => {
  const { evaluator, kept, round } = await setUp();
  kept.set('edges_10s', 1).set('edges_1m', 7).set('edges_1h', 40).set('routes_1h', 1);
  const problems = async (settings: SloSettings): Promise<string[]> => {
    await round(GOOD, [objectiveOf(slo(settings))]);
    return evaluator.statuses[0]?.problems ?? [];
  };
  expect(await problems({ timeWindow: '6h' })).toEqual([]);
  expect(await problems({ timeWindow: '40d' })).toEqual([]);
  expect(await problems({ timeWindow: '41d' })).toEqual([
    'its window is 41 days long, and rows of edges_1h are kept 40 days: the budget is of those ' +
      '(--keep of analytics)',
  ]);
  expect(await problems({ timeWindow: '2d', selector: { route: 'shop/pay' } })).toHaveLength(1);
  // Slices of time are made of minutes.
  const sliced = { method: 'RatioTimeslices', slices: { timeSliceWindow: 1 }, policies: [] };
  expect(await problems({ ...sliced, timeWindow: '7d' })).toEqual([]);
  expect(await problems({ ...sliced, timeWindow: '8d' })).toHaveLength(1);
  const calendar = { startTime: '2026-01-01 00:00:00', timeZone: 'UTC' };
  expect(await problems({ timeWindow: '1Q', calendar })).toEqual([
    expect.stringMatching(/^its window is 90 days long, and rows of edges_1h are kept 40 days/),
  ]);
});

test('a window of the calendar begins with a budget of its own', async () => {
  const { clock, evaluator, rollup } = await setUp();
  const calendar = { startTime: '2020-01-01 00:00:00', timeZone: 'UTC' };
  const hourly = objectiveOf(slo({ timeWindow: '1h', calendar }));
  const round = async (afterMs: number, budget: [number, number]): Promise<unknown> => {
    clock.advance(afterMs);
    rollup.windows = [[50, 100], [50, 100], budget];
    await evaluator.evaluate([hourly]);
    return evaluator.statuses[0];
  };
  // The clock stands at midnight: ten minutes in, half of what may fail has.
  expect(await round(600_000, [9_950, 10_000])).toMatchObject({
    ...{ windowMs: 3_600_000, windowEndsAt: '2026-01-01T01:00:00.000Z', budgetLeft: 0.5 },
    // Burning 50 times too fast: of 49 times what comes in besides.
    exhaustedInMs: Math.round((0.5 * 600_000) / 49),
  });
  // Within a minute it is not read again, unless another window has begun.
  expect(await round(3_000_000 - 1_000, [1, 1])).toMatchObject({ good: 1, total: 1 });
  expect(await round(1_000, [0, 0])).toMatchObject({
    ...{ windowEndsAt: '2026-01-01T02:00:00.000Z', total: 0, budgetLeft: 1 },
  });
});

test('neither an error nor missing data fires or resolves anything', async () => {
  const { evaluator, registry, rollup, round } = await setUp();
  await round(BAD);
  rollup.error = new Error('nobody listens there');
  expect(await round(GOOD)).toEqual(['firing']);
  expect(evaluator.problem).toBe('the objectives cannot be evaluated: nobody listens there');
  rollup.error = undefined;
  expect(await round(undefined)).toEqual(['firing']);
  expect(evaluator.problem).toBeUndefined();
  expect(evaluator.statuses[0]?.problems).toEqual(['no data has come in: alerts stay as they are']);
  const text = await registry.metrics();
  expect(text).toContain('windrose_alerting_evaluations_total{result="done"} 1');
  expect(text).toContain('windrose_alerting_evaluations_total{result="failed"} 1');
  expect(text).toContain('windrose_alerting_evaluations_total{result="no_data"} 1');
});

test('an alert ends with its policy', async () => {
  const { file, round } = await setUp();
  await round(BAD);
  const renamed = { ...(policy(10, ['1m']) as object), metadata: { name: 'other' } };
  const other = objectiveOf(slo({ timeWindow: '1h', policies: [renamed] }));
  await round(GOOD, [other]);
  expect(file.current.outbox.map(({ notification }) => notification)).toMatchObject([
    {
      alert: {
        state: 'resolved',
        policy: 'burn',
        summary: expect.stringContaining('was removed') as string,
      },
      objective: { displayName: 'Payments answer', target: 0.99 },
    },
  ]);
});

test('a webhook that nobody named is a problem of the objective, and the alert fires', async () => {
  const { evaluator, file, round } = await setUp([]);
  expect(await round(BAD)).toEqual([]);
  expect(file.current.alerts).toMatchObject([{ state: 'firing' }]);
  expect(evaluator.statuses[0]?.problems).toEqual([
    'policy burn notifies oncall, but no --webhook has that name',
  ]);
});
