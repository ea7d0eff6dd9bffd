import { expect, test } from 'vitest';
import { statusesOf } from '#proxy/snapshot/statuses.ts';
import { World, gateway, namespace, route, rule, service } from '../support/world.ts';

test('every resource of a state that has a status has it here, by its key', () => {
  const world = new World(
    namespace('shop'),
    service('app'),
    gateway('edge', [{}]),
    route('r', { rules: [rule('/', 'app')] }),
  );
  world.apply(gateway('edge', [{ port: 81 }]));
  const live = { problems: [], address: '127.0.0.1' };
  const list = statusesOf(world.state.entries, world.snapshot.revision, live);
  expect(list.map(({ kind, metadata }) => [kind, metadata])).toEqual([
    ['Gateway', { namespace: 'shop', name: 'edge', generation: 2 }],
    ['HTTPRoute', { namespace: 'shop', name: 'r', generation: 1 }],
    ['Service', { namespace: 'shop', name: 'app', generation: 1 }],
  ]);
  expect(list[0]?.status).toMatchObject({
    addresses: [{ type: 'IPAddress', value: '127.0.0.1' }],
    listeners: [{ name: 'http', attachedRoutes: 1 }],
  });
});
