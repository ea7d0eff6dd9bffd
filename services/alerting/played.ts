/** The part of the API that plays what is stored once more. */
import type { FastifyInstance } from 'fastify';
import {
  type BudgetHistory,
  BudgetHistoryQuery,
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
import type { ApiParts } from './api.ts';
import { type Period, backtest } from './backtest.ts';
import { budgetHistory } from './history.ts';
import { type Objective, type Selector, objectiveOf } from './objective.ts';
import { MINUTE_MS } from './rollup.ts';
import { BudgetHistorySchema, SloTestSchema } from './schemas.ts';

const POINTS = 100;

export function addPlayed(app: FastifyInstance, parts: ApiParts): void {
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
      return readable(backtest(parts.query, objective, period));
    },
  );
  app.get<{ Params: { namespace: string; name: string }; Querystring: BudgetHistoryQuery }>(
    '/v1/slos/:namespace/:name/history',
    {
      schema: {
        summary: 'What was left of the error budget of an SLO, over time',
        querystring: BudgetHistoryQuery,
        response: { 200: BudgetHistorySchema },
      },
    },
    async (request): Promise<BudgetHistory> => {
      const { namespace, name } = request.params;
      const slo = `${namespace}/${name}`;
      const all = parts.objectives();
      if (all === undefined) {
        throw new HttpProblem(
          'unavailable',
          parts.notReady() ?? 'the objectives are not known yet',
        );
      }
      const objective = all.find((each) => each.slo === slo);
      if (objective === undefined || !seesName(callerOf(request), 'SLO', slo)) {
        throw new HttpProblem('not-found', `there is no SLO ${slo}`);
      }
      const { points = POINTS } = request.query;
      const period = await periodOf(request.query, parts);
      return readable(budgetHistory(parts.query, objective, { ...period, points }));
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

async function readable<T>(reading: Promise<T>): Promise<T> {
  return reading.catch((error: unknown) => {
    throw new HttpProblem('unavailable', `the data cannot be read: ${sentenceOf(error)}`);
  });
}

async function periodOf(
  { since, until }: { since: string; until?: string },
  { completeUntil }: ApiParts,
): Promise<Period> {
  const complete = await readable(completeUntil());
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
