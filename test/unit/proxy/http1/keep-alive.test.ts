import { connectionOptions } from '#proxy/http1/keep-alive.ts';
import { expect, it } from 'vitest';

it('reads options in any case, with SP and HTAB around them and nothing else', () => {
  expect([...connectionOptions(' Close ,\tX-A\t, ,a\u00a0')]).toEqual(['close', 'x-a', 'a\u00a0']);
});

it('a field full of spaces costs no more than another one of its size', () => {
  const spaces = `a${' '.repeat(60_000)}b`;
  const plain = 'a'.repeat(60_002);
  const timeMs = (value: string): number => {
    const startMs = performance.now();
    for (let i = 0; i < 10; i++) connectionOptions(value);
    return performance.now() - startMs;
  };
  timeMs(plain);
  expect(timeMs(spaces)).toBeLessThan(Math.max(1, timeMs(plain)) * 100);
});
