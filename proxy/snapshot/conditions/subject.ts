import type { ResourceKey } from '#contracts/names.ts';
import type { ProblemReason, ResourceProblem } from '#contracts/problems.ts';
import type { StateEntry } from '#platform/state.ts';
import type { CompiledSnapshot } from '../compiled.ts';
import { type Finding, findingOf } from '../report.ts';
import type { CompiledUnit } from '../units.ts';

/** What a proxy knows and compile cannot. */
export interface Live {
  /** Of all resources: ports in use, certificates that cannot be read. */
  readonly problems: readonly ResourceProblem[];
  /** Where Gateways without addresses of their own listen. */
  readonly address?: string;
}

/** What compile never finds. */
const OF_PROXIES: ReadonlySet<ProblemReason> = new Set<ProblemReason>([
  ...(['cannot_apply', 'too_new', 'quarantined'] as const),
]);

/** What the conditions of one resource are made from. */
export interface Subject {
  readonly snapshot: CompiledSnapshot;
  readonly key: ResourceKey;
  readonly entry: StateEntry;
  readonly compiled: CompiledUnit;
  readonly findings: readonly Finding[];
  readonly live: Live;
}

/** Undefined: the snapshot has no such resource. */
export function subjectOf(
  snapshot: CompiledSnapshot,
  key: ResourceKey,
  live: Live,
): Subject | undefined {
  const unit = snapshot.index.units.get(key);
  if (unit === undefined) return undefined;
  const { entry, compiled } = unit;
  const known = snapshot.index.troubled.get(key) ?? [];
  const more = live.problems.filter(
    ({ resource, reason }) => resource === key && OF_PROXIES.has(reason),
  );
  const findings = [...known, ...more.map((problem) => findingOf(problem))];
  return { snapshot, key, entry, compiled, findings, live };
}

/** What uses a node and what is attached to it, as their conditions are made from. */
export function* usersOf({ snapshot, live }: Subject, node: string): Generator<Subject> {
  for (const key of snapshot.index.users.get(node) ?? []) {
    const subject = subjectOf(snapshot, key, live);
    if (subject !== undefined) yield subject;
  }
}

export function* attachedTo({ snapshot, live }: Subject, node: string): Generator<Subject> {
  for (const key of snapshot.index.attached.get(node) ?? []) {
    const subject = subjectOf(snapshot, key, live);
    if (subject !== undefined) yield subject;
  }
}
