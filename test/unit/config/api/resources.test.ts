import fastify from 'fastify';
import { expect, test } from 'vitest';
import type { ResourceList } from '#contracts/api/config.ts';
import type { GatewayStatus, RouteStatus } from '#contracts/resources/index.ts';
import { readResource } from '#contracts/resources/read.ts';
import { addGuard } from '#platform/access/guard.ts';
import { addResourceRoutes } from '../../../../services/config/api/resources.ts';
import type { RouteContext } from '../../../../services/config/api/routes.ts';
import { Compiler } from '../../../../services/config/changes/compiler.ts';
import { World, gateway, namespace, route, rule, service } from '../../proxy/support/world.ts';

const UP = 'edge-1';

/** The part of a plane that resources are read from; one proxy is up, with these problems. */
function appOver({ state }: World, problems: object[]) {
  const plane = {
    history: { headSequence: state.sequence, state, revisionOf: (at: number) => `1-${at}` },
    compiler: new Compiler(
      state,
      () => 1,
      () => 0,
    ),
    registry: { registry: { up: () => [{ heartbeat: { proxy: UP } }] } },
    receipts: {
      receipts: { inForce: (proxy: string) => (proxy === UP ? { problems } : undefined) },
    },
  };
  const app = fastify();
  addGuard(app, undefined);
  addResourceRoutes(app, { plane: () => plane } as unknown as RouteContext);
  return app;
}

test('resources come with their status, and with what the proxies say of it', async () => {
  const world = new World(
    namespace('shop'),
    service('app'),
    gateway('edge', [{}]),
    route('r', { rules: [rule('/', 'app')] }),
  );
  const app = appOver(world, [
    {
      resource: 'Gateway/shop/edge',
      path: 'spec.listeners[name=http].port',
      reason: 'cannot_apply',
      message: 'port 80 is in use',
    },
  ]);
  const { items } = (await app.inject('/v1/resources')).json<ResourceList>();
  expect(items.map(({ kind, status }) => [kind, status !== undefined])).toEqual([
    ['Gateway', true],
    ['HTTPRoute', true],
    ['Namespace', false],
    ['Service', true],
  ]);
  const [edge, shown] = items.map(({ status }) => status);
  expect((edge as GatewayStatus).listeners[0]?.conditions.at(-1)).toMatchObject({
    ...{ type: 'Programmed', status: 'False', reason: 'PortUnavailable' },
    message: 'spec.listeners[name=http].port: port 80 is in use (proxy edge-1)',
  });
  expect((shown as RouteStatus).parents).toHaveLength(1);
  for (const item of items) {
    const read = readResource(item, 'shown');
    expect(read.ok && 'status' in read.resource).toBe(false);
    expect(read.ok).toBe(true);
  }
});
