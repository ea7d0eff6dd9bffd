import { FakeClock } from '#platform/clock.ts';
import type { Lookup } from '#proxy/upstream/dns.ts';
import { Resolver } from '#proxy/upstream/resolver.ts';
import { Wheel } from '#proxy/wheel.ts';
import { expect, test } from 'vitest';

interface Asked {
  host: string;
  answer: (...addresses: string[]) => void;
  none: () => void;
  fail: () => void;
}

function start() {
  const clock = new FakeClock();
  const asked: Asked[] = [];
  const lookup: Lookup = (host, done) => {
    asked.push({
      host,
      answer: (...addresses) => done({ kind: 'found', addresses, ttlMs: undefined }),
      none: () => done({ kind: 'none' }),
      fail: () => done({ kind: 'failed' }),
    });
  };
  const resolver = new Resolver(clock, new Wheel(clock), lookup);
  const found: string[] = [];
  const resolve = (host: string): void =>
    resolver.resolve(host, (addresses) => found.push(`${host} ${addresses.join(' ')}`));
  return { clock, asked, found, resolve };
}

test('an address is its own answer', () => {
  const { asked, found, resolve } = start();
  resolve('10.0.0.1');
  resolve('::1');
  expect([asked.length, found]).toEqual([0, ['10.0.0.1 10.0.0.1', '::1 ::1']]);
});

test('who asks at once shares a lookup, who asks soon has its answer, then it is old', () => {
  const { clock, asked, found, resolve } = start();
  resolve('a.test');
  resolve('a.test');
  asked[0]?.answer('10.0.0.1', '10.0.0.2');
  clock.advance(4_000);
  resolve('a.test');
  expect([asked.length, found]).toEqual([1, Array(3).fill('a.test 10.0.0.1 10.0.0.2')]);
  clock.advance(1_000);
  resolve('a.test');
  expect(asked).toHaveLength(2);
});

test('a name that is not found, or not in time, has no address; a late answer is lost', () => {
  const { clock, asked, found, resolve } = start();
  resolve('a.test');
  asked[0]?.none();
  resolve('b.test');
  clock.advance(5_100);
  asked[1]?.answer('10.0.0.1');
  expect(found).toEqual(['a.test ', 'b.test ']);
});

test('lookups under way are bounded', () => {
  const { asked, found, resolve } = start();
  for (let index = 0; index < 300; index++) resolve(`h${index}.test`);
  expect([asked.length, found.length]).toEqual([256, 44]);
  asked[0]?.answer('10.0.0.1');
  resolve('one-more.test');
  expect(asked).toHaveLength(257);
});

test('while nobody answers the last good answer stays; that there is none does not', () => {
  const { clock, asked, found, resolve } = start();
  const again = (): void => {
    clock.advance(6_000);
    resolve('a.test');
  };
  again();
  asked[0]?.answer('10.0.0.1');
  again();
  asked[1]?.fail();
  again();
  clock.advance(6_000);
  again();
  asked[3]?.none();
  expect(found).toEqual(['a.test 10.0.0.1', 'a.test 10.0.0.1', 'a.test 10.0.0.1', 'a.test ']);
});
