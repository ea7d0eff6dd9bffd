import type { FastifyInstance } from 'fastify';
import { RecoverRequest, type RecoverResponse } from '#contracts/api/config.ts';
import { callerOf } from '#platform/access/guard.ts';
import { toProblem } from '#platform/http.ts';
import { authored } from './author.ts';
import type { RouteContext } from './routes.ts';
import { answers } from './schemas.ts';

/** A whole mesh may come in one body. */
const STATE_BYTES_MAX = 256 * 1024 * 1024;

export function addRecoveryRoutes(app: FastifyInstance, context: RouteContext): void {
  app.post<{ Body: RecoverRequest }>(
    '/v1/recover',
    {
      bodyLimit: STATE_BYTES_MAX,
      onError: async (request, _reply, error) => {
        context.audit.refused(request, toProblem(error), 'recover');
      },
      schema: {
        tags: ['log'],
        summary: 'Begin a new epoch after the log was lost or restored from an older copy',
        body: RecoverRequest,
        ...answers,
      },
    },
    async (request): Promise<RecoverResponse> => {
      const caller = callerOf(request);
      caller.requireEverywhere('admin', 'a new epoch takes the place of every resource');
      const answer = await context.plane().keeper.recover(authored(request.body, caller));
      context.audit.ofLog(request, 'recover', answer.revision);
      return answer;
    },
  );
}
