import { expect, test } from 'vitest';
import { selfTimes } from '../../bench/proxy/cpuprofile.ts';
import {
  type Load,
  type Round,
  doubtsOf,
  targetsOf,
  targetsText,
} from '../../bench/proxy/targets.ts';

const load = (us: number, more: Partial<Load> = {}): Load => ({
  ...{ n: 1, us, p99: us, bad: 0, errs: 0, foreign: 0 },
  ...more,
});
const round = (bareUs: number, fullUs: number): Round => ({
  ...{ sat: load(bareUs), fsat: load(fullUs) },
});
const named = (runs: Parameters<typeof targetsOf>[0], name: string) =>
  targetsOf(runs).find((target) => target.name === name);

test('a ratio is taken round by round, and its median and spread are shown', () => {
  const windrose = [round(20, 30), round(30, 45), round(10, 15)];
  const envoy = [round(40, 50), round(50, 60), round(40, 50)];
  expect(named({ windrose, envoy }, 'bare: µs a request ÷ Envoy')).toMatchObject({
    ...{ value: 0.5, least: 0.25, most: 0.6, rounds: 3, reached: true },
  });
  expect(named({ windrose, envoy }, 'full ÷ bare: µs a request')).toMatchObject({ value: 1.5 });
});

test('what was not measured has no value, and is not reached either', () => {
  const runs = { windrose: [round(20, 30), round(20, 30)], envoy: [round(40, 50)] };
  expect(named(runs, 'bare: µs a request ÷ Envoy')).toMatchObject({
    ...{ value: undefined, reached: undefined },
  });
  expect(targetsText(targetsOf({}), [])).not.toMatch(/yes|NaN|undefined/);
});

test('failures, other work on the core, lost log lines and missing features are doubts', () => {
  const windrose = [{ sat: load(1, { bad: 2, lost: 1, foreign: 20 }), logged: 0.5 }];
  expect(doubtsOf({ windrose, envoy: [] }, { windrose: { limit: false, keys: true } })).toEqual([
    'windrose: 3 requests failed or were not answered by 200',
    'windrose: up to 20 % of its core went to other work',
    'windrose: 0.500 log lines a request',
    'envoy: a round failed',
    'windrose: limit did not work',
  ]);
});

test('self time counts samples between the two times, each until the next', () => {
  const frame = (functionName: string) => ({ functionName, url: 'a.ts', lineNumber: 4 });
  const nodes = [
    { id: 1, callFrame: frame('slow') },
    { id: 2, callFrame: frame('quick') },
  ];
  const profile = {
    nodes,
    startTime: 1_000,
    samples: [1, 1, 2, 1, 2],
    timeDeltas: [0, 100, 300, 50, 100],
  };
  expect(selfTimes(profile, 1_100, 1_450)).toEqual([
    { name: 'slow', where: 'a.ts:5', us: 400 },
    { name: 'quick', where: 'a.ts:5', us: 50 },
  ]);
});
