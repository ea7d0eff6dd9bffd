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

test('each refusal is counted, and a flood of them is told once a second', () => {
  for (let i = 0; i < 1_000; i++) alarms.refused('event', `event ${i} is refused`, { i });
  alarms.refused('head', 'a head is refused');
  clock.advance(1_000);
  alarms.refused('event', 'one more');
  expect(lines).toEqual([
    '{"i":0,"refused":1} event 0 is refused',
    '{"refused":1} a head is refused',
    '{"refused":1001} one more',
  ]);
  expect(alarms.counts).toEqual([
    ['event', 1_001],
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
