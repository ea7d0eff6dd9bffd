import type { Reported } from '#contracts/api/config.ts';
import type { Condition } from '#contracts/resources/index.ts';

/** Of these the opposite of `True` is what is wanted. */
const NEGATIVE: ReadonlySet<string> = new Set([
  'Conflicted',
  'PartiallyInvalid',
  'windrose.dev/Quarantined',
]);
/** Read in this order: what was not accepted cannot be served either. */
const TELLING = [
  ...(['Accepted', 'PartiallyInvalid', 'ResolvedRefs', 'Programmed'] as const),
  'windrose.dev/Quarantined',
];

/**
 * What became of a resource, in one word: `OK`, or the reason of the first condition that is not
 * as it should be, of the resource itself or of one of its parents. Empty when nobody says.
 */
export function standingOf({ status }: Reported): string {
  if (status === undefined) return '';
  const conditions: readonly Condition[] =
    'parents' in status
      ? status.parents.flatMap((parent) => parent.conditions)
      : 'ancestors' in status
        ? status.ancestors.flatMap((ancestor) => ancestor.conditions)
        : status.conditions;
  if (conditions.length === 0) return '';
  for (const type of TELLING) {
    const wanted = NEGATIVE.has(type) ? 'False' : 'True';
    const wrong = conditions.find((each) => each.type === type && each.status !== wanted);
    if (wrong !== undefined) return wrong.reason;
  }
  return 'OK';
}
