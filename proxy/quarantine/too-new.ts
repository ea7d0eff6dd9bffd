import type { ResourceProblem } from '#contracts/problems.ts';
import { readResource } from '#contracts/resources/read.ts';
import { VERSION, isOlder } from '#contracts/version.ts';
import type { StateEntry } from '#platform/state.ts';

/**
 * Why this version of the proxy does not understand a resource, each by its place; empty: it does.
 * Nothing else of the state matters for it. What the schema refuses here was accepted by the config
 * service that wrote it, which is therefore newer.
 */
export function tooNew({ key, resource, minProxy }: StateEntry): ResourceProblem[] {
  const hint = `upgrade this proxy, which is of version ${VERSION}`;
  const problem = (path: string, message: string): ResourceProblem => ({
    ...{ resource: key, path, reason: 'too_new', message, hint },
  });
  const read = readResource(resource, key);
  if (!read.ok) return read.problems.map(({ path, message }) => problem(path, message));
  if (minProxy === undefined || !isOlder(VERSION, minProxy)) return [];
  return [problem('', `it needs a proxy of version ${minProxy} at least`)];
}
