import type { FastifyInstance } from 'fastify';
import { ExplainRequest } from '#contracts/api/config.ts';
import type { Explanation } from '#contracts/api/explain.ts';
import { SERVICE_NAME } from '#contracts/names.ts';
import { seesName } from '#platform/access/caller.ts';
import { type Caller, callerOf } from '#platform/access/guard.ts';
import { HttpProblem } from '#platform/http.ts';
import { MeshState } from '#platform/state.ts';
import { type CompiledSnapshot, type EndpointView, explain } from '#proxy/pure.ts';
import { findSequence } from '../changes/revisions.ts';
import { entriesAt } from '../log/images.ts';
import type { Plane } from '../plane.ts';
import type { RouteContext } from './routes.ts';
import { answers } from './schemas.ts';

export function addExplainRoute(app: FastifyInstance, context: RouteContext): void {
  app.post<{ Body: ExplainRequest }>(
    '/v1/explain',
    {
      schema: {
        tags: ['explain'],
        summary: 'Which route, policies, limits and endpoints a request would meet, and why',
        body: ExplainRequest,
        ...answers,
      },
    },
    async (request): Promise<Explanation> => {
      const plane = context.plane();
      const { body } = request;
      const from = workloadOf(plane, body);
      const snapshot = await snapshotOf(plane, body.at);
      if (from !== undefined && !snapshot.services.has(from)) {
        throw new HttpProblem('not-found', `there is no Service ${from} that could call`);
      }
      const asked = { ...body, ...(from === undefined ? {} : { from }) };
      const explanation = explain(snapshot, asked, {
        wallMs: context.clock.wallMs(),
        // Who announces is known for now only: a past revision shows what it declares.
        ...(body.at === undefined ? { endpoints: endpointsOf(plane, snapshot) } : {}),
      });
      const caller = callerOf(request);
      requireSeen(caller, explanation, from);
      const lost = explanation.lost.filter(({ route }) => seesName(caller, 'HTTPRoute', route));
      return { ...explanation, lost };
    },
  );
}

/**
 * An explanation goes through whatever the request would meet: it is told to whom the caller's, the
 * route's and the backends' namespaces are open, or all. Throws 403.
 */
function requireSeen(caller: Caller, { match, backends }: Explanation, from?: string): void {
  const names = [from, match?.route, ...backends.map(({ backend }) => backend)];
  const told = names.filter((name) => name !== undefined);
  if (told.length > 0 && told.every((name) => seesName(caller, 'Service', name))) return;
  caller.requireEverywhere('view', 'this request leads through namespaces that it may not view');
}

/** Whose outbound sidecar decides: `from`, or the workload behind `proxy`; none: an edge does. */
function workloadOf(plane: Plane, { from, proxy }: ExplainRequest): string | undefined {
  if (from !== undefined && !new RegExp(SERVICE_NAME).test(from)) {
    throw new HttpProblem('invalid-request', `${from} is no workload; write namespace/name`);
  }
  if (proxy === undefined) return from;
  const known = plane.registry.registry.proxies.get(proxy);
  if (known === undefined) {
    throw new HttpProblem('not-found', `no proxy ${proxy} was heard of; GET /v1/proxies has all`);
  }
  const { workload } = known.heartbeat;
  if (from !== undefined && from !== workload) {
    const whose = workload === '' ? 'it has no workload' : `its workload is ${workload}`;
    throw new HttpProblem('invalid-request', `${proxy} does not decide for ${from}: ${whose}`);
  }
  return workload === '' ? undefined : workload;
}

async function snapshotOf(plane: Plane, at: string | undefined): Promise<CompiledSnapshot> {
  if (at === undefined) return plane.compiler.head();
  const sequence = await findSequence(plane.log, at, { orNone: true });
  const entries = await entriesAt(plane.log, sequence);
  return plane.compiler.past(MeshState.restore(entries, sequence));
}

/** What sidecars announced and EndpointSlices declare. Who was ejected only each proxy knows. */
function endpointsOf(plane: Plane, snapshot: CompiledSnapshot) {
  return (service: string): EndpointView[] => {
    const announced = plane.registry.registry.sets.of(service);
    const declared = snapshot.services.get(service)?.declared ?? [];
    return [...announced, ...declared].map(({ address, port, proxy, zone }) => ({
      service,
      address,
      port,
      proxy,
      zone,
      state: 'healthy',
      ejectedForMs: 0,
      inFlight: 0,
      consecutiveErrors: 0,
    }));
  };
}
