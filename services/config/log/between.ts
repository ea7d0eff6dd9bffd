import type { ResourceChange } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { canonicalJson } from '#platform/canonical.ts';
import type { ConfigLog } from './config-log.ts';
import type { History } from './history.ts';
import { entryAt } from './images.ts';

/** What any revision between the two has changed, sorted: no more than this can differ. */
export function keysBetween(history: History, from: number, to: number): ResourceKey[] {
  const [low, high] = from < to ? [from, to] : [to, from];
  const keys = new Set<ResourceKey>();
  for (const { sequence, changes } of history.since(low)) {
    if (sequence > high) break;
    for (const { key } of changes) keys.add(key);
  }
  return [...keys].sort();
}

/** How these resources differ between two revisions; what came back as it was does not. */
export async function changesBetween(
  log: ConfigLog,
  keys: readonly ResourceKey[],
  from: number,
  to: number,
): Promise<ResourceChange[]> {
  const changes: ResourceChange[] = [];
  for (const key of keys) {
    const before = (await entryAt(log, key, from))?.resource;
    const after = (await entryAt(log, key, to))?.resource;
    if (before === undefined) {
      if (after !== undefined) changes.push({ key, change: 'created', after });
    } else if (after === undefined) changes.push({ key, change: 'deleted', before });
    else if (canonicalJson(before) !== canonicalJson(after)) {
      changes.push({ key, change: 'updated', before, after });
    }
  }
  return changes;
}
