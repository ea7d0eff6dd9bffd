import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import {
  type DeadLetterResponse,
  DeadLettersQuery,
  type DeadLettersResponse,
  ReplayRequest,
  type ReplayResponse,
} from '#contracts/api/dead-letters.ts';
import { callerOf } from '#platform/access/guard.ts';
import { HttpProblem } from '#platform/http.ts';
import { KafkaError } from '#platform/kafka.ts';
import type { Log } from '#platform/log.ts';
import type { DeadLetterOffice } from './office.ts';

const IdParams = Type.Object({ id: Type.String({ pattern: '^[0-9]{1,19}$' }) });
type IdParams = Type.Static<typeof IdParams>;

export function addDeadLetters(app: FastifyInstance, office: DeadLetterOffice, log: Log): void {
  app.get<{ Querystring: DeadLettersQuery }>(
    '/v1/dead-letters',
    {
      schema: { summary: 'What could not be stored, newest first', querystring: DeadLettersQuery },
    },
    (request): Promise<DeadLettersResponse> => {
      callerOf(request).requireEverywhere('view', 'a block holds records of every namespace');
      return orAway(office.list(request.query));
    },
  );
  app.get<{ Params: IdParams }>(
    '/v1/dead-letters/:id',
    { schema: { summary: 'A dead letter with its headers and first bytes', params: IdParams } },
    (request): Promise<DeadLetterResponse> => {
      callerOf(request).requireEverywhere('view', 'a block holds records of every namespace');
      return orAway(office.show(request.params.id));
    },
  );
  app.post<{ Body: ReplayRequest }>(
    '/v1/dead-letters/replay',
    { schema: { summary: 'Store dead letters after all', body: ReplayRequest } },
    async (request): Promise<ReplayResponse> => {
      const caller = callerOf(request);
      caller.requireEverywhere('admin', 'it writes records of every namespace');
      const { ids, all } = request.body;
      if ((ids === undefined) === (all === undefined)) {
        throw new HttpProblem('invalid-request', 'name letters by ids, or say all: true');
      }
      const answer = await orAway(office.replay(request.body));
      const sent = answer.items.filter(({ outcome }) => outcome === 'sent').length;
      log.info({ by: caller.name, asked: answer.items.length, sent }, 'dead letters sent again');
      return answer;
    },
  );
}

async function orAway<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KafkaError) throw new HttpProblem('unavailable', error.message);
    throw error;
  }
}
