import { describe, expect, it } from 'vitest';
import { explain } from '#proxy/pure.ts';
import { Plane } from '../support/plane.ts';
import {
  NOW_MS,
  World,
  announced,
  calls,
  gateway,
  grpcRoute,
  own,
  route,
  rule,
  service,
} from '../support/world.ts';

const EDGE = gateway('edge', [{}]);
const APP = service('app');
const CALL = { method: 'POST', hasBody: true, headers: { 'content-type': 'application/grpc' } };

function world(...resources: object[]): World {
  return new World(EDGE, APP, ...resources);
}

/** The rule that a call meets, or the proxy's answer. */
async function met(
  { snapshot }: World,
  path: string,
  headers: Record<string, string> = {},
  host = 'shop.example',
): Promise<string> {
  const plane = new Plane(snapshot).announce('shop/app', announced('127.0.0.1'));
  const { said, asked } = await plane.ask({
    ...{ ...CALL, path, host },
    headers: { ...CALL.headers, ...headers },
  });
  return said === '200' ? `${asked.rule} ${asked.pathTemplate}` : said;
}

describe('the calls that a match takes', () => {
  const rules = [
    calls({ service: 'a.One', method: 'Get' }, 'app', { name: 'both' }),
    calls({ service: 'a.One' }, 'app', { name: 'service' }),
    calls({ method: 'Get' }, 'app', { name: 'method' }),
    calls(undefined, 'app', { name: 'any' }),
  ];

  it.each([
    ['/a.One/Get', 'both /a.One/Get'],
    ['/a.One/Put', 'service /a.One/*'],
    ['/a.One/get', 'service /a.One/*'],
    ['/a.OneMore/Get', 'method /*/Get'],
    ['/a.one/Get', 'method /*/Get'],
    ['/b.Two/Put', 'any /*'],
    ['/b.Two/GetGet', 'any /*'],
    ['/x/y/Get', 'any /*'],
    ['/Get', 'any /*'],
  ])('%s meets %s', async (path, expected) => {
    const some = world(grpcRoute('g', { rules }));
    expect(some.findings).toEqual([]);
    expect(await met(some, path)).toBe(expected);
  });

  it('one that nothing takes has no route, in the words of gRPC', async () => {
    const some = world(grpcRoute('g', { rules: [calls({ service: 'a.One' }, 'app')] }));
    expect(await met(some, '/b.Two/Get')).toBe('404 no_route');
    expect(await met(world(grpcRoute('g', {})), '/b.Two/Get')).toBe('404 no_route');
  });

  it('a rule without matches takes every call', async () => {
    const backendRefs = [{ name: 'app', port: 80 }];
    const some = world(grpcRoute('g', { rules: [{ backendRefs }] }));
    expect(await met(some, '/b.Two/Get')).toBe('0 /*');
  });

  it('regular expressions are for the service and the method, each as a whole', async () => {
    const type = 'RegularExpression';
    const some = world(
      grpcRoute('g', {
        rules: [
          calls({ type, service: 'a\\.(One|Two)', method: 'Get.*' }, 'app', { name: 'both' }),
          calls({ type, service: 'a|b' }, 'app', { name: 'service' }),
          calls({ type, method: 'P.t' }, 'app', { name: 'method' }),
        ],
      }),
    );
    expect(await met(some, '/a.One/GetAll')).toMatch(/^both /);
    expect(await met(some, '/a.Two/Get')).toMatch(/^both /);
    expect(await met(some, '/a.One/NoGet')).toBe('404 no_route');
    expect(await met(some, '/aa.One/Get')).toBe('404 no_route');
    expect(await met(some, '/b/Any')).toMatch(/^service /);
    expect(await met(some, '/x.Y/Put')).toMatch(/^method /);
    expect(await met(some, '/x.Y/Puts')).toBe('404 no_route');
  });

  it('headers have to hold too, and more of them come first', async () => {
    const method = { service: 'a.One', method: 'Get' };
    const headers = [{ name: 'X-Tier', value: 'gold' }];
    const like = [{ name: 'x-tier', value: 'g.*', type: 'RegularExpression' }, ...headers];
    const more = [...headers, { name: 'x-canary', value: 'yes' }];
    const some = world(
      grpcRoute('g', {
        rules: [
          calls(method, 'app', { name: 'plain' }),
          calls(method, 'app', { name: 'one', matches: [{ method, headers }] }),
          calls(method, 'app', { name: 'two', matches: [{ method, headers: more }] }),
          calls(undefined, 'app', { name: 'like', matches: [{ headers: like }] }),
        ],
      }),
    );
    expect(await met(some, '/a.One/Get')).toMatch(/^plain /);
    expect(await met(some, '/a.One/Get', { 'x-tier': 'gold' })).toMatch(/^one /);
    expect(await met(some, '/a.One/Get', { 'x-tier': 'gold', 'x-canary': 'yes' })).toMatch(/^two /);
    // Of a name that stands twice the first counts.
    expect(await met(some, '/b/Get', { 'x-tier': 'green' })).toMatch(/^like /);
  });

  it('the more specific hostname decides before the method', async () => {
    const method = { service: 'a.One', method: 'Get' };
    const some = world(
      grpcRoute('wild', { hostnames: ['*.example'], rules: [calls(method, 'app')] }),
      grpcRoute('exact', { hostnames: ['shop.example'], rules: [calls(undefined, 'app')] }),
    );
    expect(some.findings).toEqual([]);
    expect(await met(some, '/a.One/Get')).toBe('0 /*');
    expect(await met(some, '/a.One/Get', {}, 'other.example')).toBe('0 /a.One/Get');
  });
});

