import type { FastifyInstance } from 'fastify';
import type { AlertList, SloList } from '#contracts/api/alerting.ts';
import { seesName } from '#platform/access/caller.ts';
import { callerOf } from '#platform/access/guard.ts';
import { HttpProblem } from '#platform/http.ts';
import type { Evaluator } from './evaluator.ts';
import type { Objective } from './objective.ts';
import { addPlayed } from './played.ts';
import type { Query } from './rollup.ts';
import { AlertListSchema, SloListSchema } from './schemas.ts';
import type { StateFile } from './state-file.ts';
import { alertList } from './view.ts';

export const DESCRIPTION =
  'Objectives (openslo/v1 SLO), their error budgets and burn rates, and the alerts made of them';

export interface ApiParts {
  evaluator: Evaluator;
  /** As the config log has them; undefined until it was read. */
  objectives: () => readonly Objective[] | undefined;
  file: StateFile;
  query: Query;
  /** Up to when the data is complete, ms since 1970; undefined: there is none. */
  completeUntil: () => Promise<number | undefined>;
  notReady: () => string | undefined;
}

export function addRoutes(app: FastifyInstance, parts: ApiParts): void {
  app.get(
    '/v1/slos',
    {
      schema: {
        summary: 'Objectives with their budget and burn rates, as last evaluated',
        response: { 200: SloListSchema },
      },
    },
    async (request): Promise<SloList> => {
      // Before the first evaluation an empty list would say that there are no objectives.
      if (parts.evaluator.evaluations === 0) {
        throw new HttpProblem('unavailable', parts.notReady() ?? 'no evaluation has been made yet');
      }
      const caller = callerOf(request);
      return { items: parts.evaluator.statuses.filter(({ slo }) => seesName(caller, 'SLO', slo)) };
    },
  );
  addPlayed(app, parts);
  app.get(
    '/v1/alerts',
    {
      schema: {
        summary: 'Alerts that fire, then the last ones that are resolved, newest first',
        response: { 200: AlertListSchema },
      },
    },
    async (request): Promise<AlertList> => {
      const caller = callerOf(request);
      const all = parts.file.current.alerts.filter(({ slo }) => seesName(caller, 'SLO', slo));
      return { items: alertList(all) };
    },
  );
}
