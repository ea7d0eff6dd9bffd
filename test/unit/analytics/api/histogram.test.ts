import { bucketOf } from '#contracts/metrics.ts';
import { expect, test } from 'vitest';
import { apdex, quantilesMs } from '../../../../services/analytics/api/histogram.ts';

function bucketsOf(durationsUs: readonly number[]): Record<string, number> {
  const buckets: Record<string, number> = {};
  for (const us of durationsUs) buckets[bucketOf(us)] = (buckets[bucketOf(us)] ?? 0) + 1;
  return buckets;
}

test('within 1 % of the exact value at nearest rank', () => {
  let state = 3;
  const random = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  for (const count of [1, 2, 3, 10, 99, 100, 1_000, 5_000]) {
    const exact = Array.from({ length: count }, () => 10 ** (1 + 6 * random())).sort(
      (a, b) => a - b,
    );
    const shares = [0, 0.5, 0.9, 0.95, 0.99, 1] as const;
    const found = quantilesMs(bucketsOf(exact), shares);
    shares.forEach((share, i) => {
      const value = (exact[Math.max(1, Math.ceil(share * count)) - 1] ?? 0) / 1_000;
      expect(Math.abs((found[i] ?? 0) / value - 1), `${share} of ${count}`).toBeLessThan(0.01);
    });
  }
});

test('nothing counted is 0, and one is itself', () => {
  expect(quantilesMs({}, [0.5, 0.99])).toEqual([0, 0]);
  const [p50, p99] = quantilesMs(bucketsOf([1_000]), [0.5, 0.99]);
  expect(p50).toBe(p99);
  expect(p50).toBeCloseTo(1, 1);
});

test('Apdex: up to T whole, up to 4 T half, beyond and errors not at all', () => {
  const fine = bucketsOf([100, 900, 1_500, 3_900, 4_500, 90_000]);
  // Six that were answered, and two errors.
  expect(apdex(fine, 8, 1)).toBe((2 + 2 / 2) / 8);
  expect(apdex(fine, 6, 100)).toBe(1);
  expect(apdex({}, 2, 1)).toBe(0);
  expect(apdex({}, 0, 1)).toBeUndefined();
});
