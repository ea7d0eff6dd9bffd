import type { ProblemCode, ProblemDetails, ResourceProblem } from '#contracts/problems.ts';

/** What the exit status of every verb means. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  invalid: 3,
  conflict: 4,
  timeout: 5,
} as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Ends a verb with a status and one sentence; the problems of a rejection are printed below it. */
export class CliError extends Error {
  readonly status: ExitStatus;
  readonly problems: readonly ResourceProblem[];

  constructor(status: ExitStatus, message: string, problems: readonly ResourceProblem[] = []) {
    super(message);
    this.status = status;
    this.problems = problems;
  }
}

/** A program that was run in our place ended with this status and has said why. */
export class ChildExit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`ended with status ${status}`);
    this.status = status;
  }
}

const STATUS_OF_CODE: Partial<Record<ProblemCode, ExitStatus>> = {
  'invalid-request': EXIT.usage,
  invalid: EXIT.invalid,
  conflict: EXIT.conflict,
  timeout: EXIT.timeout,
};

/** Said instead of the service's own sentence where its problems are listed below. */
const ABOVE_PROBLEMS: Partial<Record<ProblemCode, string>> = {
  invalid: 'this is not valid; nothing was written',
  'not-found': 'not all of it is there; nothing was written',
  conflict: 'this conflicts with what was written since; nothing was written',
};

const TOKEN_HINT =
  'give one by --token or WINDROSE_TOKEN, or keep it in ~/.config/windrose/tokens.yaml';

/** What a service refused, as the end of a verb. */
export function fromProblem(details: ProblemDetails): CliError {
  const status = STATUS_OF_CODE[details.code] ?? EXIT.failed;
  const problems = details.problems ?? [];
  const above = problems.length === 0 ? undefined : ABOVE_PROBLEMS[details.code];
  const how = details.code === 'unauthorized' ? `; ${TOKEN_HINT}` : '';
  return new CliError(status, above ?? `${details.detail}${how}`, problems);
}

export function usage(message: string): CliError {
  return new CliError(EXIT.usage, message);
}

/** True for an answer that carries our own problem details. */
export function isProblem(value: unknown): value is ProblemDetails {
  if (typeof value !== 'object' || value === null) return false;
  const { code, detail } = value as { code?: unknown; detail?: unknown };
  return typeof code === 'string' && typeof detail === 'string';
}
