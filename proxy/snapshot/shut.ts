import type { ResourceKey } from '#contracts/names.ts';
import { targetName } from './policies.ts';

/**
 * What answers 503 because a security policy for it is not in service here, with the keys of those
 * policies: targets by `targetName`, and by `allOf` whole namespaces.
 */
export type Shut = ReadonlyMap<string, readonly ResourceKey[]>;

export const NOTHING_SHUT: Shut = new Map();

const ALL_OF = 'all of ';

/** Every target in a namespace: of a policy that does not say readably what it is for. */
export const allOf = (namespace: string): string => `${ALL_OF}${namespace}`;

const NONE: readonly ResourceKey[] = Object.freeze([]);

/** The policies that a target, or a section of it, has lost. */
export function lostBy(
  shut: Shut,
  key: ResourceKey,
  section: string | undefined,
): readonly ResourceKey[] {
  if (shut.size === 0) return NONE;
  const own = shut.get(targetName(key, section)) ?? NONE;
  if (section !== undefined) return own;
  const whole = shut.get(allOf(namespaceIn(key))) ?? NONE;
  return whole.length === 0 ? own : [...new Set([...own, ...whole])];
}

/** Of `keys`, those that are shut otherwise than before. */
export function* shutOtherwise(
  before: Shut,
  after: Shut,
  keys: () => Iterable<string>,
): Generator<ResourceKey> {
  const spaces = new Set<string>();
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    if (String(before.get(name)) === String(after.get(name))) continue;
    if (name.startsWith(ALL_OF)) spaces.add(name.slice(ALL_OF.length));
    else yield name.replace(/#.*$/, '') as ResourceKey;
  }
  if (spaces.size === 0) return;
  for (const key of keys()) {
    if (spaces.has(namespaceIn(key as ResourceKey))) yield key as ResourceKey;
  }
}

function namespaceIn(key: ResourceKey): string {
  return key.split('/')[1] ?? '';
}
