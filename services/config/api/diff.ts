import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import type { RevisionDiff } from '#contracts/api/config.ts';
import { formatRevision } from '#contracts/revision.ts';
import { callerOf } from '#platform/access/guard.ts';
import { findSequence } from '../changes/revisions.ts';
import { changesBetween, keysBetween } from '../log/between.ts';
import type { RouteContext } from './routes.ts';
import { answers, revisionText } from './schemas.ts';

const DiffQuery = Type.Object(
  { from: revisionText, to: Type.Optional(revisionText) },
  { additionalProperties: false },
);

export function addDiffRoute(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof DiffQuery> }>(
    '/v1/diff',
    {
      schema: {
        tags: ['change-sets'],
        summary: 'What differs between two revisions, in either direction; to: the head',
        querystring: DiffQuery,
        ...answers,
      },
    },
    async (request): Promise<RevisionDiff> => {
      const { log, history } = context.plane();
      const caller = callerOf(request);
      const orNone = { orNone: true };
      const from = await findSequence(log, request.query.from, orNone);
      const to =
        request.query.to === undefined
          ? history.headSequence
          : await findSequence(log, request.query.to, orNone);
      const keys = keysBetween(history, from, to);
      const seen = keys.filter((key) => caller.sees(key));
      const hidden = keys.length - seen.length;
      return {
        from: formatRevision({ epoch: history.epoch, sequence: from }),
        to: formatRevision({ epoch: history.epoch, sequence: to }),
        changes: await changesBetween(log, seen, from, to),
        ...(hidden === 0 ? {} : { hidden }),
      };
    },
  );
}
