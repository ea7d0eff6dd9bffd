import { Recent } from '#proxy/telemetry/recent.ts';
import { expect, test } from 'vitest';
import { exchangeOf } from './exchanges.ts';

test('two of one hash stay, the third pushes out the one that was put first', () => {
  const recent = new Recent<string>(4, (value, _exchange, more) => value === more);
  // The hash is made of what was decided, and not of who asked for it.
  const exchange = exchangeOf({ bytesIn: 1 });
  const same = exchangeOf({ bytesIn: 2 });
  const found = () => ['a', 'b', 'c'].map((value) => recent.find(same, value));
  expect(found()).toEqual([undefined, undefined, undefined]);
  recent.put(exchange, 'a');
  recent.put(same, 'b');
  expect(found()).toEqual(['a', 'b', undefined]);
  recent.put(exchange, 'c');
  expect(found()).toEqual([undefined, 'b', 'c']);
  recent.forget('b');
  recent.forget('unknown');
  expect(found()).toEqual([undefined, undefined, 'c']);
});
