import type { ResourceChange } from '#contracts/events.ts';
import { type ResourceKey, type ResourceRef, keyOf, refOf } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { type Resource, metadataOf } from '#contracts/resources/index.ts';
import { HttpProblem } from '#platform/http.ts';
import { canonicalJson } from '#platform/canonical.ts';
import { type MeshState, keyOfResource } from '#platform/state.ts';
import type { ConfigLog } from '../log/config-log.ts';
import type { History, IndexedChangeSet } from '../log/history.ts';
import { bodyAt, entriesAt } from '../log/images.ts';
import type { Intent } from './intent.ts';
import { findRevision } from './revisions.ts';

/**
 * What is to be written and deleted, in terms of the state that `make` is given; asked again on
 * every new head, so it reads nothing itself.
 */
export interface Plan {
  kind: Intent['kind'];
  make: (history: History) => { upserts: readonly Resource[]; deletes: readonly ResourceRef[] };
  /** What an undo takes back, whether or not it is so already. */
  touches?: readonly ResourceKey[];
  /** Message when the writer gives none. */
  message: string;
  undoes?: string;
  restores?: string;
}

/** Reads what the plan needs from the log; what it reads there can no longer change. */
export async function planOf(intent: Intent, log: ConfigLog): Promise<Plan> {
  switch (intent.kind) {
    case 'write':
      return {
        kind: intent.kind,
        make: (history) => writes(intent, history.state),
        message: '',
      };
    case 'undo':
      return undoPlan(intent.revision, log);
    case 'restore':
      return restorePlan(intent.revision, log);
    default:
      return intent satisfies never;
  }
}

function writes(
  intent: Extract<Intent, { kind: 'write' }>,
  state: MeshState,
): ReturnType<Plan['make']> {
  const missing = intent.deletes.filter((ref) => !state.entries.has(keyOf(ref)));
  if (missing.length > 0) {
    throw new HttpProblem(
      'not-found',
      `there is no ${missing.map(keyOf).join(', ')} to delete`,
      missing.map((ref): ResourceProblem => {
        const message = 'there is no such resource to delete';
        return { resource: keyOf(ref), path: '', reason: 'missing_reference', message };
      }),
    );
  }
  const pruned = intent.pruneLabels === undefined ? [] : prunedBy(intent, state);
  const kept = new Set([...intent.upserts.map(keyOfResource), ...intent.deletes.map(keyOf)]);
  return {
    upserts: intent.upserts,
    deletes: [...intent.deletes, ...pruned.filter((key) => !kept.has(key)).map(refOf)],
  };
}

/**
 * What carries the labels where the change-set writes: in its namespaces, whatever the kind, so
 * that the last policy of a folder goes too; and, of what belongs to none, the kinds it writes.
 */
function prunedBy(
  { pruneLabels = {}, upserts }: Extract<Intent, { kind: 'write' }>,
  state: MeshState,
): ResourceKey[] {
  const wanted = Object.entries(pruneLabels);
  const place = (key: ResourceKey): string => {
    const { kind, namespace } = refOf(key);
    return namespace === undefined ? `${kind}/` : namespace;
  };
  const places = new Set(upserts.map((resource) => place(keyOfResource(resource))));
  return [...state.entries.values()]
    .filter(({ key, resource }) => {
      const has = metadataOf(resource).labels ?? {};
      const carries = ([name, value]: [string, string]): boolean =>
        Object.hasOwn(has, name) && has[name] === value;
      return places.has(place(key)) && wanted.every(carries);
    })
    .map(({ key }) => key);
}

/** Takes back what one revision did, and nothing else. */
async function undoPlan(revision: string, log: ConfigLog): Promise<Plan> {
  const undone = await findRevision(log, revision);
  if (undone.recovers !== undefined) {
    throw new HttpProblem(
      'conflict',
      `${log.history.revisionOf(undone.sequence)} begins an epoch after the log was lost and ` +
        'cannot be undone; restore an earlier revision that the log has, or write another state',
    );
  }
  const before = new Map<ResourceKey, Resource | undefined>();
  for (const { key } of undone.changes) {
    const version = log.history.versionAt(key, undone.sequence - 1);
    const existed = version !== undefined && version.change !== 'deleted';
    before.set(key, existed ? await bodyAt(log, key, version.sequence) : undefined);
  }
  const text = log.history.revisionOf(undone.sequence);
  return {
    kind: 'undo',
    touches: [...before.keys()],
    make: (history) => {
      const todo = [...before].filter(([key, image]) => !isAs(history.state, key, image));
      refuseChangedSince(
        history,
        undone,
        todo.map(([key]) => key),
      );
      return {
        upserts: todo.flatMap(([, image]) => (image === undefined ? [] : [image])),
        deletes: todo.flatMap(([key, image]) => (image === undefined ? [refOf(key)] : [])),
      };
    },
    message: `Undo ${text}${undone.message === '' ? '' : `: ${undone.message}`}`.slice(0, 2_000),
    undoes: text,
  };
}

/** Brings back the whole state of one revision. */
async function restorePlan(revision: string, log: ConfigLog): Promise<Plan> {
  const { sequence } = await findRevision(log, revision);
  const then = new Map(
    (await entriesAt(log, sequence)).map(({ key, resource }) => [key, resource]),
  );
  const text = log.history.revisionOf(sequence);
  return {
    kind: 'restore',
    make: (history) => ({
      upserts: [...then]
        .filter(([key, image]) => !isAs(history.state, key, image))
        .map(([, r]) => r),
      deletes: [...history.state.entries.keys()].filter((key) => !then.has(key)).map(refOf),
    }),
    message: `Restore ${text}`,
    restores: text,
  };
}

function isAs(state: MeshState, key: ResourceKey, image: Resource | undefined): boolean {
  const now = state.entries.get(key)?.resource;
  if (now === undefined || image === undefined) return now === image;
  return canonicalJson(now) === canonicalJson(image);
}

function refuseChangedSince(
  history: History,
  undone: IndexedChangeSet,
  keys: readonly ResourceKey[],
): void {
  const problems = keys.flatMap((key): ResourceProblem[] => {
    const last = history.versions(key).at(-1);
    if (last === undefined || last.sequence <= undone.sequence) return [];
    return [{ resource: key, path: '', reason: 'conflict', message: changedBy(history, last) }];
  });
  if (problems.length === 0) return;
  const list = problems.map(({ resource, message }) => `${resource} ${message}`).join('; ');
  throw new HttpProblem(
    'conflict',
    `this revision cannot be undone alone, for later ones changed the same: ${list}; ` +
      'undo those first, or restore a whole revision',
    problems,
  );
}

/** `was updated by ann in 1-7 (more memory)`. */
export function changedBy(
  history: History,
  version: { sequence: number; change: ResourceChange['change'] },
): string {
  const by = history.changeSet(version.sequence);
  const text = history.revisionOf(version.sequence);
  const message = by === undefined || by.message === '' ? '' : ` (${by.message})`;
  return `was ${version.change} by ${by?.author ?? 'somebody'} in ${text}${message}`;
}
