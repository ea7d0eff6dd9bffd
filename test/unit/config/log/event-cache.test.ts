import type { ChangeSetEvent } from '#contracts/events.ts';
import { expect, test } from 'vitest';
import { EventCache } from '../../../../services/config/log/event-cache.ts';

const event = { id: 'e' } as ChangeSetEvent;

test('the longest unused go first when the bytes pass the limit', () => {
  const cache = new EventCache(100);
  cache.set(1, event, 40);
  cache.set(2, event, 40);
  expect(cache.get(1)).toBe(event);
  cache.set(3, event, 40);
  expect([1, 2, 3].map((sequence) => cache.get(sequence) !== undefined)).toEqual([
    true,
    false,
    true,
  ]);
});

test('one event larger than the limit is kept alone', () => {
  const cache = new EventCache(100);
  cache.set(1, event, 40);
  cache.set(2, event, 400);
  expect(cache.get(1)).toBeUndefined();
  expect(cache.get(2)).toBe(event);
});
