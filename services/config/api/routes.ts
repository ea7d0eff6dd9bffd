import type { FastifyInstance } from 'fastify';
import type { InfoResponse } from '#contracts/api/config.ts';
import { VERSION } from '#contracts/version.ts';
import type { Clock } from '#platform/clock.ts';
import { headOf } from '../changes/revisions.ts';
import type { ConfigMetrics } from '../metrics.ts';
import type { Plane } from '../plane.ts';
import type { Audit } from './audit.ts';
import type { BoardStreams } from './boards.ts';
import { addBackupRoutes } from './backup.ts';
import { addChangeSetRoutes } from './changesets.ts';
import { addDiffRoute } from './diff.ts';
import { addExplainRoute } from './explain.ts';
import { addProxyRoutes } from './proxies.ts';
import { addRecoveryRoutes } from './recovery.ts';
import { addResourceRoutes } from './resources.ts';
import { answers } from './schemas.ts';

export interface RouteContext {
  mesh: string;
  clock: Clock;
  metrics: ConfigMetrics;
  boards: BoardStreams;
  audit: Audit;
  addresses: () => InfoResponse['addresses'];
  /** Throws 503 until the log is read. */
  plane: () => Plane;
}

export function addRoutes(app: FastifyInstance, context: RouteContext): void {
  addChangeSetRoutes(app, context);
  addDiffRoute(app, context);
  addResourceRoutes(app, context);
  addProxyRoutes(app, context);
  addExplainRoute(app, context);
  addRecoveryRoutes(app, context);
  addBackupRoutes(app, context);
  app.get(
    '/v1/info',
    {
      schema: { tags: ['info'], summary: 'The mesh, its head, and the other services', ...answers },
    },
    (): InfoResponse => {
      const { log, history } = context.plane();
      return {
        version: VERSION,
        mesh: context.mesh,
        epoch: history.epoch,
        revision: headOf(log),
        digest: history.state.digest,
        addresses: context.addresses(),
      };
    },
  );
}
