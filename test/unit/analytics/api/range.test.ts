import { expect, test } from 'vitest';
import { alignTo, elapsedSeconds, readRange } from '../../../../services/analytics/api/range.ts';

const NOW = Date.UTC(2026, 0, 2, 12);

test.each([
  [{}, NOW - 900_000, NOW],
  [{ from: '-5m' }, NOW - 300_000, NOW],
  [{ from: '-1h30m', to: '-30m' }, NOW - 5_400_000, NOW - 1_800_000],
  [{ from: '-7d' }, NOW - 7 * 86_400_000, NOW],
  [
    { from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:01:00.5+00:00' },
    Date.UTC(2026, 0, 1),
    Date.UTC(2026, 0, 1, 0, 1, 0, 500),
  ],
  [{ to: '2026-01-01T01:00:00+01:00' }, Date.UTC(2026, 0, 1) - 900_000, Date.UTC(2026, 0, 1)],
  [{ from: '-1m', to: 'now' }, NOW - 60_000, NOW],
])('%o', (query, fromMs, toMs) => {
  expect(readRange(query, NOW)).toEqual({ fromMs, toMs });
});

test.each([
  [{ from: '5m' }, /from 5m is no time/],
  [{ from: '-5' }, /from -5 is no time/],
  [{ from: '2026-13-01T00:00:00Z' }, /is no time/],
  [{ from: '2026-01-01' }, /is no time/],
  [{ to: '-99999w' }, /to -99999w is no time/],
  [{ from: 'now' }, /is not before/],
  [{ from: '-1m', to: '-2m' }, /is not before/],
])('%o is refused', (query, message) => {
  expect(() => readRange(query, NOW)).toThrow(message);
});

test('whole rows of a rollup, and only the time that has passed', () => {
  const range = alignTo({ fromMs: 12_345, toMs: 20_000 }, 10_000);
  expect(range).toEqual({ fromMs: 10_000, toMs: 20_000 });
  expect(alignTo({ fromMs: 10_000, toMs: 20_001 }, 10_000).toMs).toBe(30_000);
  expect(elapsedSeconds(range, 100_000)).toBe(10);
  expect(elapsedSeconds(range, 14_000)).toBe(4);
  expect(elapsedSeconds(range, 9_000)).toBe(1);
});
