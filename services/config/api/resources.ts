import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Reported, ResourceList } from '#contracts/api/config.ts';
import { type ResourceKey, keyOf } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { callerOf } from '#platform/access/guard.ts';
import { HttpProblem } from '#platform/http.ts';
import { type StateEntry, withServerFields } from '#platform/state.ts';
import { type Live, statusOf } from '#proxy/pure.ts';
import { findSequence } from '../changes/revisions.ts';
import { entriesAt, entryAt } from '../log/images.ts';
import type { Plane } from '../plane.ts';
import type { RouteContext } from './routes.ts';
import { AtQuery, answers, kindOf } from './schemas.ts';

const KindParams = Type.Object({
  kind: Type.String({ description: 'a kind as people type it: HTTPRoute, httproutes, route' }),
});
const NameParams = Type.Object({
  kind: Type.String(),
  namespace: Type.String({ description: '- for a kind without namespaces' }),
  name: Type.String(),
});

export function addResourceRoutes(app: FastifyInstance, context: RouteContext): void {
  const schema = (summary: string, params?: object): object => ({
    schema: {
      tags: ['resources'],
      summary,
      querystring: AtQuery,
      ...(params === undefined ? {} : { params }),
      ...answers,
    },
  });
  app.get<{ Querystring: AtQuery }>(
    '/v1/resources',
    schema('All resources, now or at a revision'),
    (request) => {
      const caller = callerOf(request);
      return list(context.plane(), request.query.at, (key) => caller.sees(key));
    },
  );
  app.get<{ Querystring: AtQuery; Params: Static<typeof KindParams> }>(
    '/v1/resources/:kind',
    schema('Resources of one kind', KindParams),
    (request) => {
      const caller = callerOf(request);
      const { kind } = kindOf(request.params.kind);
      const isWanted = (key: ResourceKey): boolean =>
        key.startsWith(`${kind}/`) && caller.sees(key);
      return list(context.plane(), request.query.at, isWanted);
    },
  );
  app.get<{ Querystring: AtQuery; Params: Static<typeof NameParams> }>(
    '/v1/resources/:kind/:namespace/:name',
    schema('One resource, as a list of one', NameParams),
    async (request): Promise<ResourceList> => {
      const entry = kindOf(request.params.kind);
      const { namespace, name } = request.params;
      const ref = { kind: entry.kind, name };
      const key = keyOf(entry.scope === 'Cluster' ? ref : { ...ref, namespace });
      callerOf(request).requireView(key);
      const plane = context.plane();
      const sequence = await sequenceOf(plane, request.query.at);
      const found = await entryAt(plane.log, key, sequence);
      const revision = plane.history.revisionOf(sequence);
      if (found === undefined) {
        throw new HttpProblem('not-found', `there is no ${key} at revision ${revision}`);
      }
      return { revision, items: [reporter(plane, sequence)(found)] };
    },
  );
}

async function list(
  plane: Plane,
  at: string | undefined,
  isWanted: (key: ResourceKey) => boolean,
): Promise<ResourceList> {
  const sequence = await sequenceOf(plane, at);
  const entries =
    sequence === plane.history.headSequence
      ? [...plane.history.state.entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
      : await entriesAt(plane.log, sequence, isWanted);
  return {
    revision: plane.history.revisionOf(sequence),
    items: entries.filter(({ key }) => isWanted(key)).map(reporter(plane, sequence)),
  };
}

/** Of a revision that is past nobody says any more what became of it. */
function reporter(plane: Plane, sequence: number): (entry: StateEntry) => Reported {
  if (sequence !== plane.history.headSequence) return withServerFields;
  const snapshot = plane.compiler.head();
  const live = liveOf(plane);
  return (entry) => {
    const status = statusOf(snapshot, entry.key, live);
    const resource = withServerFields(entry);
    return status === undefined ? resource : { ...resource, status };
  };
}

/** What proxies that are up could not bring into service, each once, with the proxies' names. */
function liveOf(plane: Plane): Live {
  const { receipts } = plane.receipts;
  const found = new Map<string, { problem: ResourceProblem; proxies: string[] }>();
  for (const { heartbeat } of plane.registry.registry.up()) {
    for (const problem of receipts.inForce(heartbeat.proxy)?.problems ?? []) {
      const name = JSON.stringify([problem.resource, problem.path, problem.message]);
      const known = found.get(name) ?? { problem, proxies: [] };
      known.proxies.push(heartbeat.proxy);
      found.set(name, known);
    }
  }
  const problems = [...found.values()].map(({ problem, proxies }) => {
    const [first = '', ...others] = proxies.toSorted();
    const who = others.length === 0 ? `proxy ${first}` : `${first} and ${others.length} more`;
    return { ...problem, message: `${problem.message} (${who})` };
  });
  return { problems };
}

async function sequenceOf(plane: Plane, at: string | undefined): Promise<number> {
  return at === undefined
    ? plane.history.headSequence
    : findSequence(plane.log, at, { orNone: true });
}
