import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import {
  type ChangeSetDetail,
  type ChangeSetList,
  ChangeSetRequest,
  type ChangeSetResponse,
  type ChangeSetSummary,
} from '#contracts/api/config.ts';
import { CHANGE_SET_BYTES_MAX, CHANGE_SET_RESOURCES_MAX } from '#contracts/events.ts';
import { type ResourceKey, refOf } from '#contracts/names.ts';
import { formatRevision } from '#contracts/revision.ts';
import { seesName } from '#platform/access/caller.ts';
import { type Caller, callerOf } from '#platform/access/guard.ts';
import { HttpProblem, toProblem } from '#platform/http.ts';
import { tooLarge, tooMany } from '../changes/limits.ts';
import type { WriteRequest } from '../changes/writer.ts';
import { findRevision, findSequence } from '../changes/revisions.ts';
import type { IndexedChangeSet } from '../log/history.ts';
import { changesOf } from '../log/images.ts';
import { seesProxy } from './proxies.ts';
import { authored } from './author.ts';
import type { RouteContext } from './routes.ts';
import { RevisionParams, answers, readKey, resourceText, revisionText } from './schemas.ts';

const WriteQuery = Type.Object(
  { dryRun: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
);
const WriteHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'the revision that the writer looked at; 409 on an overlap' }),
  ),
  'idempotency-key': Type.Optional(
    Type.String({ description: 'the same key never makes two revisions' }),
  ),
});
const PageQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
    before: Type.Optional(revisionText),
    namespace: Type.Optional(Type.String({ maxLength: 63 })),
    resource: Type.Optional(resourceText),
  },
  { additionalProperties: false },
);
const PAGE_DEFAULT = 50;

export function addChangeSetRoutes(app: FastifyInstance, context: RouteContext): void {
  addWriting(app, context);
  addHistory(app, context);
}

function addWriting(app: FastifyInstance, context: RouteContext): void {
  app.post<{
    Body: ChangeSetRequest;
    Querystring: Static<typeof WriteQuery>;
    Headers: Static<typeof WriteHeaders>;
  }>(
    '/v1/changesets',
    {
      // Every refusal passes here: no token, unreadable, too large, forbidden, invalid, conflict.
      onError: async (request, _reply, error) => {
        context.audit.refused(request, toProblem(error));
      },
      onRequest: async (request) => {
        const bytes = Number(request.headers['content-length'] ?? 0);
        if (bytes > CHANGE_SET_BYTES_MAX) throw tooLarge(bytes);
      },
      schema: {
        tags: ['change-sets'],
        summary: 'Write one atomic change-set, undo one, or restore a revision',
        body: ChangeSetRequest,
        querystring: WriteQuery,
        headers: WriteHeaders,
        response: {
          201: { ...answers.response[200], description: 'a new revision' },
          ...answers.response,
        },
      },
    },
    async (request, reply) => {
      const { upserts = [], deletes = [] } = request.body;
      const count = upserts.length + deletes.length;
      if (count > CHANGE_SET_RESOURCES_MAX) throw tooMany(count);
      const key = request.headers['idempotency-key'];
      const ifMatch = readIfMatch(request.headers['if-match']);
      const caller = callerOf(request);
      const answer = await write(context, {
        body: authored(request.body, caller),
        authorize: (keys) => caller.requireWrites(keys),
        dryRun: request.query.dryRun === true,
        ...(ifMatch === undefined ? {} : { ifMatch }),
        ...(key === undefined ? {} : { idempotencyKey: key }),
      });
      context.audit.answered(request, answer);
      return reply.code(answer.created ? 201 : 200).send(seenBy(caller, answer));
    },
  );
}

function addHistory(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof PageQuery> }>(
    '/v1/changesets',
    {
      schema: {
        tags: ['change-sets'],
        summary: 'The history, newest first',
        querystring: PageQuery,
        ...answers,
      },
    },
    async (request): Promise<ChangeSetList> => {
      const { log, history } = context.plane();
      const caller = callerOf(request);
      const { before, limit = PAGE_DEFAULT } = request.query;
      const isAsked = askedKeys(request.query);
      const end =
        before === undefined
          ? history.headSequence + 1
          : await findSequence(log, before, { orNone: true });
      const page = history.page(end, limit + 1, ({ changes }) =>
        changes.some(({ key }) => isAsked(key) && caller.sees(key)),
      );
      const items = page.slice(0, limit).map((entry) => summaryOf(entry, caller));
      const last = items.at(-1);
      return page.length > limit && last !== undefined ? { items, next: last.revision } : { items };
    },
  );
  app.get<{ Params: RevisionParams }>(
    '/v1/changesets/:revision',
    {
      schema: {
        tags: ['change-sets'],
        summary: 'One revision, with every resource before and after',
        params: RevisionParams,
        ...answers,
      },
    },
    async (request): Promise<ChangeSetDetail> => {
      const { log } = context.plane();
      const caller = callerOf(request);
      const entry = await findRevision(log, request.params.revision);
      const changes = entry.changes.filter(({ key }) => caller.sees(key));
      const [first] = entry.changes;
      if (changes.length === 0 && first !== undefined) caller.requireView(first.key);
      const seen = { ...entry, changes };
      return { ...summaryOf(entry, caller), changes: await changesOf(log, seen) };
    },
  );
}

/** What of the history is asked for: all, a namespace, or one resource. Throws 400. */
function askedKeys(query: Static<typeof PageQuery>): (key: ResourceKey) => boolean {
  const { namespace, resource } = query;
  if (namespace === undefined && resource === undefined) return () => true;
  const wanted = resource === undefined ? undefined : readKey(resource);
  return (key) =>
    (wanted === undefined || key === wanted) &&
    (namespace === undefined || refOf(key).namespace === namespace);
}

async function write(context: RouteContext, request: WriteRequest): Promise<ChangeSetResponse> {
  const { metrics } = context;
  try {
    const plane = context.plane();
    if (!plane.linked) {
      throw new HttpProblem('unavailable', 'the link to NATS is down; nothing was written');
    }
    const answer = await plane.writer.write(request);
    if (!request.dryRun) {
      metrics.changeSets.inc({ result: answer.created ? 'created' : 'unchanged' });
    }
    return answer;
  } catch (error) {
    metrics.changeSets.inc({ result: error instanceof HttpProblem ? error.code : 'internal' });
    throw error;
  }
}

/** `1-42`, or as an entity tag `"1-42"`; `*` asks for nothing. */
function readIfMatch(header: string | undefined): string | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  return header.trim().replace(/^(?:W\/)?"(.*)"$/, '$1');
}

/** The same with effects on what the caller may view; how many proxies there are is no secret. */
function seenBy(caller: Caller, answer: ChangeSetResponse): ChangeSetResponse {
  const { effects } = answer;
  if (effects === undefined) return answer;
  return {
    ...answer,
    effects: {
      ...effects,
      listeners: effects.listeners.filter((name) => caller.sees(name as ResourceKey)),
      services: effects.services.filter((name) => seesName(caller, 'Service', name)),
      proxies: effects.proxies.filter((proxy) => seesProxy(caller, proxy)),
    },
  };
}

/** What nobody but others may view is counted and not named. */
function summaryOf(entry: IndexedChangeSet, caller: Caller): ChangeSetSummary {
  const { epoch, sequence, id: _id, changes, ...shown } = entry;
  const seen = changes.filter(({ key }) => caller.sees(key));
  const hidden = changes.length - seen.length;
  return {
    revision: formatRevision({ epoch, sequence }),
    ...shown,
    changes: seen,
    ...(hidden === 0 ? {} : { hidden }),
  };
}
