import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { RestoreRequest, type RestoreResponse } from '#contracts/backup.ts';
import { callerOf } from '#platform/access/guard.ts';
import { toProblem } from '#platform/http.ts';
import type { RouteContext } from './routes.ts';
import { answers } from './schemas.ts';

/** One part of a backup: one message of it is no larger than 8 MiB and its escapes. */
const PART_BYTES_MAX = 64 * 1024 * 1024;

export function addBackupRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get(
    '/v1/backup',
    {
      onError: async (request, _reply, error) => {
        context.audit.refused(request, toProblem(error), 'backup');
      },
      schema: {
        tags: ['log'],
        summary: 'The whole config log as text (services/contracts/backup.ts)',
        produces: ['application/x-ndjson'],
      },
    },
    async (request, reply) => {
      callerOf(request).requireEverywhere('admin', 'a backup holds every resource');
      const lines = context.plane().keeper.backup.lines();
      // What is wrong from the beginning gets a status; later the answer can only break off.
      const first = await lines.next();
      context.audit.ofLog(request, 'backup');
      const rest = async function* (): AsyncGenerator<string> {
        if (first.done !== true) yield first.value;
        yield* lines;
      };
      return reply.type('application/x-ndjson').send(Readable.from(rest()));
    },
  );
  app.post<{ Body: RestoreRequest }>(
    '/v1/restore',
    {
      bodyLimit: PART_BYTES_MAX,
      onError: async (request, _reply, error) => {
        context.audit.refused(request, toProblem(error), 'restore-log');
      },
      schema: {
        tags: ['log'],
        summary: 'Put a part of a backup into an empty config log',
        body: RestoreRequest,
        ...answers,
      },
    },
    async (request): Promise<RestoreResponse> => {
      callerOf(request).requireEverywhere('admin', 'a backup takes the place of every resource');
      const answer = await context.plane().keeper.restore(request.body);
      if (request.body.isLast) context.audit.ofLog(request, 'restore-log');
      return answer;
    },
  );
}
