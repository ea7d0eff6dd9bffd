import type { FastifyInstance } from 'fastify';
import {
  type AlertList,
  type SloList,
  type SloTest,
  SloTestRequest,
} from '#contracts/api/alerting.ts';
import { keyOf } from '#contracts/names.ts';
import { readResource } from '#contracts/resources/read.ts';
import { ROLLUPS } from '#contracts/tables.ts';
import { seesName } from '#platform/access/caller.ts';
import { callerOf } from '#platform/access/guard.ts';
import { HttpProblem } from '#platform/http.ts';
import { sentenceOf } from '#platform/log.ts';
import { type Period, backtest } from './backtest.ts';
import type { Evaluator } from './evaluator.ts';
import { type Objective, type Selector, objectiveOf } from './objective.ts';
import { MINUTE_MS, type Query } from './rollup.ts';
import { AlertListSchema, SloListSchema, SloTestSchema } from './schemas.ts';
import type { StateFile } from './state-file.ts';
import { alertList } from './view.ts';

export const DESCRIPTION =
  'Objectives (openslo/v1 SLO), their error budgets and burn rates, and the alerts made of them';

export interface ApiParts {
  evaluator: Evaluator;
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
  app.post<{ Body: SloTestRequest }>(
    '/v1/slos/test',
    {
      schema: {
        summary: 'When an SLO, applied or not, would have fired, by what is stored',
        body: SloTestRequest,
        response: { 200: SloTestSchema },
      },
    },
    async (request): Promise<SloTest> => {
      const objective = readObjective(request.body.slo);
      const caller = callerOf(request);
      for (const name of namesIn(objective.selector)) {
        caller.requireView(keyOf({ kind: 'Service', ...nameParts(name) }));
      }
      const period = await periodOf(request.body, parts);
      try {
        return await backtest(parts.query, objective, period);
      } catch (error) {
        throw new HttpProblem('unavailable', `the data cannot be read: ${sentenceOf(error)}`);
      }
    },
  );
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

const DAY_MS = 86_400_000;
/** Rows of the rollups are not kept for longer. */
const PERIOD_MAX_MS = ROLLUPS.edgesMinute.keepDays * DAY_MS;

/** Throws 422 with what is wrong with the resource. */
function readObjective(document: unknown): Objective {
  const read = readResource(document, 'slo');
  if (!read.ok) throw new HttpProblem('invalid', 'this SLO is not valid', read.problems);
  if (read.resource.kind !== 'SLO') {
    throw new HttpProblem('invalid', `this is a ${read.resource.kind} and no SLO`);
  }
  return objectiveOf(read.resource);
}

/** What is measured: who may not see it may not see its numbers. */
function namesIn(selector: Selector): string[] {
  switch (selector.by) {
    case 'service':
      return [selector.service];
    case 'route':
      return [selector.route];
    case 'consumer':
      return [selector.consumer];
    case 'edge':
      return [selector.source, selector.destination];
    default:
      return selector satisfies never;
  }
}

/** Of `namespace/name`, also behind a kind, as callers that are Gateways have it. */
function nameParts(qualified: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = qualified.split('/').slice(-2);
  return { namespace, name };
}

async function periodOf(
  { since, until }: SloTestRequest,
  { completeUntil }: ApiParts,
): Promise<Period> {
  const complete = await completeUntil().catch((error: unknown) => {
    throw new HttpProblem('unavailable', `the data cannot be read: ${sentenceOf(error)}`);
  });
  if (complete === undefined) throw new HttpProblem('unavailable', 'no data has come in yet');
  const wantedMs = until === undefined ? complete : Math.min(Date.parse(until), complete);
  const floor = (ms: number): number => Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  const [fromMs, untilMs] = [floor(Date.parse(since)), floor(wantedMs)];
  if (!(fromMs < untilMs)) {
    const end = new Date(untilMs).toISOString();
    throw new HttpProblem('invalid-request', `since is not a minute or more before ${end}`);
  }
  const fineSinceMs = complete - ROLLUPS.edges.keepDays * DAY_MS;
  if (untilMs - fromMs <= PERIOD_MAX_MS) return { fromMs, untilMs, fineSinceMs };
  const days = ROLLUPS.edgesMinute.keepDays;
  throw new HttpProblem('invalid-request', `the data is kept for ${days} days, and no longer`);
}
