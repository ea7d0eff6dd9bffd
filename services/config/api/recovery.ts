import type { FastifyInstance } from 'fastify';
import { RecoverRequest, type RecoverResponse } from '#contracts/api/config.ts';
import type { RouteContext } from './routes.ts';
import { answers } from './schemas.ts';

/** A whole mesh may come in one body. */
const STATE_BYTES_MAX = 256 * 1024 * 1024;

export function addRecoveryRoutes(app: FastifyInstance, context: RouteContext): void {
  app.post<{ Body: RecoverRequest }>(
    '/v1/recover',
    {
      bodyLimit: STATE_BYTES_MAX,
      schema: {
        tags: ['log'],
        summary: 'Begin a new epoch after the log was lost or restored from an older copy',
        body: RecoverRequest,
        ...answers,
      },
    },
    async (request): Promise<RecoverResponse> => context.plane().recover(request.body),
  );
}
