import { expect, test } from 'vitest';
import { CASES } from './cases.ts';
import { compare } from './compare.ts';
import { LOOSER, STRICTER } from './rules.ts';

test.each(CASES)('$kind, $name', ({ kind, text, ours, rule }) => {
  expect(compare({ kind, methods: [], text })).toEqual({ ours, rule, problem: undefined });
});

test('no two rules have one name, and each has a reason', () => {
  const rules = [...STRICTER, ...LOOSER];
  expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
  expect(rules.filter(({ reason }) => reason.length < 20)).toEqual([]);
});
