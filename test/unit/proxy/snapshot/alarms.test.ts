import { FakeClock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { Alarms } from '#proxy/snapshot/alarms.ts';
import { beforeEach, expect, test } from 'vitest';

let clock: FakeClock;
let lines: string[];
let alarms: Alarms;

beforeEach(() => {
  clock = new FakeClock();
  lines = [];
  const write = (...words: unknown[]): void => {
    const fields = words.length > 1 ? `${JSON.stringify(words[0])} ` : '';
    lines.push(`${fields}${String(words.at(-1))}`);
  };
  alarms = new Alarms(clock, { error: write, info: write } as unknown as Log);
});

test('each refusal is counted, and of a flood ten are told, then one a second', () => {
  for (let i = 0; i < 1_000; i++) alarms.refused('event', 'an event is refused', { i });
  expect(lines).toHaveLength(10);
  expect(lines[9]).toBe('{"i":9,"refused":10} an event is refused');
  alarms.refused('head', 'a head is refused');
  expect(lines[10]).toBe('{"refused":1} a head is refused');
  clock.advance(1_000);
  for (let i = 0; i < 2; i++) alarms.refused('event', 'one more');
  expect(lines.slice(11)).toEqual(['{"refused":1001} one more']);
  clock.advance(60_000);
  for (let i = 0; i < 20; i++) alarms.refused('event', 'and again');
  expect(lines).toHaveLength(22);
  expect(alarms.counts).toEqual([
    ['event', 1_022],
    ['head', 1],
    ['endpoints', 0],
    ['snapshot', 0],
  ]);
});

test('a condition is told when it begins and when it is over', () => {
  alarms.raise('log-lost', 'it ends at 3');
  alarms.raise('log-lost', 'it ends at 4');
  expect(alarms.standing).toEqual(['it ends at 4']);
  alarms.clear('log-lost');
  alarms.clear('log-lost');
  alarms.clear('head-silent');
  expect(alarms.standing).toEqual([]);
  expect(lines).toEqual(['it ends at 3', 'over: it ends at 4']);
});
