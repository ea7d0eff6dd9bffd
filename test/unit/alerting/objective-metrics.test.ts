import { Registry } from 'prom-client';
import type { SloStatus } from '#contracts/api/alerting.ts';
import { expect, test } from 'vitest';
import { exportObjectives } from '../../../services/alerting/objective-metrics.ts';

const PAYMENTS: SloStatus = {
  ...{ slo: 'shop/payments', service: 'payments', displayName: '', target: 0.99, windowMs: 60_000 },
  ...{ good: 90, total: 100, ratio: 0.9, budgetLeft: -9, exhaustedInMs: 2_000 },
  burnRates: [{ policy: 'fast', condition: 'long', windowMs: 60_000, rate: 10, threshold: 5 }],
  ...{ state: 'firing', evaluatedAt: '2026-01-01T00:00:00Z' },
};
/** Without traffic there is no ratio, and nothing burns. */
const { ratio: _ratio, exhaustedInMs: _exhausted, ...REST } = PAYMENTS;
const IDLE: SloStatus = {
  ...REST,
  ...{ slo: 'shop/idle', good: 0, total: 0, budgetLeft: 1, burnRates: [], state: 'no_traffic' },
};

test('each objective is exported as its last evaluation found it, and goes with it', async () => {
  const registry = new Registry();
  let statuses: SloStatus[] = [PAYMENTS, IDLE];
  exportObjectives(registry, () => statuses);
  const values = async (): Promise<string[]> =>
    (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('windrose_') && !line.endsWith(' 0'))
      .map((line) => line.replace('windrose_alerting_', ''))
      .toSorted();
  const pair = 'slo="shop/payments",policy="fast",condition="long"';
  expect(await values()).toEqual([
    `burn_rate_threshold{${pair}} 5`,
    `burn_rate{${pair}} 10`,
    'objective_budget_left{slo="shop/idle"} 1',
    'objective_budget_left{slo="shop/payments"} -9',
    'objective_exhausted_seconds{slo="shop/payments"} 2',
    'objective_good_ratio{slo="shop/payments"} 0.9',
    'objective_state{slo="shop/idle",state="no_traffic"} 1',
    'objective_state{slo="shop/payments",state="firing"} 1',
    'objective_target{slo="shop/idle"} 0.99',
    'objective_target{slo="shop/payments"} 0.99',
  ]);
  statuses = [];
  expect(await values()).toEqual([]);
});
