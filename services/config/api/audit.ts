import type { FastifyRequest } from 'fastify';
import type { ChangeSetResponse } from '#contracts/api/config.ts';
import { DEFAULT_NAMESPACE, keyOf } from '#contracts/names.ts';
import { PROBLEM_CODES } from '#contracts/problems.ts';
import { findKind } from '#contracts/resources/index.ts';
import { shownName } from '#platform/access/guard.ts';
import type { Clock } from '#platform/clock.ts';
import type { HttpProblem } from '#platform/http.ts';
import { type AuditEntry, type AuditSink, type LogAction, RESOURCES_MAX } from './audit-log.ts';

type Asked = Pick<AuditEntry, 'action' | 'asked' | 'author' | 'message' | 'resources'>;

const TEXT_MAX = 300;

/** Who tried to change what, and what came of it: one line for each attempt. */
export class Audit {
  readonly #sink: AuditSink;
  readonly #clock: Clock;

  constructor(sink: AuditSink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  answered(request: FastifyRequest, answer: ChangeSetResponse): void {
    const changed = answer.changes.filter(({ change }) => change !== 'unchanged');
    this.#write(request, {
      ...askedBy(request.body),
      outcome: answer.dryRun ? 'checked' : answer.created ? 'created' : 'unchanged',
      status: answer.created ? 201 : 200,
      ...(answer.created ? { revision: answer.revision } : {}),
      resources: changed.map(({ key, change }) => ({ key, change })),
    });
  }

  /** `revision`: the one that was made. */
  ofLog(request: FastifyRequest, action: LogAction, revision?: string): void {
    this.#write(request, {
      ...{ ...askedBy(request.body), action, resources: [], outcome: 'done', status: 200 },
      ...(revision === undefined ? {} : { revision }),
    });
  }

  /** `action`: where the body does not say it. */
  refused(request: FastifyRequest, problem: HttpProblem, action?: LogAction): void {
    this.#write(request, {
      ...askedBy(request.body),
      ...(action === undefined ? {} : { action }),
      outcome: 'refused',
      status: PROBLEM_CODES[problem.code].status,
      code: problem.code,
      detail: problem.message.slice(0, TEXT_MAX),
    });
  }

  #write(
    request: FastifyRequest,
    entry: Asked & Pick<AuditEntry, 'outcome' | 'status' | 'code' | 'detail' | 'revision'>,
  ): void {
    const token = shownName(request);
    const { author, resources, ...rest } = entry;
    const query = request.query as { dryRun?: unknown };
    this.#sink({
      time: new Date(this.#clock.wallMs()).toISOString(),
      ...(token === undefined ? {} : { token }),
      ...(token !== undefined || author === undefined ? {} : { author }),
      client: request.ip,
      dryRun: String(query.dryRun) === 'true',
      ...rest,
      resources: resources.slice(0, RESOURCES_MAX),
      resourceCount: resources.length,
    });
  }
}

/** What a body asks for, as far as it can be read: it may be anything, also nothing. */
function askedBy(body: unknown): Asked {
  const fields = recordOf(body);
  const upserts = listOf(fields['upserts']).flatMap((document) => {
    const { kind, metadata } = recordOf(document);
    return nameOf({ kind, ...recordOf(metadata) });
  });
  const deletes = listOf(fields['deletes']).flatMap((ref) => nameOf(recordOf(ref)));
  const { author, message, undo, restore } = fields;
  const asked = textOf(undo) ?? textOf(restore);
  const writes = ['upserts', 'deletes', 'prune'].some((name) => fields[name] !== undefined);
  const action =
    textOf(undo) !== undefined
      ? 'undo'
      : textOf(restore) !== undefined
        ? 'restore'
        : writes
          ? 'write'
          : 'unreadable';
  return {
    action,
    ...(asked === undefined ? {} : { asked }),
    ...(textOf(author) === undefined ? {} : { author: textOf(author) }),
    ...(textOf(message) === undefined ? {} : { message: textOf(message) }),
    resources: [...upserts, ...deletes].map((key) => ({ key })),
  } as Asked;
}

function nameOf(ref: Record<string, unknown>): string[] {
  const kind = textOf(ref['kind']);
  const name = textOf(ref['name']);
  if (kind === undefined || name === undefined) return [];
  const entry = findKind(kind);
  const namespace = textOf(ref['namespace']) ?? DEFAULT_NAMESPACE;
  const known = { kind: entry?.kind ?? kind, name };
  return [keyOf(entry?.scope === 'Cluster' ? known : { ...known, namespace })];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, TEXT_MAX) : undefined;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
