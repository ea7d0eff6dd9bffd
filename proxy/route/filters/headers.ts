import { CONNECTION_HEADERS } from '#contracts/headers.ts';
import type { HeaderModifier } from '#contracts/resources/index.ts';
import type { HeaderList } from '../../headers.ts';

/** RequestHeaderModifier and ResponseHeaderModifier of Gateway API, ready to run. */
export interface HeaderEdit {
  /** Lower-case names. */
  readonly remove: readonly string[];
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
}

/** What proxies tell one another is theirs alone. */
const PROTECTED_PREFIX = 'x-windrose-';

export function isProtectedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return CONNECTION_HEADERS.has(lower) || lower.startsWith(PROTECTED_PREFIX);
}

export function compileHeaderEdit(modifier: HeaderModifier): HeaderEdit {
  const lines = (list: HeaderModifier['set']): readonly (readonly [string, string])[] =>
    Object.freeze((list ?? []).map(({ name, value }) => Object.freeze([name, value] as const)));
  return Object.freeze({
    remove: Object.freeze((modifier.remove ?? []).map((name) => name.toLowerCase())),
    set: lines(modifier.set),
    add: lines(modifier.add),
  });
}

/** Gateway API leaves the order open; ours is remove, set, add. */
export function applyHeaderEdit(edit: HeaderEdit, headers: HeaderList): void {
  for (const name of edit.remove) headers.remove(name);
  for (const [name, value] of edit.set) headers.set(name, value);
  for (const [name, value] of edit.add) headers.add(name, value);
}