describe('what is wrong with a GRPCRoute', () => {
  const bad = (method: object): object => grpcRoute('g', { rules: [calls(method, 'app')] });
  const at = 'GRPCRoute/shop/g spec.rules[0].matches[0].method';
  it.each([
    ['nothing to match', bad({}), [`${at} missing_field`]],
    ['a slash', bad({ service: 'a/b' }), [`${at}.service invalid_value`]],
    ['a method that is none', bad({ method: 'Get it' }), [`${at}.method invalid_value`]],
    [
      'an expression that is none, nor with the other one',
      bad({ type: 'RegularExpression', service: 'a)|(b', method: 'x' }),
      [`${at}.service bad_regular_expression`],
    ],
    [
      'two rules of one name',
      grpcRoute('g', {
        rules: [calls(undefined, 'app', { name: 'n' }), calls(undefined, 'app', { name: 'n' })],
      }),
      ['GRPCRoute/shop/g spec.rules[1].name duplicate'],
    ],
    [
      'a backend that is not there',
      grpcRoute('g', { rules: [calls(undefined, 'nope')] }),
      ['GRPCRoute/shop/g spec.rules[0].backendRefs[0].name missing_reference'],
    ],
  ])('%s', (_, resource, findings) => {
    expect(world(resource).findings).toEqual(findings);
  });

  it('a port that speaks WebSocket is no backend: its share is unavailable', async () => {
    const sockets = service('sockets', [{ port: 80, appProtocol: 'kubernetes.io/ws' }]);
    const some = world(sockets, grpcRoute('g', { rules: [calls(undefined, 'sockets')] }));
    expect(some.findings).toEqual([
      'GRPCRoute/shop/g spec.rules[0].backendRefs[0].port invalid_reference',
    ]);
    expect(await met(some, '/a.One/Get')).toBe('500 invalid_backend');
  });
});

describe('the backend of a GRPCRoute', () => {
  it('is spoken to in HTTP/2, though its port does not say so', async () => {
    const { snapshot } = world(grpcRoute('g', { rules: [calls(undefined, 'app')] }));
    const plane = new Plane(snapshot).announce('shop/app', announced('127.0.0.1'));
    const { asked } = await plane.ask({ ...CALL, path: '/a.One/Get' });
    expect([asked.isHttp2Backend, asked.route]).toEqual([true, 'shop/g']);
    const web = { ...CALL, headers: { 'content-type': 'application/grpc-web+proto' } };
    expect((await plane.ask({ ...web, path: '/a.One/Get' })).asked.isGrpc).toBe(true);
  });
});

