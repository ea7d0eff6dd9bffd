import type { FastifyInstance } from 'fastify';
import type { ProxyList, ProxyStatus, ReceiptBoard } from '#contracts/api/config.ts';
import type { Heartbeat, Receipt, ServiceEndpoints } from '#contracts/events.ts';
import { HttpProblem } from '#platform/http.ts';
import { findRevision, headOf } from '../changes/revisions.ts';
import type { Plane } from '../plane.ts';
import type { RouteContext } from './routes.ts';
import { RevisionParams, answers } from './schemas.ts';

export function addProxyRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get(
    '/v1/proxies',
    { schema: { tags: ['proxies'], summary: 'Every proxy, stragglers first', ...answers } },
    (): ProxyList => {
      const plane = context.plane();
      return { revision: headOf(plane.log), items: statuses(plane) };
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
    (): { items: ServiceEndpoints[] } => {
      const { registry } = context.plane().registry;
      const time = new Date(context.clock.wallMs()).toISOString();
      return {
        items: [...registry.sets.services()].sort().map((service) => ({
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
      const board = (): ReceiptBoard => plane.receipts.board(sequence);
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
      behind: behindOf(plane, heartbeat, receipt),
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
function behindOf({ history }: Plane, heartbeat: Heartbeat, receipt: Receipt | undefined): number {
  const reached = [heartbeat.revision];
  if (receipt?.instance === heartbeat.instance && receipt.result !== 'rejected') {
    reached.push(receipt.revision);
  }
  const sequences = reached
    .filter(({ epoch }) => epoch === history.epoch)
    .map(({ sequence }) => sequence);
  return history.since(Math.max(0, ...sequences)).length;
}

/** First who needs a look: behind, not all applied or not used; then gone; who left comes last. */
function rankOf({ state, behind, receipt, withheld }: ProxyStatus): number {
  if (state === 'left') return 3;
  if (state === 'gone') return 1;
  if (behind > 0 || withheld !== undefined) return 0;
  return receipt !== undefined && receipt.result !== 'applied' ? 0 : 2;
}
