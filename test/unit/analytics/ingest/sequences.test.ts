import { expect, test } from 'vitest';
import { SequenceSet } from '../../../../services/analytics/ingest/sequences.ts';

test('it holds what was added, in any order, as a plain set would', () => {
  // A small generator with a fixed seed: the same sequence at every run.
  let state = 7;
  const next = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state % below;
  };
  for (let round = 0; round < 50; round++) {
    const runs = new SequenceSet();
    const plain = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const first = 1 + next(60);
      const last = first + (next(3) === 0 ? next(8) : 0);
      runs.addRun(first, last);
      for (let value = first; value <= last; value++) plain.add(value);
      for (let value = 0; value <= 75; value++) {
        expect([round, i, value, runs.has(value)]).toEqual([round, i, value, plain.has(value)]);
      }
    }
  }
});

test('a million in a row is found at once', () => {
  const set = new SequenceSet();
  set.addRun(1, 1_000_000);
  set.add(1_000_001);
  expect([set.has(1), set.has(1_000_001), set.has(1_000_002)]).toEqual([true, true, false]);
});
