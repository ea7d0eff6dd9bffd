import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { type Resource, metadataOf } from '#contracts/resources/index.ts';
import { HttpProblem } from '#platform/http.ts';
import { keyOfResource } from '#platform/state.ts';
import type { History } from '../log/history.ts';
import { changedBy } from './plan.ts';
import { referencesOf, touchOf } from './references.ts';

/**
 * A resource that names its `resourceVersion` replaces exactly that version: throws 409 when it is
 * another one by now.
 */
export function refuseStaleVersions(history: History, upserts: readonly Resource[]): void {
  const problems = upserts.flatMap((resource): ResourceProblem[] => {
    const { resourceVersion } = metadataOf(resource);
    if (resourceVersion === undefined) return [];
    const key = keyOfResource(resource);
    const now = history.state.entries.get(key);
    if (now !== undefined && String(now.changedAt) === resourceVersion) return [];
    const last = history.versions(key).at(-1);
    const what = last === undefined ? 'does not exist' : changedBy(history, last);
    return [
      {
        resource: key,
        path: 'metadata.resourceVersion',
        reason: 'conflict',
        message: `${what}; your copy is of ${resourceVersion}`,
        hint: 'get it again and repeat your change, or leave resourceVersion out to replace it',
      },
    ];
  });
  if (problems.length > 0) throw conflict(problems);
}

/**
 * Throws 409 when another writer, since the revision that this one looked at, changed what it
 * touches or refers to, or let something refer to what it touches. What others did elsewhere is no
 * conflict.
 */
export function refuseOverlap(
  history: History,
  baseSequence: number,
  touched: ReadonlySet<ResourceKey>,
  upserts: readonly Resource[],
): void {
  const mine = new Set<ResourceKey>([...touched, ...upserts.flatMap(referencesOf)]);
  const referredTo = new Set<ResourceKey>([...touched].flatMap((key) => [key, touchOf(key)]));
  const problems = new Map<ResourceKey, ResourceProblem>();
  for (const { sequence, changes } of history.since(baseSequence)) {
    for (const { key, change } of changes) {
      const why = changedBy(history, { sequence, change });
      const current = history.state.entries.get(key);
      if (mine.has(key) || mine.has(touchOf(key))) {
        problems.set(key, { resource: key, path: '', reason: 'conflict', message: why });
      } else if (current !== undefined) {
        const target = referencesOf(current.resource).find((ref) => referredTo.has(ref));
        if (target === undefined) continue;
        const message = `${why} and refers to ${target}`;
        problems.set(key, { resource: key, path: '', reason: 'conflict', message });
      }
    }
  }
  if (problems.size > 0) throw conflict([...problems.values()]);
}

function conflict(problems: ResourceProblem[]): HttpProblem {
  const list = problems.map(({ resource, message }) => `${resource} ${message}`).join('; ');
  return new HttpProblem('conflict', `another writer was quicker: ${list}`, problems);
}
