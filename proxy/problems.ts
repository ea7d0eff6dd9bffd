import type { ResourceProblem } from '#contracts/problems.ts';
import { type Scope, servedListeners } from './dataplane.ts';
import { socketProblems } from './gateway.ts';
import type { SocketFailure } from './listener/listeners.ts';
import type { CompiledSnapshot } from './snapshot/compiled.ts';
import type { Certificates } from './tls/certificates.ts';
import { type CertificateUse, certificateProblems, certificateUses } from './tls/problems.ts';

/** A snapshot, and what is wrong with it here. */
export interface Made {
  snapshot: CompiledSnapshot;
  /** Of the compile. */
  compiled: readonly ResourceProblem[];
  failures: readonly SocketFailure[];
}

export interface ProblemSources extends Made {
  scope: Scope;
  certificates: Certificates;
}

/** The certificates that a worker needs for a snapshot. */
export function usesOf(snapshot: CompiledSnapshot, scope: Scope): CertificateUse[] {
  return [...certificateUses(snapshot, servedListeners(snapshot, scope))];
}

/** Everything of a snapshot that a worker cannot serve as it should. */
export function problemsOf(sources: ProblemSources): ResourceProblem[] {
  const { scope, snapshot, compiled, failures, certificates } = sources;
  const own = failures.filter(({ need }) => need.arrival.direction !== 'edge');
  return mergeProblems([
    compiled,
    socketProblems(snapshot, scope, failures),
    certificateProblems(usesOf(snapshot, scope), certificates),
    own.map(({ need, message }) => ({
      resource: `Proxy/-/${scope.proxy}`,
      path: need.arrival.direction,
      reason: 'cannot_apply' as const,
      message,
    })),
  ]);
}

/** What tells a problem from others, whoever has it. */
export function identityOf({ resource, path, message }: ResourceProblem): string {
  return `${resource}\0${path}\0${message}`;
}

/** The union of several lists, sorted by resource, path and message, each problem once. */
export function mergeProblems(lists: readonly (readonly ResourceProblem[])[]): ResourceProblem[] {
  const byText = new Map<string, ResourceProblem>();
  for (const problem of lists.flat()) byText.set(identityOf(problem), problem);
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, problem]) => problem);
}
