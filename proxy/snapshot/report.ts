import { parseDurationMs } from '#contracts/duration.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ProblemReason, ResourceProblem } from '#contracts/problems.ts';

/** Collects what is wrong with one resource. */
export class Report {
  readonly problems: ResourceProblem[] = [];
  readonly #resource: ResourceKey;

  constructor(resource: ResourceKey) {
    this.#resource = resource;
  }

  add(path: string, reason: ProblemReason, message: string, hint?: string): void {
    const problem = { resource: this.#resource, path, reason, message };
    this.problems.push(hint === undefined ? problem : { ...problem, hint });
  }

  /** Milliseconds of a duration above zero; reports and gives undefined for anything else. */
  durationMs(path: string, text: string): number | undefined {
    const durationMs = parseDurationMs(text);
    if (durationMs > 0) return durationMs;
    this.add(path, 'invalid_value', `${text} is no duration above zero`, 'write one such as 500ms');
    return undefined;
  }
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
