import { describe, expect, it, test } from 'vitest';
import { decide } from '#proxy/pure.ts';
import { World, gateway, request, route, rule, service } from '../support/world.ts';

const PORTS = [
  { name: 'http', port: 80 },
  { name: 'admin', port: 8080 },
];

const to = (name: string, more: object = {}): object[] => [
  { kind: 'Service', group: '', name, ...more },
];

type Fields = Parameters<typeof request>[0];

/** What becomes of a call: a rule, a Service itself, or why nothing. */
function called({ snapshot }: World, from: string, fields: Fields): string {
  const view = request({ direction: 'outbound', listener: 'outbound', ...fields });
  const decision = decide({ snapshot, sockets: new Map(), service: from, request: view });
  switch (decision.kind) {
    case 'rule':
      return `${decision.match.leadsTo.route} ${decision.service?.name ?? ''}`;
    case 'service':
      return `${decision.service.name}:${decision.port}`;
    case 'none':
      return decision.message;
    default:
      return decision.kind;
  }
}

function streamRoute(kind: 'TCPRoute' | 'TLSRoute', name: string, spec: object): object {
  const version = kind === 'TCPRoute' ? 'v1alpha2' : 'v1';
  const [namespace, short] = name.includes('/') ? name.split('/') : ['shop', name];
  return {
    apiVersion: `gateway.networking.k8s.io/${version}`,
    kind,
    metadata: { name: short, namespace },
    spec: { rules: [{ backendRefs: [{ name: 'app', port: 80 }] }], ...spec },
  };
}

describe('producer and consumer routes', () => {
  const world = new World(
    service('app', PORTS),
    service('bank/ledger'),
    route('producer', { parentRefs: to('app'), rules: [rule('/', 'app'), rule('/p', 'app')] }),
    route('bank/consumer', {
      parentRefs: to('app', { namespace: 'shop', port: 80 }),
      rules: [
        rule('/c', 'app', { backendRefs: [{ name: 'app', namespace: 'shop', port: 80 }] }),
        rule('/own', 'ledger'),
      ],
    }),
  );

  it('compile without a grant, also to backends of another namespace', () => {
    expect(world.findings).toEqual([]);
    const decision = decide({
      ...{ snapshot: world.snapshot, sockets: new Map(), service: 'bank/web' },
      request: request({ direction: 'outbound', host: 'app.shop', path: '/c' }),
    });
    const backends = decision.kind === 'rule' ? decision.match.leadsTo.backends : [];
    expect(backends).toMatchObject([{ service: 'shop/app', port: 80, valid: true }]);
  });

  it.each([
    [
      'a caller of the namespace of the Service has those of the producer',
      'shop/web',
      '/c',
      'shop/producer',
    ],
    ['so has one of a third namespace', 'other/web', '/c', 'shop/producer'],
    [
      'one of the namespace of a consumer has those of the consumer',
      'bank/web',
      '/c',
      'bank/consumer',
    ],
  ])('%s', (_, from, path, winner) => {
    expect(called(world, from, { host: 'app.shop', path })).toBe(`${winner} shop/app`);
  });

  it('are not merged: what a consumer leaves open the producer does not take', () => {
    expect(called(world, 'bank/web', { host: 'app.shop', path: '/p' })).toBe(
      'no route of this Service matches',
    );
  });

  it('give way port by port', () => {
    const admin = { host: 'app.shop', port: 8080, path: '/c' };
    expect(called(world, 'bank/web', admin)).toBe('shop/producer shop/app');
  });

  it('leave nothing behind when they go', () => {
    const gone = new World(...[...world.state.entries.values()].map((entry) => entry.resource));
    gone.delete({ kind: 'HTTPRoute', namespace: 'bank', name: 'consumer' });
    expect(called(gone, 'bank/web', { host: 'app.shop', path: '/p' })).toBe(
      'shop/producer shop/app',
    );
    gone.delete({ kind: 'HTTPRoute', namespace: 'shop', name: 'producer' });
    expect(called(gone, 'bank/web', { host: 'app.shop', path: '/p' })).toBe('shop/app:80');
    expect([...gone.snapshot.meshRoutes.entries()]).toEqual([]);
  });
});

