import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Plane, failed, head, said } from './support/plane.ts';
import { World, announced, gateway, own, route, rule, service, slice } from './support/world.ts';

const KEY = 'secret';
const CONSUMER = own('Consumer', 'acme', {
  credentials: [{ type: 'APIKey', id: 'k', sha256: hash('sha256', KEY) }],
});
const keysOn = (kind: string, name: string, more: object = {}) =>
  own('AuthenticationPolicy', `keys-${name}`, {
    targetRefs: [{ kind, name, ...more }],
    apiKey: {},
  });
const A = announced('127.0.0.1');
const B = announced('127.0.0.2');
const SIDECAR = { role: 'sidecar', service: 'shop/web' } as const;
const OUT = { direction: 'outbound', listener: 'outbound', host: 'app' } as const;
const IN = { direction: 'inbound', listener: 'inbound', host: 'app' } as const;

const edgeWorld = (...more: object[]) =>
  new World(
    gateway('edge', [{ name: 'http' }, { name: 'wild', hostname: '*.b.test' }]),
    service('app'),
    route('r', { hostnames: ['shop.example'], rules: [rule('/a', 'app', { name: 'first' })] }),
    ...more,
  );

describe('edge', () => {
  it('writes down what was decided', async () => {
    const plane = new Plane(edgeWorld().snapshot).announce('shop/app', A);
    const { said: status, asked } = await plane.ask({ path: '/a/b' });
    expect(status).toBe('200');
    expect(asked).toMatchObject({
      source: 'Gateway/shop/edge',
      route: 'shop/r',
      rule: 'first',
      pathTemplate: '/a',
      backend: 'shop/app:80',
      destination: 'shop/app',
      endpoint: '127.0.0.1:9000',
      reason: 'ok',
    });
    expect(asked.request.listener).toBe('Gateway/shop/edge/http');
  });

  it('says no_route for an unknown socket, host or path, with what it knew', async () => {
    const plane = new Plane(edgeWorld().snapshot).announce('shop/app', A);
    expect((await plane.ask({ listener: ':81' })).said).toBe('404 no_route');
    const { said: status, asked } = await plane.ask({ path: '/b' });
    expect(status).toBe('404 no_route');
    expect(asked.request.listener).toBe('Gateway/shop/edge/http');
    expect(asked.source).toBe('Gateway/shop/edge');
    // The more specific listener has the host to itself, and no route.
    expect((await plane.ask({ host: 'x.b.test', path: '/a' })).asked.request.listener).toBe(
      'Gateway/shop/edge/wild',
    );
    expect(plane.tries).toHaveLength(0);
  });

  it('serves the Gateways of its scope only', async () => {
    const world = edgeWorld(gateway('other', [{}]));
    const plane = new Plane(world.snapshot, { gateways: ['shop/other'] }).announce('shop/app', A);
    expect((await plane.ask({ path: '/a' })).said).toBe('404 no_route');
    const both = new Plane(world.snapshot).announce('shop/app', A);
    expect((await both.ask({ path: '/a' })).said).toBe('200');
  });

  it('applies header filters to what is sent, never to what is decided on', async () => {
    const filters = [
      {
        type: 'RequestHeaderModifier',
        requestHeaderModifier: { set: [{ name: 'x-to', value: 'app' }], remove: ['x-from'] },
      },
      {
        type: 'ResponseHeaderModifier',
        responseHeaderModifier: { add: [{ name: 'x-by', value: 'edge' }], remove: ['server'] },
      },
    ];
    const world = edgeWorld(route('f', { rules: [rule('/f', 'app', { filters })] }));
    const plane = new Plane(world.snapshot).announce('shop/app', A);
    plane.answer = head(200, { server: 'secret' });
    const { asked, outcome } = await plane.ask({ path: '/f', headers: { 'x-from': 'me' } });
    expect(plane.tries[0]?.headers.toRaw()).toEqual(['x-to', 'app']);
    expect(asked.request.headers.get('x-from')).toBe('me');
    expect(outcome.kind === 'head' && outcome.head.headers.toRaw()).toEqual(['x-by', 'edge']);
  });

  it('a backend that is not there fails its share, the rest is served', async () => {
    const backendRefs = [
      { name: 'app', port: 80, weight: 1 },
      { name: 'nope', port: 80, weight: 1 },
    ];
    const world = edgeWorld(route('w', { rules: [rule('/w', 'app', { backendRefs })] }));
    const plane = new Plane(world.snapshot).announce('shop/app', A);
    const answers = new Map<string, number>();
    for (let i = 0; i < 200; i++) {
      const { said: answer } = await plane.ask({ path: '/w' });
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
    expect([...answers.keys()].sort()).toEqual(['200', '500 invalid_backend']);
    expect(Math.abs((answers.get('200') ?? 0) - 100)).toBeLessThan(30);
  });

  it.each([
    ['no backends', { backendRefs: [] }, '500 invalid_backend'],
    [
      'all weights 0',
      { backendRefs: [{ name: 'app', port: 80, weight: 0 }] },
      '500 invalid_backend',
    ],
    [
      'a filter that cannot run',
      { filters: [{ type: 'RequestHeaderModifier' }] },
      '500 invalid_backend',
    ],
  ])('%s', async (_, more, expected) => {
    const world = edgeWorld(route('w', { rules: [rule('/w', 'app', more)] }));
    const plane = new Plane(world.snapshot).announce('shop/app', A);
    expect((await plane.ask({ path: '/w' })).said).toBe(expected);
    expect(plane.tries).toHaveLength(0);
  });

  it('says no_endpoint when there is none', async () => {
    const plane = new Plane(edgeWorld().snapshot);
    expect((await plane.ask({ path: '/a' })).said).toBe('503 no_endpoint');
    plane.announce('shop/app', A);
    expect((await plane.ask({ path: '/a' })).said).toBe('200');
    plane.announce('shop/app');
    expect((await plane.ask({ path: '/a' })).said).toBe('503 no_endpoint');
  });
});

describe('outbound', () => {
  const world = new World(
    service('app', [
      { name: 'admin', port: 8080 },
      { name: 'http', port: 80 },
    ]),
    service('v2'),
    service('bank/app', [{ port: 9090 }]),
  );

  it.each([
    ['app', undefined, '200', 'shop/app:80'],
    ['app', 8080, '200', 'shop/app:8080'],
    ['app', 81, '404 no_route', ''],
    ['app.bank', undefined, '200', 'bank/app:9090'],
    ['app.bank.svc.cluster.local', 9090, '200', 'bank/app:9090'],
    ['nope', undefined, '404 no_route', ''],
    ['example.com', undefined, '404 no_route', ''],
  ])('%s:%s', async (host, port, status, backend) => {
    const plane = new Plane(world.snapshot, SIDECAR);
    plane.announce('shop/app', A).announce('bank/app', B);
    const { said: got, asked } = await plane.ask({ ...OUT, host, port }, { source: 'shop/web' });
    expect([got, asked.backend, asked.source]).toEqual([status, backend, 'shop/web']);
  });

  it('a Service with mesh routes answers 404 to what matches none of them', async () => {
    const routed = new World(
      service('app', [
        { name: 'http', port: 80 },
        { name: 'admin', port: 8080 },
      ]),
      service('v2'),
      route('mesh', {
        parentRefs: [{ kind: 'Service', group: '', name: 'app', port: 80 }],
        rules: [rule('/v2', 'v2')],
      }),
    );
    const plane = new Plane(routed.snapshot, SIDECAR);
    plane.announce('shop/app', A).announce('shop/v2', B);
    const { asked } = await plane.ask({ ...OUT, path: '/v2/x' });
    expect(asked).toMatchObject({
      destination: 'shop/app',
      backend: 'shop/v2:80',
      endpoint: '127.0.0.2:9000',
      route: 'shop/mesh',
    });
    const missed = await plane.ask({ ...OUT, path: '/' });
    expect([missed.said, missed.asked.destination]).toEqual(['404 no_route', 'shop/app']);
    expect((await plane.ask({ ...OUT, port: 8080 })).said).toBe('200');
  });

  it('stays closed when none of its routes could be compiled', async () => {
    const broken = new World(
      service('app'),
      route('mesh', {
        parentRefs: [{ kind: 'Service', group: '', name: 'app' }],
        rules: [
          rule('/', 'app', { matches: [{ path: { type: 'RegularExpression', value: '[' } }] }),
        ],
      }),
    );
    const plane = new Plane(broken.snapshot, SIDECAR).announce('shop/app', A);
    expect((await plane.ask(OUT)).said).toBe('404 no_route');
  });
});

describe('inbound', () => {
  const app = { address: '127.0.0.1', port: 3000, proxy: '', zone: '' };
  const world = new World(service('app'), CONSUMER, keysOn('Service', 'app'));
  const inbound = (scope: object = {}) =>
    new Plane(world.snapshot, { role: 'sidecar', service: 'shop/app', ...scope }, { app });

  it('forwards to the application whatever the host says', async () => {
    const { said: status, asked } = await inbound().ask({
      ...IN,
      host: 'anything',
      headers: { 'x-api-key': KEY },
    });
    expect(status).toBe('200');
    expect(asked).toMatchObject({
      destination: 'shop/app',
      backend: 'shop/app:80',
      endpoint: '127.0.0.1:3000',
      consumer: 'shop/acme',
    });
  });

  it('enforces what is attached to its Service', async () => {
    expect((await inbound().ask(IN)).said).toBe('401 unauthenticated');
  });

  it('is closed when its Service is not configured', async () => {
    expect((await inbound({ service: 'shop/other' }).ask(IN)).said).toBe('404 no_route');
  });

  it('says why the application did not answer, and does not try twice', async () => {
    const plane = inbound();
    plane.answer = failed('upstream_refused');
    const { said: status } = await plane.ask({ ...IN, headers: { 'x-api-key': KEY } });
    expect(status).toBe('503 upstream_refused');
    expect(plane.tries).toHaveLength(1);
  });
});

describe('where security policies act (SEMANTICS.md)', () => {
  const secured = new World(
    gateway('edge', [{}]),
    service('app'),
    route('r', { rules: [rule('/', 'app')] }),
    CONSUMER,
    keysOn('Service', 'app'),
  );

  it('what is attached to a Service is left to the sidecar of the endpoint', async () => {
    const edge = new Plane(secured.snapshot).announce('shop/app', A);
    expect((await edge.ask()).said).toBe('200');
    const caller = new Plane(secured.snapshot, SIDECAR).announce('shop/app', A);
    expect((await caller.ask(OUT)).said).toBe('200');
  });

  it('and is enforced by the caller or the edge where there is no sidecar', async () => {
    const declared = secured.apply(slice('app', ['127.0.0.1']));
    const caller = new Plane(declared.snapshot, SIDECAR);
    expect((await caller.ask(OUT)).said).toBe('401 unauthenticated');
    expect(caller.tries).toHaveLength(0);
    const edge = new Plane(declared.snapshot);
    expect((await edge.ask()).said).toBe('401 unauthenticated');
    expect(edge.tries).toHaveLength(0);
    const { said: status } = await edge.ask({ headers: { 'x-api-key': KEY } });
    expect(status).toBe('200');
    expect(edge.tries[0]?.headers.has('x-api-key')).toBe(false);
  });

  it('a mesh route to another Service does not get around the called one', async () => {
    const split = new World(
      service('app'),
      service('v2'),
      CONSUMER,
      keysOn('Service', 'app'),
      route('mesh', {
        parentRefs: [{ kind: 'Service', group: '', name: 'app' }],
        rules: [rule('/', 'v2')],
      }),
    );
    const plane = new Plane(split.snapshot, SIDECAR).announce('shop/v2', A);
    expect((await plane.ask(OUT)).said).toBe('401 unauthenticated');
    expect((await plane.ask({ ...OUT, headers: { 'x-api-key': KEY } })).said).toBe('200');
  });

  it('every level of the edge acts: Gateway, listener, route and rule', async () => {
    const header = (name: string) => ({ apiKey: { headers: [name] } });
    const policy = (name: string, target: object) =>
      own('AuthenticationPolicy', name, { targetRefs: [target], ...header(name) });
    const world = new World(
      gateway('edge', [{}]),
      service('app'),
      route('r', { rules: [rule('/', 'app', { name: 'one' }), rule('/free', 'app')] }),
      CONSUMER,
      policy('x-gateway', { kind: 'Gateway', name: 'edge' }),
      policy('x-listener', { kind: 'Gateway', name: 'edge', sectionName: 'http' }),
      policy('x-route', { kind: 'HTTPRoute', name: 'r' }),
      policy('x-rule', { kind: 'HTTPRoute', name: 'r', sectionName: 'one' }),
    );
    const plane = new Plane(world.snapshot).announce('shop/app', A);
    const all = ['x-gateway', 'x-listener', 'x-route', 'x-rule'];
    const keys = (names: string[]) => Object.fromEntries(names.map((name) => [name, KEY]));
    expect((await plane.ask({ headers: keys(all) })).said).toBe('200');
    for (const missing of all) {
      const headers = keys(all.filter((name) => name !== missing));
      expect((await plane.ask({ headers })).said, missing).toBe('401 unauthenticated');
    }
    const headers = keys(['x-gateway', 'x-listener', 'x-route']);
    expect((await plane.ask({ path: '/free', headers })).said).toBe('200');
  });

  it('a key that the callee has to see as well is passed on to its proxy only', async () => {
    const both = new World(
      gateway('edge', [{}]),
      service('app'),
      route('r', { rules: [rule('/', 'app')] }),
      CONSUMER,
      keysOn('HTTPRoute', 'r'),
      keysOn('Service', 'app'),
    );
    const plane = new Plane(both.snapshot).announce('shop/app', A);
    await plane.ask({ headers: { 'x-api-key': KEY } });
    both.apply(slice('app', ['127.0.0.7']));
    plane.plane.swap(both.snapshot);
    plane.announce('shop/app');
    await plane.ask({ headers: { 'x-api-key': KEY } });
    expect(plane.tries.map(({ headers }) => headers.has('x-api-key'))).toEqual([true, false]);
  });

  it('a key asked for at one port of a Service, which cannot be kept, closes it', async () => {
    const targetRefs = [{ kind: 'Service', name: 'app', sectionName: 'http' }];
    const world = edgeWorld(own('AuthenticationPolicy', 'port', { targetRefs, apiKey: {} }));
    const plane = new Plane(world.snapshot);
    world.apply(slice('app', ['127.0.0.7']));
    plane.plane.swap(world.snapshot);
    expect((await plane.ask({ path: '/a' })).said).toBe('503 policy_unavailable');
    world.delete({ kind: 'AuthenticationPolicy', namespace: 'shop', name: 'port' });
    plane.plane.swap(world.snapshot);
    expect((await plane.ask({ path: '/a' })).said).toBe('200');
  });

  it('a limit that cannot be kept closes its target, and only that', async () => {
    const limits = [{ name: 'l', requests: 1, per: '0s' }];
    const targetRefs = [{ kind: 'HTTPRoute', name: 'r', sectionName: 'first' }];
    const world = edgeWorld(
      own('RateLimitPolicy', 'bad', { targetRefs, limits }),
      route('open', { rules: [rule('/open', 'app')] }),
    );
    const plane = new Plane(world.snapshot).announce('shop/app', A);
    expect((await plane.ask({ path: '/a' })).said).toBe('503 policy_unavailable');
    expect((await plane.ask({ path: '/open' })).said).toBe('200');
  });
});

describe('a snapshot swap', () => {
  it('does not reach an exchange that has begun (F03)', async () => {
    const world = edgeWorld();
    const plane = new Plane(world.snapshot).announce('shop/app', A);
    const begun = plane.make({ path: '/a' });
    world.delete({ kind: 'HTTPRoute', namespace: 'shop', name: 'r' });
    plane.plane.swap(world.snapshot);
    expect(said(await plane.handle(begun))).toBe('200');
    expect((await plane.ask({ path: '/a' })).said).toBe('404 no_route');
  });

  it('keeps load and health of endpoints that stay', async () => {
    const world = edgeWorld();
    const plane = new Plane(world.snapshot).announce('shop/app', A, B);
    const held = plane.make({ path: '/a' });
    await plane.handle(held);
    world.apply(
      own('TrafficPolicy', 't', {
        targetRefs: [{ kind: 'Service', name: 'app' }],
        loadBalancing: { type: 'RoundRobin' },
      }),
    );
    plane.plane.swap(world.snapshot);
    const load = () => plane.plane.endpoints().map(({ inFlight }) => inFlight);
    expect(load().toSorted((a, b) => a - b)).toEqual([0, 1]);
    plane.plane.release(held, { aborted: false });
    plane.plane.release(held, { aborted: false });
    expect(load()).toEqual([0, 0]);
  });
});

describe('a mistake of ours (F21)', () => {
  it('costs that request only, and gives its places back', async () => {
    const plane = new Plane(edgeWorld().snapshot).announce('shop/app', A);
    const boom = new Error('boom');
    plane.answer = () => {
      throw boom;
    };
    const { said: status, asked } = await plane.ask({ path: '/a' });
    expect([status, asked.reason]).toEqual(['500 internal', 'internal']);
    expect(plane.errors).toEqual([boom]);
    expect(plane.plane.endpoints()[0]?.inFlight).toBe(0);
    plane.answer = head();
    expect((await plane.ask({ path: '/a' })).said).toBe('200');
  });
});
