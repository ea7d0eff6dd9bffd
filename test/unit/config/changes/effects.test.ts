import { refOf, type ResourceKey } from '#contracts/names.ts';
import { expect, test } from 'vitest';
import { type AudienceProxy, effectsOf } from '../../../../services/config/changes/effects.ts';
import { World, gateway, namespace, own, route, rule, service } from '../../proxy/support/world.ts';

const PROXIES: AudienceProxy[] = [
  { proxy: 'edge-1', role: 'gateway', workload: '' },
  { proxy: 'cart-1', role: 'sidecar', workload: 'shop/cart' },
  { proxy: 'app-1', role: 'fused', workload: 'shop/app' },
  { proxy: 'bank-1', role: 'sidecar', workload: 'bank/vault' },
  // Known from its receipts alone: what it serves is not known either.
  { proxy: 'unheard' },
];

function world(): World {
  return new World(
    ...['shop', 'bank'].map((name) => namespace(name)),
    ...['app', 'cart', 'bank/vault'].map((name) => service(name)),
    gateway('edge', [{}]),
    route('front', { rules: [rule('/', 'app')] }),
  );
}

/** `edge-1: listeners; cart-1: calls` of one change, and what it names. */
function told(documents: object[], deletes: ResourceKey[] = []) {
  const now = world();
  const before = now.snapshot;
  now.change(documents, deletes.map(refOf));
  const { snapshot: after, state } = now;
  const effects = effectsOf({ before, after, state, proxies: PROXIES });
  const who = effects.proxies.map(({ proxy, why }) => `${proxy}: ${why.join(', ')}`);
  expect(effects.proxyCount).toBe(PROXIES.length);
  return { who, listeners: effects.listeners, services: effects.services };
}

const meshRoute = (name: string, parent: string, parentSpace?: string): object =>
  route(name, {
    parentRefs: [
      {
        ...{ group: '', kind: 'Service', name: parent },
        ...(parentSpace === undefined ? {} : { namespace: parentSpace }),
      },
    ],
    rules: [rule('/', parent === 'vault' ? 'cart' : 'app')],
  });

test('a route of a Gateway is the business of gateways', () => {
  expect(told([route('front', { rules: [rule('/', 'cart')] })])).toEqual({
    who: ['app-1: listeners', 'edge-1: listeners'],
    listeners: ['Gateway/shop/edge/http'],
    services: [],
  });
  expect(told([], ['HTTPRoute/shop/front']).listeners).toEqual(['Gateway/shop/edge/http']);
});

test('a Service is the business of its sidecars, of all callers, and of edges that route', () => {
  expect(told([service('cart', [{ port: 81 }])]).who).toEqual([
    'app-1: calls',
    'bank-1: calls',
    'cart-1: inbound, calls',
  ]);
  // Its routes are compiled again too.
  expect(told([service('app', [{ port: 80 }, { name: 'b', port: 81 }])])).toEqual({
    who: [
      'app-1: listeners, inbound, calls',
      'bank-1: calls',
      'cart-1: calls',
      'edge-1: listeners, calls',
    ],
    listeners: ['Gateway/shop/edge/http'],
    services: ['shop/app'],
  });
  const policy = {
    targetRefs: [{ kind: 'Service', name: 'app' }],
    loadBalancing: { type: 'Random' },
  };
  expect(told([own('TrafficPolicy', 'p', policy)])).toEqual({
    who: ['app-1: inbound, calls', 'bank-1: calls', 'cart-1: calls', 'edge-1: calls'],
    listeners: [],
    services: ['shop/app'],
  });
});

test('a mesh route is for every caller, one of a consumer’s namespace for its own', () => {
  expect(told([meshRoute('r', 'cart')])).toEqual({
    who: ['app-1: calls', 'bank-1: calls', 'cart-1: calls'],
    listeners: [],
    services: ['shop/cart'],
  });
  expect(told([meshRoute('r', 'vault', 'bank')])).toEqual({
    who: ['app-1: calls', 'cart-1: calls'],
    listeners: [],
    services: ['bank/vault'],
  });
});

test('keys of consumers, and settings of the mesh', () => {
  const consumer = {
    ...{ apiVersion: 'windrose.dev/v1', kind: 'Consumer' },
    metadata: { name: 'c', namespace: 'shop' },
    spec: { credentials: [{ type: 'APIKey', id: 'k', sha256: 'a'.repeat(64) }] },
  };
  expect(told([consumer]).who).toEqual(['app-1: keys', 'cart-1: keys', 'edge-1: keys']);
  const mesh = {
    ...{ apiVersion: 'windrose.dev/v1', kind: 'Mesh', metadata: { name: 'default' } },
    spec: { endpointCidrs: ['10.0.0.0/8'] },
  };
  expect(told([mesh]).who).toEqual(['app-1: mesh', 'bank-1: mesh', 'cart-1: mesh', 'edge-1: mesh']);
});

test('what nobody serves differently is nobody’s business', () => {
  expect(told([namespace('other')])).toEqual({ who: [], listeners: [], services: [] });
});
