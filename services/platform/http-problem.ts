import type { ProblemCode, ResourceProblem } from '#contracts/problems.ts';

/** An expected failure of a request: becomes RFC 9457 problem details. */
export class HttpProblem extends Error {
  readonly code: ProblemCode;
  readonly problems: ResourceProblem[] | undefined;

  constructor(code: ProblemCode, detail: string, problems?: ResourceProblem[]) {
    super(detail);
    this.code = code;
    this.problems = problems;
  }
}