describe('policies', () => {
  it('hold for a GRPCRoute and for one of its rules', async () => {
    const ref = { group: 'gateway.networking.k8s.io', kind: 'GRPCRoute', name: 'g' };
    const some = world(
      grpcRoute('g', {
        rules: [
          calls({ service: 'a.One' }, 'app', { name: 'closed' }),
          calls({ service: 'b.Two' }, 'app'),
        ],
      }),
      own('AuthenticationPolicy', 'keys', {
        targetRefs: [{ ...ref, sectionName: 'closed' }],
        apiKey: {},
      }),
      own('RateLimitPolicy', 'few', {
        targetRefs: [ref],
        limits: [{ name: 'all', requests: 1, per: '1m', burst: 1 }],
      }),
    );
    expect(some.findings).toEqual([]);
    expect(await met(some, '/a.One/Get')).toBe('401 unauthenticated');
    const plane = new Plane(some.snapshot).announce('shop/app', announced('127.0.0.1'));
    const two = async (): Promise<string> =>
      (await plane.ask({ ...CALL, path: '/b.Two/Get' })).said;
    expect([await two(), await two()]).toEqual(['200', '429 limited']);
  });

  it('name a rule that there is', () => {
    const targetRefs = [{ kind: 'GRPCRoute', name: 'g', sectionName: 'nope' }];
    const some = world(
      grpcRoute('g', { rules: [calls(undefined, 'app', { name: 'all' })] }),
      own('AuthenticationPolicy', 'keys', { targetRefs, apiKey: {} }),
    );
    expect(some.findings).toEqual([
      'AuthenticationPolicy/shop/keys spec.targetRefs[0].sectionName missing_reference',
    ]);
  });
});

it('an objective is of a route of either kind', () => {
  const metric = { metricSource: { type: 'Windrose', spec: { route: 'shop/g' } } };
  const ofErrors = { type: 'Windrose', spec: { route: 'shop/g', statusClasses: ['2xx'] } };
  const ratioMetric = { counter: true, good: { metricSource: ofErrors }, total: metric };
  const slo = {
    ...{ apiVersion: 'openslo/v1', kind: 'SLO', metadata: { name: 's', namespace: 'shop' } },
    spec: {
      service: 'app',
      indicator: { metadata: { name: 'i' }, spec: { ratioMetric } },
      timeWindow: [{ duration: '1h', isRolling: true }],
      budgetingMethod: 'Occurrences',
      objectives: [{ target: 0.99 }],
    },
  };
  const some = world(slo);
  expect(some.problems.map(({ reason, message }) => [reason, message])).toEqual([
    ['missing_reference', 'there is no HTTPRoute/shop/g or GRPCRoute/shop/g'],
  ]);
  expect(some.apply(grpcRoute('g', { rules: [calls(undefined, 'app')] })).findings).toEqual([]);
});

it('a Service has GRPCRoutes too: its callers’ proxies decide', async () => {
  const parentRefs = [{ kind: 'Service', group: '', name: 'app' }];
  const some = world(
    service('two'),
    grpcRoute('g', { parentRefs, rules: [calls({ service: 'a.One' }, 'two')] }),
  );
  expect(some.findings).toEqual([]);
  const sidecar = new Plane(some.snapshot, { role: 'sidecar', service: 'shop/web' });
  sidecar.announce('shop/two', announced('127.0.0.1'));
  const out = { ...CALL, direction: 'outbound', listener: 'outbound', host: 'app' } as const;
  const { asked, said } = await sidecar.ask({ ...out, path: '/a.One/Get' });
  expect([said, asked.route, asked.backend]).toEqual(['200', 'shop/g', 'shop/two:80']);
  expect((await sidecar.ask({ ...out, path: '/b.Two/Get' })).said).toBe('404 no_route');
});

