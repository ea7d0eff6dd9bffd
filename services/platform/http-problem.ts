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

/** Beyond what a caller may ask; the answer says in `Retry-After` when it may again. */
export class TooManyRequests extends HttpProblem {
  readonly retryAfterSeconds: number;

  constructor(detail: string, retryAfterSeconds: number) {
    super('too-many-requests', detail);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
