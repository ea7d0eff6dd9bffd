import { describe, expect, test } from 'vitest';
import { budgetLeft, burnRate, goodRatio } from '../../../services/alerting/burn-rate.ts';

describe('burn rate', () => {
  test.each([
    // 1 000 requests, 99.9 %: one may fail. 14.4 failures would be 14.4 times as many.
    { good: 999, total: 1_000, target: 0.999, rate: 1 },
    { good: 98_560, total: 100_000, target: 0.999, rate: 14.4 },
    { good: 9_400, total: 10_000, target: 0.99, rate: 6 },
    { good: 50, total: 100, target: 0.99, rate: 50 },
    { good: 0, total: 7, target: 0.95, rate: 20 },
    { good: 10, total: 10, target: 0.5, rate: 0 },
    { good: 0, total: 0, target: 0.99, rate: 0 },
  ])('$good of $total good at $target burns $rate times', ({ good, total, target, rate }) => {
    // toBe, not toBeCloseTo: a threshold of 14.4 has to be reached by exactly 14.4.
    expect(burnRate({ good, total }, target)).toBe(rate);
  });
});

describe('error budget', () => {
  test.each([
    // 99 % of 10 000 leaves 100 failures.
    { good: 10_000, total: 10_000, left: 1 },
    { good: 9_975, total: 10_000, left: 0.75 },
    { good: 9_900, total: 10_000, left: 0 },
    { good: 9_850, total: 10_000, left: -0.5 },
    { good: 0, total: 0, left: 1 },
  ])('$good of $total good leaves $left', ({ good, total, left }) => {
    expect(budgetLeft({ good, total }, 0.99)).toBe(left);
  });

  test('there is no ratio without requests', () => {
    expect(goodRatio({ good: 0, total: 0 })).toBeUndefined();
    expect(goodRatio({ good: 3, total: 4 })).toBe(0.75);
  });
});
