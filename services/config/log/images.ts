import type { ChangeSetEvent, ResourceChange } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { type StateEntry, keyOfResource, withoutServerFields } from '#platform/state.ts';
import type { ConfigLog } from './config-log.ts';
import type { IndexedChangeSet } from './history.ts';

/** A resource as of a revision, with what the API shows of its history. */
export type PastEntry = StateEntry;

/** A resource's content at the sequence that wrote it. */
export async function bodyAt(
  log: ConfigLog,
  key: ResourceKey,
  sequence: number,
): Promise<Resource> {
  const current = log.history.state.entries.get(key);
  if (current?.changedAt === sequence) return current.resource;
  const found = upsertsOf(await log.event(sequence)).get(key);
  if (found === undefined) throw new Error(`revision ${sequence} does not write ${key}`);
  return withoutServerFields(found);
}

const upserts = new WeakMap<ChangeSetEvent, Map<ResourceKey, Resource>>();

/** By key: a whole state may be asked for resource by resource, and be one event's. */
function upsertsOf(event: ChangeSetEvent): Map<ResourceKey, Resource> {
  let found = upserts.get(event);
  if (found === undefined) {
    found = new Map(event.upserts.map((resource) => [keyOfResource(resource), resource]));
    upserts.set(event, found);
  }
  return found;
}

/** What one revision changed, with the content before and after. */
export async function changesOf(
  log: ConfigLog,
  entry: IndexedChangeSet,
): Promise<ResourceChange[]> {
  const changes: ResourceChange[] = [];
  for (const { key, change } of entry.changes) {
    const before = log.history.versionAt(key, entry.sequence - 1);
    changes.push({
      key,
      change,
      ...(before === undefined || before.change === 'deleted'
        ? {}
        : { before: await bodyAt(log, key, before.sequence) }),
      ...(change === 'deleted' ? {} : { after: await bodyAt(log, key, entry.sequence) }),
    });
  }
  return changes;
}

/** All (wanted) resources as of a revision, in the order of their keys. */
export async function entriesAt(
  log: ConfigLog,
  sequence: number,
  isWanted: (key: ResourceKey) => boolean = () => true,
): Promise<PastEntry[]> {
  const entries: PastEntry[] = [];
  for (const key of [...log.history.keys()].filter(isWanted).sort()) {
    const entry = await entryAt(log, key, sequence);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** One resource as of a revision; undefined when it did not exist then. */
export async function entryAt(
  log: ConfigLog,
  key: ResourceKey,
  sequence: number,
): Promise<PastEntry | undefined> {
  const { history } = log;
  const version = history.versionAt(key, sequence);
  if (version === undefined || version.change === 'deleted') return undefined;
  const current = history.state.entries.get(key);
  if (current?.changedAt === version.sequence) return current;
  const life = history.versions(key).filter((each) => each.sequence <= version.sequence);
  const born = life.findLastIndex((each) => each.change === 'created' || each.age !== undefined);
  const createdAt = life[born]?.sequence ?? version.sequence;
  const age = life[born]?.age ?? {
    createdAt,
    createdTime: history.changeSet(createdAt)?.time ?? '',
    generation: 1,
  };
  return {
    key,
    resource: await bodyAt(log, key, version.sequence),
    createdAt: age.createdAt,
    createdTime: age.createdTime,
    changedAt: version.sequence,
    generation: age.generation + life.length - 1 - born,
  };
}
