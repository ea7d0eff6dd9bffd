import { expect, test } from 'vitest';
import { type BudgetWindow, windowAt } from '../../../services/alerting/budget-window.ts';

const at = (window: BudgetWindow, time: string): string[] => {
  const { startMs, endMs } = windowAt(window, Date.parse(time));
  return [startMs, endMs].map((ms) => new Date(ms).toISOString().slice(0, 16));
};
const calendar = (count: number, unit: 'h' | 'd' | 'w' | 'M' | 'Q' | 'Y', startTime: string) =>
  ({ by: 'calendar', count, unit, startTime, timeZone: 'Europe/Berlin' }) as const;

test('a rolling window ends now', () => {
  const window: BudgetWindow = { by: 'rolling', lengthMs: 3_600_000 };
  expect(at(window, '2026-05-01T12:30:00Z')).toEqual(['2026-05-01T11:30', '2026-05-01T12:30']);
});

test('a month begins at midnight of its place, in summer and in winter', () => {
  const month = calendar(1, 'M', '2026-01-01 00:00:00');
  expect(at(month, '2026-01-15T00:00:00Z')).toEqual(['2025-12-31T23:00', '2026-01-31T23:00']);
  // 29 March is an hour shorter there, and 25 October an hour longer.
  expect(at(month, '2026-03-31T21:59:59Z')).toEqual(['2026-02-28T23:00', '2026-03-31T22:00']);
  expect(at(month, '2026-03-31T22:00:00Z')).toEqual(['2026-03-31T22:00', '2026-04-30T22:00']);
  expect(at(month, '2026-10-31T23:00:00Z')).toEqual(['2026-10-31T23:00', '2026-11-30T23:00']);
});

test('a window from the last day of a month ends with the last day of the next', () => {
  const month = calendar(1, 'M', '2026-01-31T00:00:00');
  expect(at(month, '2026-03-01T00:00:00Z')).toEqual(['2026-02-27T23:00', '2026-03-30T22:00']);
});

test.each([
  [calendar(1, 'd', '2026-01-01 06:00:00'), ['2026-03-28T05:00', '2026-03-29T04:00']],
  [calendar(2, 'w', '2026-01-05 00:00:00'), ['2026-03-15T23:00', '2026-03-29T22:00']],
  [calendar(1, 'Q', '2026-01-01 00:00:00'), ['2025-12-31T23:00', '2026-03-31T22:00']],
  [calendar(1, 'Y', '2020-07-01 00:00:00'), ['2025-06-30T22:00', '2026-06-30T22:00']],
  [calendar(12, 'h', '2026-03-28 00:00:00'), ['2026-03-28T23:00', '2026-03-29T11:00']],
  // What was before the first one is cut in the same way.
  [calendar(1, 'M', '2030-01-01 00:00:00'), ['2026-02-28T23:00', '2026-03-31T22:00']],
])('%j', (window, expected) => {
  expect(at(window, '2026-03-29T02:00:00Z')).toEqual(expected);
});

test('windows of every unit follow one another without a gap', () => {
  const random = (n: number): number => (n * 2_654_435_761) % 4_294_967_296;
  for (const unit of ['h', 'd', 'w', 'M', 'Q', 'Y'] as const) {
    for (let n = 1; n < 60; n++) {
      const window = calendar(1 + (n % 5), unit, '2024-02-29 12:00:00');
      const nowMs = Date.UTC(2020, 0, 1) + (random(n) / 4_294_967_296) * 10 * 31_536_000_000;
      const { startMs, endMs } = windowAt(window, nowMs);
      expect(startMs).toBeLessThanOrEqual(nowMs);
      expect(endMs).toBeGreaterThan(nowMs);
      expect(windowAt(window, endMs).startMs).toBe(endMs);
      expect(windowAt(window, startMs - 1).endMs).toBe(startMs);
    }
  }
});
