import type { Condition } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';
import type { ConditionTag, Finding } from '../report.ts';

const QUARANTINED = 'windrose.dev/Quarantined';

/** A finding whose condition is decided. */
export interface Said {
  readonly path: string;
  readonly message: string;
  readonly type: string;
  readonly reason: string;
}

/** Findings that are not about the condition themselves get the one that their place stands for. */
export function sayAll(
  findings: readonly Finding[],
  infer: (finding: Finding) => ConditionTag,
): Said[] {
  return findings.map((finding) => {
    const { type, reason } = finding.condition ?? heldTag(finding) ?? infer(finding);
    return { path: finding.path, message: finding.message, type, reason };
  });
}

/** Of a resource that proxies hold back though it is valid: they serve another version, or none. */
function heldTag({ problem }: Finding): ConditionTag | undefined {
  if (problem?.reason === 'too_new') return { type: QUARANTINED, reason: 'TooNew' };
  if (problem?.reason !== 'quarantined') return undefined;
  return { type: QUARANTINED, reason: 'DependsOnQuarantined' };
}

/** Makes the conditions of one resource. */
export class Conditions {
  readonly #entry: StateEntry;

  constructor(entry: StateEntry) {
    this.#entry = entry;
  }

  make(type: string, status: Condition['status'], reason: string, message: string): Condition {
    return {
      ...{ type, status, reason, message },
      observedGeneration: this.#entry.generation,
      lastTransitionTime: this.#entry.createdTime,
    };
  }

  isTrue(type: string, reason: string, message: string): Condition {
    return this.make(type, 'True', reason, message);
  }

  isFalse(type: string, reason: string, message: string): Condition {
    return this.make(type, 'False', reason, message);
  }

  /** False for the first thing said of the type, with all of them as the message; else true. */
  unless(said: readonly Said[], type: string, okReason: string, okMessage: string): Condition {
    const against = said.filter((each) => each.type === type);
    const [first] = against;
    if (first === undefined) return this.isTrue(type, okReason, okMessage);
    return this.isFalse(type, first.reason, textOf(against));
  }

  /** Conditions that only show when there is something to say. */
  others(said: readonly Said[], known: ReadonlySet<string>): Condition[] {
    const types = new Set(said.map(({ type }) => type).filter((type) => !known.has(type)));
    return [...types].map((type) => {
      const about = said.filter((each) => each.type === type);
      return this.isTrue(type, about[0]?.reason ?? '', textOf(about));
    });
  }
}

/** A condition's message: each finding once, with its place in the resource. */
export function textOf(said: readonly Said[]): string {
  const lines = said.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return [...new Set(lines)].join('. ');
}
