import { describe, expect, test } from 'vitest';
import { REQUESTS_MIN_TO_FIRE, decide, readPolicy } from '../../../services/alerting/decision.ts';
import { objectiveOf } from '../../../services/alerting/objective.ts';
import { policy, reading, slo } from './fixtures.ts';

const LONG = 60_000;
const SHORT = 20_000;

describe('an alert', () => {
  test('fires only when every window holds', () => {
    expect(decide(false, [reading(LONG, true), reading(SHORT, true)])).toBe('fire');
    expect(decide(false, [reading(LONG, true), reading(SHORT, false)])).toBe('keep');
    expect(decide(false, [reading(LONG, false), reading(SHORT, true)])).toBe('keep');
  });

  test('does not fire on a handful of requests', () => {
    const few = REQUESTS_MIN_TO_FIRE - 1;
    expect(decide(false, [reading(LONG, true), reading(SHORT, true, few)])).toBe('keep');
    const enough = REQUESTS_MIN_TO_FIRE;
    expect(decide(false, [reading(LONG, true), reading(SHORT, true, enough)])).toBe('fire');
  });

  test('resolves when the shortest window no longer holds, whatever the long one says', () => {
    expect(decide(true, [reading(LONG, true), reading(SHORT, false)])).toBe('resolve');
    expect(decide(true, [reading(SHORT, false), reading(LONG, true)])).toBe('resolve');
  });

  test('goes on firing while the shortest window holds, even on few requests', () => {
    expect(decide(true, [reading(LONG, false), reading(SHORT, true)])).toBe('keep');
    expect(decide(true, [reading(LONG, true), reading(SHORT, true, 1)])).toBe('keep');
  });
});

describe('the conditions of a policy', () => {
  const counts = new Map([
    [LONG, { good: 90, total: 100 }],
    [SHORT, { good: 19, total: 20 }],
  ]);
  const read = (op: string, threshold: number) => {
    const document = policy(threshold, ['1m', '20s']) as {
      spec: { conditions: { spec: { condition: { op: string } } }[] };
    };
    for (const condition of document.spec.conditions) condition.spec.condition.op = op;
    const objective = objectiveOf(slo({ policies: [document] }));
    const first = objective.policies[0];
    if (first === undefined) throw new Error('no policy');
    return readPolicy(first, 0.99, (windowMs) => counts.get(windowMs) ?? { good: 0, total: 0 });
  };

  test('compare the burn rate of each window with the threshold', () => {
    // 10 % of errors against a budget of 1 % is 10, 5 % is 5.
    expect(read('gte', 10).map(({ rate, holds }) => [rate, holds])).toEqual([
      [10, true],
      [5, false],
    ]);
  });

  test('tell gt from gte at the threshold itself', () => {
    expect(read('gte', 5).map(({ holds }) => holds)).toEqual([true, true]);
    expect(read('gt', 5).map(({ holds }) => holds)).toEqual([true, false]);
  });
});
