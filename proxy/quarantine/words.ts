import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Held, Unappliable } from './plan.ts';

/** What stands against a resource, and how it was said. */
export interface Cause extends Unappliable {
  readonly problems: readonly ResourceProblem[];
}

/** Targets that a message names. */
const NAMED_MAX = 3;

/** What a receipt says of all that is held: of each resource why, and what is served instead. */
export function heldProblems(
  held: ReadonlyMap<ResourceKey, Held>,
  causes: ReadonlyMap<ResourceKey, Cause>,
): ResourceProblem[] {
  return [...held].flatMap(([resource, each]): ResourceProblem[] => {
    const instead = insteadOf(each);
    const { problems = [] } = causes.get(resource) ?? {};
    if (problems.length > 0) {
      return problems.map((problem) => ({ ...problem, message: `${problem.message}; ${instead}` }));
    }
    const message = `it depends on ${rootOf(each, held)}, which is held back here; ${instead}`;
    return [{ resource, path: '', reason: 'quarantined', message }];
  });
}

/** As the admin port shows it; `kept` is null where no version is in service. */
export function heldVersions(
  held: ReadonlyMap<ResourceKey, Held>,
): { resource: ResourceKey; wanted: number; kept: number | null }[] {
  return [...held.keys()].sort().flatMap((resource) => {
    const each = held.get(resource);
    if (each === undefined) return [];
    return [{ resource, wanted: each.wanted.changedAt, kept: each.kept?.changedAt ?? null }];
  });
}

function rootOf({ because }: Held, held: ReadonlyMap<ResourceKey, Held>): string {
  let root = because ?? '';
  for (;;) {
    const next = held.get(root as ResourceKey)?.because;
    if (next === undefined) return root;
    root = next;
  }
}

function insteadOf({ kept, shuts }: Held): string {
  const instead =
    kept === undefined
      ? 'it is not in service'
      : `its version of revision ${kept.changedAt} stays in service`;
  if (shuts.length === 0) return instead;
  const more = shuts.length > NAMED_MAX ? ` and ${shuts.length - NAMED_MAX} more` : '';
  const named = shuts.slice(0, NAMED_MAX).join(', ');
  return `${instead}, and 503 is the answer of ${named}${more}`;
}
