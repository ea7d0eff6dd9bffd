import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { explain } from '#proxy/pure.ts';
import { NOW_MS, World, gateway, own, route, rule, service, slice } from '../support/world.ts';

const KEY = 'secret';
const world = new World(
  gateway('edge', [{ name: 'web', port: 7080 }], { addresses: [{ value: '127.0.0.1' }] }),
  gateway('inner', [{ name: 'web', port: 7080 }], { addresses: [{ value: '127.0.0.2' }] }),
  service('v1'),
  service('v2'),
  service('reviews'),
  slice('v1', ['127.0.0.5']),
  route('shop', {
    hostnames: ['shop.example'],
    rules: [
      rule('/', 'v1', { name: 'rest' }),
      rule('/reviews', 'v1', {
        name: 'reviews',
        timeouts: { request: '3s' },
        filters: [
          {
            type: 'RequestHeaderModifier',
            requestHeaderModifier: { set: [{ name: 'x-a', value: '1' }], remove: ['x-b'] },
          },
        ],
        backendRefs: [
          { name: 'v1', port: 80, weight: 90 },
          { name: 'v2', port: 80, weight: 10 },
        ],
      }),
      rule('/reviews', 'v2', {
        name: 'canary',
        matches: [{ path: { value: '/reviews' }, headers: [{ name: 'x-canary', value: 'yes' }] }],
      }),
    ],
  }),
  route('mesh', {
    parentRefs: [{ kind: 'Service', group: '', name: 'reviews' }],
    rules: [rule('/only', 'v2', { name: 'only' })],
  }),
  own('Consumer', 'acme', {
    credentials: [{ type: 'APIKey', id: 'k', sha256: hash('sha256', KEY) }],
  }),
  own('AuthenticationPolicy', 'keys', {
    targetRefs: [{ kind: 'HTTPRoute', name: 'shop', sectionName: 'reviews' }],
    apiKey: {},
  }),
  own('RateLimitPolicy', 'limits', {
    targetRefs: [{ kind: 'Gateway', name: 'edge' }],
    limits: [{ name: 'burst', key: ['consumer'], requests: 100, per: '1s', burst: 200 }],
  }),
  own('FaultPolicy', 'slow', {
    targetRefs: [{ kind: 'Service', name: 'v2' }],
    expires: '2026-06-01T00:00:00Z',
    delay: { percent: 10, fixed: '300ms' },
  }),
);
const ask = (url: string, more: object = {}, deps: object = {}) =>
  explain(world.snapshot, { method: 'GET', url, ...more }, { wallMs: NOW_MS, ...deps });