describe('HTTPRoutes and GRPCRoutes on one hostname of a listener', () => {
  const http = route('web', { rules: [rule('/', 'app')] });
  const grpc = grpcRoute('g', { rules: [calls(undefined, 'app')] });
  const conflict = (key: string): string => `${key} spec.parentRefs[0] conflict`;

  it('are not merged: the older one has it until it goes', async () => {
    const some = world(http).apply(grpc);
    expect(some.findings).toEqual([conflict('GRPCRoute/shop/g')]);
    expect(some.problems[0]?.message).toContain('HTTPRoute shop/web, which is older');
    expect(await met(some, '/a.One/Get')).toBe('0 /');
    some.delete({ kind: 'HTTPRoute', namespace: 'shop', name: 'web' });
    expect(some.findings).toEqual([]);
    expect(await met(some, '/a.One/Get')).toBe('0 /*');
    some.apply(http);
    expect(some.findings).toEqual([conflict('HTTPRoute/shop/web')]);
    expect(await met(some, '/a.One/Get')).toBe('0 /*');
  });

  it('of one age: the name decides', () => {
    expect(world(http, grpc).findings).toEqual([conflict('HTTPRoute/shop/web')]);
    const { findings } = world(route('a', { rules: [rule('/', 'app')] }), grpc);
    expect(findings).toEqual([conflict('GRPCRoute/shop/g')]);
  });

  it('have each its own listener, or its own hostname', async () => {
    const two = gateway('edge', [{}, { name: 'calls', port: 81 }]);
    const at = (sectionName: string): object => ({ parentRefs: [{ name: 'edge', sectionName }] });
    const listeners = world(two).apply(
      route('web', { ...at('http'), rules: [rule('/', 'app')] }),
      grpcRoute('g', { ...at('calls'), rules: [calls(undefined, 'app')] }),
    );
    expect(listeners.findings).toEqual([]);
    const hosts = world(
      route('web', { hostnames: ['*.example'], rules: [rule('/', 'app')] }),
    ).apply(
      grpcRoute('g', { hostnames: ['grpc.example'], rules: [calls({ service: 'a.One' }, 'app')] }),
    );
    expect(hosts.findings).toEqual([]);
    expect(await met(hosts, '/a.One/Get', {}, 'grpc.example')).toBe('0 /a.One/*');
    expect(await met(hosts, '/b.Two/Get', {}, 'grpc.example')).toBe('0 /');
  });

  it('one that may not attach to the listener holds nothing there', () => {
    const stranger = route('bank/web', {
      parentRefs: [{ name: 'edge', namespace: 'shop' }],
      rules: [rule('/', 'app')],
    });
    const some = world(service('bank/app'), stranger).apply(grpc);
    expect(some.findings).toEqual(['HTTPRoute/bank/web spec.parentRefs[0] invalid_reference']);
  });

  it('one that only changes what it does touches nobody else', () => {
    const some = world(http).apply(grpc);
    const before = some.snapshot.index.units.get('GRPCRoute/shop/g');
    some.apply(route('web', { rules: [rule('/other', 'app')] }));
    expect(some.snapshot.index.units.get('GRPCRoute/shop/g')).toBe(before);
  });
});

describe('explain', () => {
  it('tells the call that matched, and what nearly did', () => {
    const { snapshot } = world(
      grpcRoute('g', {
        rules: [
          calls({ service: 'a.One', method: 'Get' }, 'app', { name: 'get' }),
          calls({ method: 'Get' }, 'app', { name: 'any-get' }),
        ],
      }),
    );
    const request = { method: 'POST', url: 'http://shop.example/a.One/Get' };
    const headers = { 'content-type': 'application/grpc' };
    const told = explain(snapshot, { ...request, headers }, { wallMs: NOW_MS });
    expect(told.match).toEqual({ route: 'shop/g', rule: 'get', matched: 'call /a.One/Get' });
    expect(told.lost).toEqual([
      {
        ...{ route: 'shop/g', rule: 'any-get' },
        why: 'it matches too, and a more specific or older match comes first',
      },
    ]);
    expect(told.outcome).toEqual({ forwarded: true, message: 'goes to shop/app:80' });
  });
});
