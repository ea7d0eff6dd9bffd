import { FakeClock } from '#platform/clock.ts';
import type { DnsAnswer } from '#proxy/upstream/dns.ts';
import { Hosts } from '#proxy/upstream/hosts.ts';
import { expect, test } from 'vitest';

function start(...names: string[]) {
  const clock = new FakeClock();
  const asked: { host: string; done: (answer: DnsAnswer) => void }[] = [];
  const changed: string[] = [];
  const hosts = new Hosts({
    clock,
    random: () => 1,
    lookup: (host, done) => asked.push({ host, done }),
    onChange: (host) => changed.push(`${host} ${hosts.addressesOf(host).join()}`),
  });
  hosts.watch(new Set(names));
  /** Answers the newest question. */
  const answer = (given: DnsAnswer): void => asked.at(-1)?.done(given);
  return { clock, asked, changed, hosts, answer };
}

const found = (ttlMs: number | undefined, ...addresses: string[]): DnsAnswer => ({
  kind: 'found',
  addresses,
  ttlMs,
});

test('an answer is good for its time to live, and asked for again then', () => {
  const { clock, asked, changed, hosts, answer } = start('a.test');
  answer(found(60_000, '10.0.0.2', '10.0.0.1', '10.0.0.2'));
  expect(hosts.addressesOf('a.test')).toEqual(['10.0.0.1', '10.0.0.2']);
  clock.advance(59_999);
  expect(asked).toHaveLength(1);
  clock.advance(1);
  expect(asked).toHaveLength(2);
  answer(found(60_000, '10.0.0.1', '10.0.0.2'));
  expect(changed).toHaveLength(1);
  clock.advance(60_000);
  answer(found(60_000, '10.0.0.3'));
  expect(changed).toEqual(['a.test 10.0.0.1,10.0.0.2', 'a.test 10.0.0.3']);
});

test.each([
  [0, 1_000],
  [undefined, 5_000],
  [30 * 86_400_000, 3_600_000],
])('a time to live of %s ms is one of %i', (ttlMs, asksAfterMs) => {
  const { clock, asked, answer } = start('a.test');
  answer(found(ttlMs, '10.0.0.1'));
  clock.advance(asksAfterMs - 1);
  expect(asked).toHaveLength(1);
  clock.advance(1);
  expect(asked).toHaveLength(2);
});

test('while DNS is away the last good answer stays, and it is asked for ever more rarely', () => {
  const { clock, asked, hosts, answer } = start('a.test');
  answer(found(5_000, '10.0.0.1'));
  const gapsMs: number[] = [];
  for (let failures = 0; failures < 8; failures++) {
    const before = asked.length;
    let gapMs = 0;
    for (; asked.length === before; gapMs += 500) clock.advance(500);
    gapsMs.push(gapMs);
    answer({ kind: 'failed' });
  }
  expect(gapsMs).toEqual([5_000, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  expect(hosts.addressesOf('a.test')).toEqual(['10.0.0.1']);
});

test('a name that is no more is believed the second time', () => {
  const { clock, hosts, answer } = start('a.test');
  answer(found(5_000, '10.0.0.1'));
  clock.advance(5_000);
  answer({ kind: 'none' });
  expect(hosts.addressesOf('a.test')).toEqual(['10.0.0.1']);
  clock.advance(1_000);
  answer({ kind: 'none' });
  expect(hosts.addressesOf('a.test')).toEqual([]);
  clock.advance(2_000);
  answer(found(5_000, '10.0.0.2'));
  expect(hosts.addressesOf('a.test')).toEqual(['10.0.0.2']);
});

test('is new until the first answer, or the time in which it was to come', () => {
  const { clock, changed, hosts, answer } = start('a.test', 'b.test');
  expect([hosts.isNew('a.test'), hosts.isNew('b.test')]).toEqual([true, true]);
  answer({ kind: 'none' });
  expect([hosts.isNew('a.test'), hosts.isNew('b.test')]).toEqual([true, false]);
  clock.advance(2_000);
  expect([hosts.isNew('a.test'), changed]).toEqual([false, ['b.test ', 'a.test ']]);
});

test('what is watched no longer is not asked for, and a late answer is lost', () => {
  const { clock, asked, changed, hosts, answer } = start('a.test');
  hosts.watch(new Set());
  answer(found(5_000, '10.0.0.1'));
  hosts.watch(new Set(['a.test']));
  expect([changed, hosts.addressesOf('a.test'), asked.length]).toEqual([[], [], 2]);
  answer(found(5_000, '10.0.0.2'));
  hosts.watch(new Set());
  clock.advance(600_000);
  expect([asked.length, changed]).toEqual([2, ['a.test 10.0.0.2']]);
});

test('questions under way are bounded; the others come after', () => {
  const names = Array.from({ length: 40 }, (_, index) => `h${index}.test`);
  const { asked, hosts } = start(...names);
  expect(asked).toHaveLength(32);
  for (let next = 0; next < 40; next++) asked[next]?.done(found(60_000, '10.0.0.1'));
  expect(asked.map(({ host }) => host)).toEqual(names);
  expect(names.every((name) => hosts.addressesOf(name).length === 1)).toBe(true);
});
