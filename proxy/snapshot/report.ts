import { parseDurationMs } from '#contracts/duration.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ProblemReason, ResourceProblem } from '#contracts/problems.ts';

/**
 * The condition that a finding belongs to, as the standard words it. Without one the place where
 * the finding was made tells (`conditions/infer.ts`).
 */
export interface ConditionTag {
  readonly type: string;
  readonly reason: string;
}

/** Of notes about fields that are accepted and change nothing here. */
export const NOT_HONORED: ConditionTag = Object.freeze({
  type: 'windrose.dev/Ignored',
  reason: 'NotHonored',
});

/** Something to say of a resource. It stays inside: only problems leave `compile`. */
export interface Finding {
  readonly path: string;
  /** With the hint. */
  readonly message: string;
  readonly condition: ConditionTag | undefined;
  /** Undefined: a note, which refuses nothing and shows as a condition only. */
  readonly problem: ResourceProblem | undefined;
}

/** Collects what is wrong with one resource, and what else there is to say of it. */
export class Report {
  readonly problems: ResourceProblem[] = [];
  readonly findings: Finding[] = [];
  readonly #resource: ResourceKey;

  constructor(resource: ResourceKey) {
    this.#resource = resource;
  }

  add(
    path: string,
    reason: ProblemReason,
    message: string,
    hint?: string,
    condition?: ConditionTag,
  ): void {
    const stated = { resource: this.#resource, path, reason, message };
    const problem = hint === undefined ? stated : { ...stated, hint };
    this.problems.push(problem);
    this.findings.push(findingOf(problem, condition));
  }

  /** What is accepted though not all of it is honoured, or what its author should know. */
  note(path: string, message: string, condition: ConditionTag): void {
    this.findings.push({ path, message, condition, problem: undefined });
  }

  /** Milliseconds of a duration above zero; reports and gives undefined for anything else. */
  durationMs(path: string, text: string): number | undefined {
    const durationMs = parseDurationMs(text);
    if (durationMs > 0) return durationMs;
    this.add(path, 'invalid_value', `${text} is no duration above zero`, 'write one such as 500ms');
    return undefined;
  }
}

export function findingOf(problem: ResourceProblem, condition?: ConditionTag): Finding {
  const { path, message, hint } = problem;
  const whole = hint === undefined ? message : `${message}; ${hint}`;
  return { path, message: whole, condition, problem };
}

/** The order in which problems are shown, the same everywhere. */
export function compareProblems(a: ResourceProblem, b: ResourceProblem): number {
  return (
    compareText(a.resource, b.resource) ||
    compareText(a.path, b.path) ||
    compareText(a.reason, b.reason) ||
    compareText(a.message, b.message)
  );
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
