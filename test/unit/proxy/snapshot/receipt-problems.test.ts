import type { ProblemReason, ResourceProblem } from '#contracts/problems.ts';
import { PROBLEMS_MAX, receiptProblems } from '#proxy/snapshot/receipt-problems.ts';
import { expect, it } from 'vitest';

const problem = (name: string, reason: ProblemReason, message = 'm'): ResourceProblem => ({
  ...{ resource: `HTTPRoute/shop/${name}`, path: '', reason, message },
});

it('has all of them where there is room', () => {
  const problems = [problem('a', 'quarantined'), problem('b', 'too_new')];
  expect(receiptProblems(problems)).toEqual(problems);
});

it('leaves out consequences before causes, and says how many', () => {
  const routes = Array.from({ length: 10_000 }, (_, i) => problem(`r${i}`, 'quarantined'));
  const problems = [...routes, problem('z', 'cannot_apply')];
  const [rest, ...told] = receiptProblems(problems);
  expect(rest).toMatchObject({ resource: '', message: expect.stringMatching(/^9701 more /) });
  expect(told).toHaveLength(PROBLEMS_MAX);
  expect(told.at(-1)).toEqual(problem('z', 'cannot_apply'));
  expect(told.map(({ resource }) => resource)).toEqual(
    told.map(({ resource }) => resource).toSorted(),
  );
});

it('is below what one message may have, however long the texts are', () => {
  const long = Array.from({ length: 500 }, (_, i) => ({
    ...problem(`r${i}`, 'invalid_value', 'x'.repeat(5_000)),
    hint: 'y'.repeat(5_000),
  }));
  const text = JSON.stringify(receiptProblems(long));
  expect(text.length).toBeLessThan(900_000);
  expect(receiptProblems(long)[1]?.message).toMatch(/^x{999}…$/);
});
