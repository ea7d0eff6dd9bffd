import type { FastifyInstance } from 'fastify';
import type { ProxyList, ProxyStatus, ReceiptBoard } from '#contracts/api/config.ts';
import type { Heartbeat, Receipt, ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { seesName } from '#platform/access/caller.ts';
import { type Caller, callerOf } from '#platform/access/guard.ts';
import { HttpProblem } from '#platform/http.ts';
import { findRevision, headOf } from '../changes/revisions.ts';
import type { Plane } from '../plane.ts';
import type { RouteContext } from './routes.ts';
import { RevisionParams, answers } from './schemas.ts';

export function addProxyRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get(
    '/v1/proxies',
    { schema: { tags: ['proxies'], summary: 'Every proxy, stragglers first', ...answers } },
    (request): ProxyList => {
      const plane = context.plane();
      const caller = callerOf(request);
      const items = statuses(plane).filter(({ heartbeat }) => seesProxy(caller, heartbeat));
      return {
        revision: headOf(plane.log),
        items: items.map((item) => withSeenProblems(caller, item)),
      };
    },
  );
  app.get(
    '/v1/endpoints',
    {
      schema: {
        tags: ['proxies'],
        summary: 'The announced endpoints of every service',
        ...answers,
      },
    },
    (request): { items: ServiceEndpoints[] } => {
      const { registry } = context.plane().registry;
      const caller = callerOf(request);
      const time = new Date(context.clock.wallMs()).toISOString();
      const services = [...registry.sets.services()].filter((service) =>
        seesName(caller, 'Service', service),
      );
      return {
        items: services.sort().map((service) => ({
          mesh: context.mesh,
          service,
          endpoints: registry.sets.of(service),
          time,
        })),
      };
    },
  );
  app.get<{ Params: RevisionParams }>(
    '/v1/revisions/:revision/receipts',
    {
      schema: {
        tags: ['proxies'],
        summary: 'Who has applied a revision; as text/event-stream until all have spoken',
        params: RevisionParams,
        ...answers,
      },
    },
    async (request, reply): Promise<ReceiptBoard | undefined> => {
      const plane = context.plane();
      const { sequence } = await findRevision(plane.log, request.params.revision);
      const caller = callerOf(request);
      // All proxies whatever their workload: what is waited for must not depend on who waits.
      const board = (): ReceiptBoard => {
        const all = plane.receipts.board(sequence);
        return { ...all, items: all.items.map((item) => withSeenProblems(caller, item)) };
      };
      if (!(request.headers.accept ?? '').includes('text/event-stream')) return board();
      if (context.boards.full) {
        throw new HttpProblem('unavailable', 'too many readers follow receipts already');
      }
      reply.hijack();
      context.boards.open(reply.raw, board);
      return undefined;
    },
  );
}

/** A sidecar belongs to the namespace of its workload, a gateway to nobody. */
export function seesProxy(caller: Caller, { workload }: { workload: string }): boolean {
  return workload === '' || seesName(caller, 'Service', workload);
}

/** The same without problems of resources that the caller may not view. */
function withSeenProblems<T extends { receipt?: Receipt }>(caller: Caller, item: T): T {
  const { receipt } = item;
  if (receipt === undefined || receipt.problems.length === 0) return item;
  const problems = receipt.problems.filter(({ resource }) => caller.sees(resource as ResourceKey));
  return { ...item, receipt: { ...receipt, problems } };
}

function statuses(plane: Plane): ProxyStatus[] {
  const { receipts, registry } = plane;
  const items = [...registry.registry.proxies.values()].map((known): ProxyStatus => {
    const { heartbeat, state, lastSeen } = known;
    const receipt = receipts.receipts.newest(heartbeat.proxy);
    const withheld = registry.registry.announcements.withheld(heartbeat.proxy);
    return {
      proxy: heartbeat.proxy,
      state,
      heartbeat,
      ...behindOf(plane, heartbeat, receipt),
      lastSeen,
      ...(receipt === undefined ? {} : { receipt }),
      ...(withheld === undefined ? {} : { withheld }),
    };
  });
  return items.sort(
    (a, b) => rankOf(a) - rankOf(b) || b.behind - a.behind || (a.proxy < b.proxy ? -1 : 1),
  );
}

/** Revisions that a proxy has not reached, by its heartbeat or, which is quicker, its receipt. */
function behindOf(
  { history }: Plane,
  heartbeat: Heartbeat,
  receipt: Receipt | undefined,
): Pick<ProxyStatus, 'behind' | 'behindSince'> {
  const reached = [heartbeat.revision];
  if (receipt?.instance === heartbeat.instance && receipt.result !== 'rejected') {
    reached.push(receipt.revision);
  }
  const sequences = reached
    .filter(({ epoch }) => epoch === history.epoch)
    .map(({ sequence }) => sequence);
  const missing = history.since(Math.max(0, ...sequences));
  const [first] = missing;
  return { behind: missing.length, ...(first === undefined ? {} : { behindSince: first.time }) };
}

/** First who needs a look: behind, not all applied or not used; then gone; who left comes last. */
function rankOf({ state, behind, receipt, withheld }: ProxyStatus): number {
  if (state === 'left') return 3;
  if (state === 'gone') return 1;
  if (behind > 0 || withheld !== undefined) return 0;
  return receipt !== undefined && receipt.result !== 'applied' ? 0 : 2;
}
