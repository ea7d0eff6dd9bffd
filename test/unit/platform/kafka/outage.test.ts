import { FakeClock } from '#platform/clock.ts';
import { expect, test } from 'vitest';
import { Outage } from '../../../../services/platform/kafka/outage.ts';

test('said: the first failure of each kind, one each minute, and the first after the end', () => {
  const clock = new FakeClock();
  const outage = new Outage(clock);
  const said = (kind: string): boolean => outage.failed(kind);
  expect([said('away'), said('away'), said('denied'), said('away'), said('denied')]).toEqual([
    ...[true, false, true, false, false],
  ]);
  expect(outage.failures).toBe(5);
  clock.advance(60_000);
  expect([said('denied'), said('denied')]).toEqual([true, false]);
  outage.ended();
  expect(outage.failures).toBe(0);
  expect(said('denied')).toBe(true);
});
