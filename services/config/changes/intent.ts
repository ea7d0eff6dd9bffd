import type { ChangeSetRequest } from '#contracts/api/config.ts';
import {
  DEFAULT_NAMESPACE,
  type ResourceKey,
  type ResourceRef,
  keyOf,
  refOf,
} from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { type Resource, findKind, kindEntry } from '#contracts/resources/index.ts';
import { readResource } from '#contracts/resources/read.ts';
import { HttpProblem } from '#platform/http.ts';
import { canonicalJson } from '#platform/canonical.ts';
import { keyOfResource } from '#platform/state.ts';

/** What a writer asks for, checked as far as it can be without the state of the mesh. */
export type Intent =
  | {
      kind: 'write';
      /** As they were written, resourceVersion included. */
      upserts: Resource[];
      deletes: ResourceRef[];
      pruneLabels?: Readonly<Record<string, string>>;
      /** What the schemas refuse. With any of it nothing is written, only judged further. */
      refused: Refused;
    }
  | { kind: 'undo' | 'restore'; revision: string };

export interface Refused {
  problems: ResourceProblem[];
  /** Refused resources that are readable but for unknown fields. */
  rests: Resource[];
}

/** Undo the newest change-set. */
export const LATEST = 'latest';

/** Throws 400 for a request that asks for nothing or two things. */
export function readIntent(request: ChangeSetRequest): Intent {
  const { upserts, deletes, prune, undo, restore } = request;
  refuseControls(request);
  const writes = upserts !== undefined || deletes !== undefined || prune !== undefined;
  const asked = [writes, undo !== undefined, restore !== undefined].filter(Boolean).length;
  if (asked !== 1) {
    throw new HttpProblem(
      'invalid-request',
      asked === 0
        ? 'nothing is asked for: give upserts, deletes or prune, or undo, or restore'
        : 'upserts, deletes and prune, undo, and restore exclude one another',
    );
  }
  if (prune !== undefined && (upserts ?? []).length === 0) {
    throw new HttpProblem('invalid-request', 'prune deletes beside upserts; there are none');
  }
  if (undo !== undefined) return { kind: 'undo', revision: undo };
  if (restore !== undefined) return { kind: 'restore', revision: restore };
  const intent: Intent = {
    kind: 'write',
    ...readWrites(upserts ?? [], deletes ?? []),
    ...(prune === undefined ? {} : { pruneLabels: prune.labels }),
  };
  return intent;
}

/** Everything that a write names and that has a readable name. */
export function keysOf(intent: Intent): ResourceKey[] {
  if (intent.kind !== 'write') return [];
  const { upserts, deletes, refused } = intent;
  // A resource is called by its key where it has one, else by its place: `upserts[3]`.
  const named = refused.problems
    .map(({ resource }) => resource as ResourceKey)
    .filter((resource) => kindEntry(refOf(resource).kind) !== undefined);
  return [...upserts.map(keyOfResource), ...named, ...deletes.map(keyOf)];
}

/** Both are shown in terminals and logs, where an escape sequence could say anything. */
function refuseControls({ author = '', message = '' }: ChangeSetRequest): void {
  const name = /\p{Cc}/u.test(author)
    ? 'author'
    : /[^\P{Cc}\n\t]/u.test(message)
      ? 'message'
      : undefined;
  if (name === undefined) return;
  throw new HttpProblem('invalid-request', `the ${name} holds control characters`);
}

type Refs = NonNullable<ChangeSetRequest['deletes']>;

function readWrites(
  documents: readonly unknown[],
  refs: Refs,
): { upserts: Resource[]; deletes: ResourceRef[]; refused: Refused } {
  const problems: ResourceProblem[] = [];
  const rests: Resource[] = [];
  const upserts: Resource[] = [];
  const deletes: ResourceRef[] = [];
  const seen = new Set<string>();
  const once = (key: string): void => {
    if (seen.has(key)) {
      const message = `${key} stands twice in this change-set`;
      problems.push({ resource: key, path: 'metadata.name', reason: 'duplicate', message });
    }
    seen.add(key);
  };
  documents.forEach((document, index) => {
    const result = readResource(document, `upserts[${index}]`);
    if (!result.ok) {
      problems.push(...result.problems);
      if (result.rest !== undefined) rests.push(result.rest);
    } else if (!hasCanonicalForm(result.resource)) {
      const resource = keyOfResource(result.resource);
      const message = 'it holds text that is not valid Unicode (half of a surrogate pair)';
      problems.push({ resource, path: '', reason: 'invalid_value', message });
    } else {
      upserts.push(result.resource);
      once(keyOfResource(result.resource));
    }
  });
  refs.forEach((written, index) => {
    const ref = readRef(written);
    if (ref === undefined) {
      const resource = `deletes[${index}]`;
      const message = `there is no kind ${written.kind}`;
      problems.push({ resource, path: 'kind', reason: 'unknown_kind', message });
    } else {
      deletes.push(ref);
      once(keyOf(ref));
    }
  });
  return { upserts, deletes, refused: { problems, rests } };
}

/** Digests are made of canonical JSON, which takes whole characters only (RFC 8785, I-JSON). */
function hasCanonicalForm(resource: Resource): boolean {
  try {
    canonicalJson(resource);
    return true;
  } catch {
    return false; // The caller says so in a problem.
  }
}

/** The kind as people type it, and the namespace where the kind has one. */
function readRef(written: Refs[number]): ResourceRef | undefined {
  const entry = findKind(written.kind);
  if (entry === undefined) return undefined;
  if (entry.scope === 'Cluster') return { kind: entry.kind, name: written.name };
  const namespace = written.namespace ?? DEFAULT_NAMESPACE;
  return { kind: entry.kind, namespace, name: written.name };
}

/** 422 with every problem, and the first of them in the sentence. */
export function invalid(problems: readonly ResourceProblem[]): HttpProblem {
  const first = problems[0];
  const where = first === undefined ? '' : [first.resource, first.path].filter(Boolean).join(' ');
  const detail =
    problems.length === 1
      ? `${where}: ${first?.message ?? ''}`
      : `${problems.length} problems; the first is ${where}: ${first?.message ?? ''}`;
  return new HttpProblem('invalid', detail, [...problems]);
}