describe('explain', () => {
  it('says which rule, policies and backends a request meets, and why', () => {
    const told = ask('http://127.0.0.1:7080/reviews/7?a=1', {
      headers: { Host: 'shop.example', 'x-api-key': KEY },
    });
    expect(world.problems).toEqual([]);
    expect(told).toMatchObject({
      revision: '1-1',
      direction: 'edge',
      listener: 'Gateway/shop/edge/web',
      host: 'shop.example',
      path: '/reviews/7',
      match: { route: 'shop/shop', rule: 'reviews', matched: 'PathPrefix /reviews' },
      outcome: { forwarded: true, message: 'goes to shop/v1:80 or shop/v2:80' },
    });
    expect(told.lost).toEqual([
      { route: 'shop/shop', rule: 'canary', why: 'header x-canary is absent' },
      {
        route: 'shop/shop',
        rule: 'rest',
        why: 'it matches too, and a more specific or older match comes first',
      },
    ]);
    expect(told.steps).toEqual([
      {
        phase: 'authorize',
        name: 'AuthenticationPolicy/shop/keys',
        effect: 'needs an API key of a Consumer in shop in x-api-key',
      },
      {
        phase: 'limit',
        name: 'RateLimitPolicy/shop/limits',
        effect: 'limit burst: 100 requests per 1 s, burst 200, for each consumer',
      },
      { phase: 'forward', name: 'RequestHeaderModifier', effect: 'removes x-b, sets x-a: 1' },
      {
        phase: 'balance',
        name: 'FaultPolicy/shop/slow',
        effect: 'delays 10 % by 300 ms, until 2026-06-01T00:00:00.000Z',
      },
      {
        phase: 'balance',
        name: 'shop/v1',
        effect:
          'LeastRequest, at most 1024 requests in flight, ' +
          'an endpoint is out for 30 s after 5 errors',
      },
      {
        phase: 'forward',
        name: 'shop/v1',
        effect:
          'whole request 3 s, connect 5 s, response head without limit, ' +
          'up to 1 more on ConnectFailure, Reset',
      },
      expect.objectContaining({ phase: 'balance', name: 'shop/v2' }),
      expect.objectContaining({ phase: 'forward', name: 'shop/v2' }),
    ]);
    expect(told.backends).toEqual([
      {
        backend: 'shop/v1:80',
        weight: 90,
        share: 0.9,
        endpoints: [{ address: '127.0.0.5:8080', proxy: '', state: 'unknown' }],
      },
      { backend: 'shop/v2:80', weight: 10, share: 0.1, endpoints: [] },
    ]);
  });

  it('says what the proxy itself would answer', () => {
    const headers = { host: 'shop.example' };
    expect(ask('http://127.0.0.1:7080/reviews', { headers }).outcome).toEqual({
      forwarded: false,
      status: 401,
      reason: 'unauthenticated',
      message: 'this API needs a key',
    });
    expect(ask('http://other.example/').outcome).toMatchObject({ status: 404, reason: 'no_route' });
    expect(ask('http://shop.example:81/').outcome.message).toBe(
      'no listener here serves this host',
    );
    const empty = ask('http://shop.example/x', {}, { endpoints: () => [] });
    expect(empty.outcome).toMatchObject({ status: 503, reason: 'no_endpoint' });
  });

  it.each([
    [{}, '15 s'],
    [{ 'grpc-timeout': '10M' }, '15 s'],
    [{ 'content-type': 'application/grpc' }, '300 s'],
    [{ 'content-type': 'application/grpc', 'grpc-timeout': '2S' }, '2 s'],
    [{ 'content-type': 'application/grpc', 'grpc-timeout': '10M' }, '600 s'],
  ])('with the fields %j its head may take %s', (headers, time) => {
    const { steps } = ask('http://shop.example/x', { headers });
    const effects = steps.filter(({ phase }) => phase === 'forward').map(({ effect }) => effect);
    expect(effects).toEqual([expect.stringContaining(`response head ${time}, `)]);
  });

  it('shows the endpoints that are known', () => {
    const endpoint = { address: '127.0.0.9', port: 1, proxy: 'p', state: 'ejected' };
    const { backends } = ask('http://shop.example/x', {}, { endpoints: () => [endpoint] });
    expect(backends[0]?.endpoints).toEqual([
      { address: '127.0.0.9:1', proxy: 'p', state: 'ejected' },
    ]);
  });

  it('an address in the URL chooses the listener on it', () => {
    expect(ask('http://127.0.0.2:7080/').listener).toBe('Gateway/shop/inner/web');
    expect(ask('http://shop.example/', {}, { gateways: ['shop/inner'] }).listener).toBe(
      'Gateway/shop/inner/web',
    );
  });

  it('a workload asks its own outbound sidecar', () => {
    const told = ask('http://reviews/only/x', { from: 'shop/web' });
    expect(told).toMatchObject({
      direction: 'outbound',
      listener: 'outbound',
      match: { route: 'shop/mesh', rule: 'only' },
      backends: [{ backend: 'shop/v2:80', weight: 1, share: 1 }],
    });
    expect(ask('http://reviews/other', { from: 'shop/web' }).outcome).toMatchObject({
      status: 404,
      message: 'no route of this Service matches',
    });
    expect(ask('http://v1.shop/x', { from: 'bank/web' }).backends[0]?.backend).toBe('shop/v1:80');
  });

  it("a workload's own namespace decides first, and what that replaces is told", () => {
    const parentRefs = [{ kind: 'Service', name: 'app', namespace: 'shop' }];
    const backendRefs = [{ name: 'app', namespace: 'shop', port: 80 }];
    const { snapshot, findings } = new World(
      service('app'),
      route('producer', { parentRefs, rules: [rule('/', 'app')] }),
      route('bank/consumer', { parentRefs, rules: [rule('/a', 'app', { backendRefs })] }),
    );
    expect(findings).toEqual([]);
    const from = (workload: string, path: string) =>
      explain(
        snapshot,
        { method: 'GET', url: `http://app.shop${path}`, from: workload },
        { wallMs: NOW_MS },
      );
    expect(from('shop/web', '/a')).toMatchObject({ match: { route: 'shop/producer' }, lost: [] });
    const lost = [{ route: 'shop/producer', rule: '0', why: expect.stringMatching('producer') }];
    expect(from('bank/web', '/a')).toMatchObject({ match: { route: 'bank/consumer' }, lost });
    expect(from('bank/web', '/b')).toMatchObject({ lost, outcome: { status: 404 } });
  });

  it('a host that is no Service is refused, or goes where its name leads', () => {
    const outbound = (unknownHosts: string, url: string) => {
      const { snapshot } = new World(own('Mesh', 'demo', { outbound: { unknownHosts } }));
      const asked = { method: 'GET', url, from: 'shop/web' };
      return explain(snapshot, asked, { wallMs: NOW_MS }).outcome;
    };
    expect(outbound('Refuse', 'http://example.test/')).toMatchObject({ reason: 'no_route' });
    expect(outbound('Allow', 'http://example.test/')).toEqual({
      forwarded: true,
      message: 'goes to example.test:80, which is no Service of the mesh',
    });
    expect(outbound('Allow', 'https://example.test/').message).toMatch('example.test:443');
  });

  it('TLS of a workload goes on as bytes, which HTTPRoutes do not take', () => {
    const { snapshot } = new World(
      service('app', [
        { name: 'http', port: 80 },
        { name: 'tls', port: 443 },
      ]),
      route('r', {
        parentRefs: [{ kind: 'Service', name: 'app', port: 80 }],
        rules: [rule('/', 'app')],
      }),
    );
    const outcome = (url: string) =>
      explain(snapshot, { method: 'GET', url, from: 'shop/web' }, { wallMs: NOW_MS }).outcome;
    expect(outcome('https://app/').message).toBe('goes to shop/app:443');
    expect(outcome('https://app:80/')).toMatchObject({ status: 404, reason: 'no_route' });
  });

  it.each([
    ['http://shop.example/%2F', {}],
    ['/x', {}],
    ['ftp://shop.example/', {}],
    ['http://shop example/', {}],
    ['http://shop.example/', { headers: { host: 'a b' } }],
  ])('%s is no request', (url, more) => {
    const { outcome } = ask(url, more);
    expect(outcome).toMatchObject({ forwarded: false, status: 400, reason: 'bad_request' });
    expect(outcome.message).not.toBe('');
  });

  it('says how a listener departs from the defaults, and reads the request by its rules', () => {
    const edge = new World(
      gateway('edge', [{ name: 'a', hostname: 'a.example' }, { name: 'rest' }]),
      service('v1'),
      route('all', { rules: [rule('/', 'v1')] }),
      own('ListenerPolicy', 'kept', {
        targetRefs: [{ kind: 'Gateway', name: 'edge', sectionName: 'a' }],
        trustedHops: { cidrs: ['10.0.0.0/8'] },
        limits: { connections: 20_000, headerCount: 50 },
        timeouts: { keepAliveIdle: '30s', streamIdle: '1h' },
        paths: { escapedSlash: 'Keep' },
        headers: { underscores: 'Drop' },
      }),
    );
    const asked = (url: string, headers = {}) =>
      explain(edge.snapshot, { method: 'GET', url, headers }, { wallMs: NOW_MS });
    const told = asked('http://a.example/@a%2fb', { X_Y: '1' });
    expect(told).toMatchObject({ path: '/@a%2Fb', outcome: { forwarded: true } });
    expect(told.steps.filter(({ phase }) => phase === 'parse')).toEqual([
      {
        ...{ phase: 'parse', name: 'ListenerPolicy/shop/kept' },
        effect:
          'believes X-Forwarded-For or Forwarded of 10.0.0.0/8, keeps %2F in paths as it is, ' +
          'drops headers with underscores in their names, a body may stand still 3600 s',
      },
      {
        ...{ phase: 'parse', name: 'ListenerPolicy/shop/kept' },
        effect: 'port 80: 50 header fields, 30 s idle, the strictest of 2 listeners',
      },
    ]);
    const other = asked('http://b.example/');
    expect(other.steps.filter(({ phase }) => phase === 'parse')).toEqual([
      {
        ...{ phase: 'parse', name: 'Gateway/shop/edge/rest' },
        effect: 'port 80: 50 header fields, 30 s idle, the strictest of 2 listeners',
      },
    ]);
    edge.apply(
      own('ListenerPolicy', 'sidecar', {
        targetRefs: [{ kind: 'Service', name: 'v1' }],
        paths: { escapedSlash: 'Keep' },
      }),
    );
    const [, , sidecar] = asked('http://a.example/').steps;
    expect(sidecar).toEqual({
      ...{ phase: 'parse', name: 'ListenerPolicy/shop/sidecar' },
      effect: 'keeps %2F in paths as it is, at the sidecar of shop/v1',
    });
    const call = { method: 'GET', url: 'http://v1/@a%2fb', from: 'shop/web' };
    expect(explain(edge.snapshot, call, { wallMs: NOW_MS })).toMatchObject({
      ...{ path: '/@a%2Fb', outcome: { forwarded: true } },
    });
    expect(asked('http://b.example/@a%2fb').outcome).toMatchObject({ status: 400 });
    expect(asked('http://b.example/', { X_Y: '1' }).outcome).toMatchObject({ status: 400 });
  });

  it('gives a call of gRPC-Web the time of one of gRPC where the port speaks HTTP/2', () => {
    const calls = new World(
      gateway('edge', [{}]),
      service('app', [{ port: 80 }, { port: 81, name: 'rpc', appProtocol: 'grpc' }]),
      route('web', { rules: [rule('/', 'app')] }),
      route('rpc', {
        rules: [rule('/rpc', 'app', { backendRefs: [{ name: 'app', port: 81 }] })],
      }),
    );
    const headers = { 'content-type': 'application/grpc-web' };
    const time = (url: string, from?: string): string | undefined => {
      const request = { method: 'POST', url, headers, ...(from === undefined ? {} : { from }) };
      const { steps } = explain(calls.snapshot, request, { wallMs: NOW_MS });
      return steps.find(({ phase }) => phase === 'forward')?.effect;
    };
    expect(time('http://a.example/')).toMatch(/response head 15 s/);
    expect(time('http://a.example/rpc')).toMatch(/response head 300 s/);
    expect(time('http://app/', 'shop/web')).toMatch(/response head 15 s/);
    expect(time('http://app:81/', 'shop/web')).toMatch(/response head 300 s/);
  });

  it('changes nothing', () => {
    const before = JSON.stringify(ask('http://shop.example/x'));
    for (let i = 0; i < 300; i++) ask('http://shop.example/x');
    expect(JSON.stringify(ask('http://shop.example/x'))).toBe(before);
  });
});
