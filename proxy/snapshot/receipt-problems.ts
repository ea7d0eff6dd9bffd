import type { ResourceProblem } from '#contracts/problems.ts';
import { compareProblems } from './report.ts';

/** A receipt is one message of NATS, of 1 MiB at most, and its texts have 4,096 characters. */
export const PROBLEMS_MAX = 300;
const TEXT_MAX = 1_000;

/**
 * As many problems as a receipt has room for, sorted; first those that are nobody else's
 * consequence. What is left out is counted in one more, which is of no resource.
 */
export function receiptProblems(problems: readonly ResourceProblem[]): ResourceProblem[] {
  if (problems.length <= PROBLEMS_MAX) return problems.map(clipped);
  const isCause = ({ reason }: ResourceProblem): boolean => reason !== 'quarantined';
  const causesFirst = [
    ...problems.filter(isCause),
    ...problems.filter((problem) => !isCause(problem)),
  ];
  const told = causesFirst.slice(0, PROBLEMS_MAX).sort(compareProblems);
  const message =
    `${problems.length - PROBLEMS_MAX} more are left out here; ` +
    "the proxy's admin port has all of them at /snapshot";
  const rest = { resource: '', path: '', reason: 'cannot_apply' as const, message };
  return [rest, ...told.map(clipped)];
}

function clipped(problem: ResourceProblem): ResourceProblem {
  const { message, hint } = problem;
  if (message.length <= TEXT_MAX && (hint ?? '').length <= TEXT_MAX) return problem;
  const cut = (text: string): string =>
    text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX - 1)}…`;
  return { ...problem, message: cut(message), ...(hint === undefined ? {} : { hint: cut(hint) }) };
}