describe('a route of a Service', () => {
  it.each([
    ['by port', { port: 8080 }, [false, true]],
    ['by the name of a port', { sectionName: 'http' }, [true, false]],
    ['by both, which fit', { sectionName: 'admin', port: 8080 }, [false, true]],
    ['by neither: all', {}, [true, true]],
  ])('holds for ports that it names %s', (_, more, held) => {
    const world = new World(
      service('app', PORTS),
      route('r', { parentRefs: to('app', more), rules: [rule('/', 'app')] }),
    );
    expect(world.findings).toEqual([]);
    const ports = [80, 8080].map((port) => called(world, 'shop/web', { host: 'app', port }));
    expect(ports.map((said) => said === 'shop/r shop/app')).toEqual(held);
  });

  it('finds no port by two names that do not fit', () => {
    const world = new World(
      service('app', PORTS),
      route('r', {
        parentRefs: to('app', { sectionName: 'http', port: 8080 }),
        rules: [rule('/', 'app')],
      }),
    );
    expect(world.findings).toEqual([
      'HTTPRoute/shop/r spec.parentRefs[0].sectionName missing_reference',
    ]);
  });

  it('has hostnames that mean nothing: neither chosen by them nor refused for them', () => {
    const world = new World(
      gateway('edge', [{}]),
      service('app'),
      route('r', {
        parentRefs: [...to('app'), { name: 'edge' }],
        hostnames: ['elsewhere.test'],
        rules: [rule('/', 'app')],
      }),
    );
    expect(world.findings).toEqual([]);
    expect(called(world, 'shop/web', { host: 'app' })).toBe('shop/r shop/app');
    expect(called(world, 'shop/web', { host: 'elsewhere.test' })).toMatch('no Service');
  });
});

test.each([
  ['app', 80],
  ['app.shop', 80],
  ['app.shop.svc', 80],
  ['app.shop.svc.cluster.local', 80],
])('%s goes to the Service without routes, and 404 where routes match nothing', (host, port) => {
  const plain = new World(service('app', PORTS));
  const routed = new World(
    service('app', PORTS),
    route('r', { parentRefs: to('app', { port: 80 }), rules: [rule('/a', 'app')] }),
  );
  for (const asked of [undefined, port]) {
    expect(called(plain, 'shop/web', { host, port: asked })).toBe('shop/app:80');
    expect(called(routed, 'shop/web', { host, port: asked, path: '/a' })).toBe('shop/r shop/app');
    expect(called(routed, 'shop/web', { host, port: asked, path: '/b' })).toMatch('no route');
  }
  expect(called(routed, 'shop/web', { host, port: 8080 })).toBe('shop/app:8080');
  expect(called(plain, 'shop/web', { host, port: 81 })).toMatch('no such port');
});

describe('routes of several kinds on one port', () => {
  const http = route('http', { parentRefs: to('app', { port: 80 }), rules: [rule('/', 'app')] });
  const tls = streamRoute('TLSRoute', 'tls', { parentRefs: to('app'), hostnames: ['a.test'] });
  const tcp = streamRoute('TCPRoute', 'tcp', { parentRefs: to('app') });

  it('are of the most specific kind; the others keep their other ports and are told', () => {
    const world = new World(service('app', PORTS), http, tls);
    expect(world.findings).toEqual(['TLSRoute/shop/tls spec.parentRefs[0] conflict']);
    const stream = { host: 'app', isStream: true, protocol: 'tls' };
    expect(called(world, 'shop/web', { host: 'app' })).toBe('shop/http shop/app');
    expect(called(world, 'shop/web', { ...stream, port: 80 })).toMatch('HTTPRoute');
    expect(called(world, 'shop/web', { ...stream, port: 8080 })).toBe('shop/tls shop/app');
  });

  it('come back when what was more specific goes', () => {
    const world = new World(service('app', PORTS), http, tls, tcp);
    expect(world.findings).toEqual([
      'TCPRoute/shop/tcp spec.parentRefs[0] conflict',
      'TLSRoute/shop/tls spec.parentRefs[0] conflict',
    ]);
    const stream = { host: 'app', isStream: true, protocol: 'tcp', port: 80 };
    world.delete({ kind: 'HTTPRoute', namespace: 'shop', name: 'http' });
    expect(called(world, 'shop/web', { ...stream, protocol: 'tls' })).toBe('shop/tls shop/app');
    expect(called(world, 'shop/web', stream)).toMatch('TLSRoute');
    world.delete({ kind: 'TLSRoute', namespace: 'shop', name: 'tls' });
    expect(world.findings).toEqual([]);
    expect(called(world, 'shop/web', stream)).toBe('shop/tcp shop/app');
    expect(called(world, 'shop/web', { host: 'app', path: '/any' })).toBe('shop/tcp shop/app');
    world.apply(http);
    expect(world.findings).toEqual(['TCPRoute/shop/tcp spec.parentRefs[0] conflict']);
    expect(called(world, 'shop/web', { host: 'app' })).toBe('shop/http shop/app');
  });

  it('do not meet between producers and consumers', () => {
    const consumer = streamRoute('TCPRoute', 'bank/tcp', {
      parentRefs: to('app', { namespace: 'shop' }),
      rules: [{ backendRefs: [{ name: 'app', namespace: 'shop', port: 80 }] }],
    });
    const world = new World(service('app', PORTS), http, consumer);
    expect(world.findings).toEqual([]);
    expect(called(world, 'bank/web', { host: 'app.shop' })).toBe('bank/tcp shop/app');
    expect(called(world, 'shop/web', { host: 'app' })).toBe('shop/http shop/app');
  });
});
