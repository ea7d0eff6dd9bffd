import type { ResourceProblem } from '#contracts/problems.ts';
import { type ResourceKey, keyOf, refOf } from '#contracts/names.ts';
import { keyOfResource } from '#platform/state.ts';
import type { History } from '../log/history.ts';
import { candidateOf } from './candidate.ts';
import type { Compiler } from './compiler.ts';
import { withHints } from './hints.ts';
import type { Intent } from './intent.ts';

/**
 * Everything wrong with a change-set that the schemas refuse already: what they say, and what a
 * compile says of the resources that can be read, so that nobody fixes one mistake to be told of
 * the next. A reference to a resource that cannot be read is no mistake of its own.
 */
export function problemsBeyond(
  intent: Extract<Intent, { kind: 'write' }>,
  history: History,
  compiler: Compiler,
): ResourceProblem[] {
  const { problems, rests } = intent.refused;
  const upserts = [...intent.upserts, ...rests];
  const deletes = intent.deletes.filter((ref) => history.state.entries.has(keyOf(ref)));
  const asked = { upserts, deletes };
  const now = new Date(0).toISOString(); // Of no consequence: this state is never published.
  const candidate = candidateOf(history.state, asked, history.lastSequence + 1, now);
  const readable = new Set<string>(upserts.map(keyOfResource));
  const unreadable = problems.map(({ resource }) => resource).filter((key) => !readable.has(key));
  const beyond = compiler
    .newProblems(candidate.state, candidate.changed)
    .refusing.filter((problem) => !speaksOf(problem, unreadable));
  return [...problems, ...withHints(beyond, candidate.state)];
}

function speaksOf({ reason, message }: ResourceProblem, keys: readonly string[]): boolean {
  if (reason !== 'missing_reference') return false;
  return keys.some((key) => {
    const { namespace, name } = refOf(key as ResourceKey);
    // What has no readable name is called by its place, such as upserts[3].
    if (name === '') return false;
    return message.includes(namespace === undefined ? name : `${namespace}/${name}`);
  });
}
