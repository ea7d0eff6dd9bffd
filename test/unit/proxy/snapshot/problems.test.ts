import { describe, expect, it } from 'vitest';
import { compile } from '#proxy/pure.ts';
import { NOW_MS, World, gateway, own, route, rule, service, slice } from '../support/world.ts';

const EDGE = gateway('edge', [{}]);
const APP = service('app');
const SHA = 'a'.repeat(64);

function oneRule(more: object): object {
  return route('r', { rules: [rule('/', 'app', more)] });
}

function pathMatch(value: string, type = 'PathPrefix'): object {
  return oneRule({ matches: [{ path: { type, value } }] });
}

function policy(kind: string, name: string, spec: object, targetRef: object = {}): object {
  return own(kind, name, { targetRefs: [{ kind: 'Service', name: 'app', ...targetRef }], ...spec });
}

const REFUSED_PATHS = [
  ...['api', '/a//b', '/a/../b', '/a/.', '/a?b', '/a#b', '/ä', '/a b', '/{id}', '/a\\b', '/[a]'],
  ...['/%2f', '/a%2Fb', '/%2e/a', '/%4', '/%00'],
];

const LATER = '2027-01-01T00:00:00Z';

/** Each: what is wrong, the resources, and every finding that they give. */
const CASES: [string, object[], string[]][] = [
  ['nothing', [oneRule({})], []],
  [
    'no such Gateway',
    [route('r', { parentRefs: [{ name: 'nope' }], rules: [rule('/', 'app')] })],
    ['HTTPRoute/shop/r spec.parentRefs[0].name missing_reference'],
  ],
  [
    'no such listener or port',
    [
      route('r', {
        parentRefs: [
          { name: 'edge', sectionName: 'tls' },
          { name: 'edge', port: 81 },
        ],
        rules: [rule('/', 'app')],
      }),
    ],
    [
      'HTTPRoute/shop/r spec.parentRefs[0].sectionName missing_reference',
      'HTTPRoute/shop/r spec.parentRefs[1].port missing_reference',
    ],
  ],
  [
    'a Gateway that takes routes of its own namespace only',
    [
      service('bank/app'),
      route('bank/r', {
        parentRefs: [{ name: 'edge', namespace: 'shop' }],
        rules: [rule('/', 'app')],
      }),
    ],
    ['HTTPRoute/bank/r spec.parentRefs[0] invalid_reference'],
  ],
  [
    'hostnames that no listener has',
    [
      gateway('narrow', [{ hostname: '*.a.test' }]),
      route('r', {
        parentRefs: [{ name: 'narrow' }],
        hostnames: ['b.test'],
        rules: [rule('/', 'app')],
      }),
    ],
    ['HTTPRoute/shop/r spec.parentRefs[0] invalid_reference'],
  ],
  [
    'a backend elsewhere of a route that stands at an edge, too',
    [
      service('bank/app'),
      route('r', {
        parentRefs: [{ name: 'edge' }, { kind: 'Service', name: 'app', namespace: 'bank' }],
        rules: [{ backendRefs: [{ name: 'app', namespace: 'bank', port: 80 }] }],
      }),
    ],
    ['HTTPRoute/shop/r spec.rules[0].backendRefs[0].namespace invalid_reference'],
  ],
  [
    'a parent twice, of the wrong group',
    [
      route('r', {
        parentRefs: [
          { name: 'edge', group: '' },
          { name: 'edge', group: '' },
        ],
        rules: [rule('/', 'app')],
      }),
    ],
    [
      'HTTPRoute/shop/r spec.parentRefs[0].group invalid_value',
      'HTTPRoute/shop/r spec.parentRefs[1] duplicate',
      'HTTPRoute/shop/r spec.parentRefs[1].group invalid_value',
    ],
  ],
  [
    'backends that are not there',
    [
      service('bank/app'),
      service('two', [
        { name: 'a', port: 1 },
        { name: 'b', port: 2 },
      ]),
      oneRule({
        backendRefs: [
          { name: 'nope', port: 80 },
          { name: 'app', port: 81 },
          { name: 'app', namespace: 'bank', port: 80 },
          { name: 'two' },
        ],
      }),
    ],
    [
      'HTTPRoute/shop/r spec.rules[0].backendRefs[0].name missing_reference',
      'HTTPRoute/shop/r spec.rules[0].backendRefs[1].port missing_reference',
      'HTTPRoute/shop/r spec.rules[0].backendRefs[2].namespace invalid_reference',
      'HTTPRoute/shop/r spec.rules[0].backendRefs[3].port missing_field',
    ],
  ],
  ...REFUSED_PATHS.map((value): [string, object[], string[]] => [
    `the path ${value}`,
    [pathMatch(value)],
    ['HTTPRoute/shop/r spec.rules[0].matches[0].path.value invalid_value'],
  ]),
  ['a path that is escaped as it has to be', [pathMatch('/%C3%A4')], []],
  ['a path with escapes that nobody needs', [pathMatch('/%61%c3%a4')], []],
  ['a prefix of as many elements as fit', [pathMatch('/a'.repeat(512))], []],
  [
    'bad regular expressions, all at once',
    [
      oneRule({
        matches: [
          {
            path: { type: 'RegularExpression', value: '(a)\\1' },
            headers: [{ type: 'RegularExpression', name: 'h', value: '[' }],
            queryParams: [{ type: 'RegularExpression', name: 'q', value: '(?=a)' }],
          },
        ],
      }),
    ],
    [
      'HTTPRoute/shop/r spec.rules[0].matches[0].headers[0].value bad_regular_expression',
      'HTTPRoute/shop/r spec.rules[0].matches[0].path.value bad_regular_expression',
      'HTTPRoute/shop/r spec.rules[0].matches[0].queryParams[0].value bad_regular_expression',
    ],
  ],
  [
    'filters',
    [
      oneRule({
        filters: [
          { type: 'RequestHeaderModifier' },
          { type: 'ResponseHeaderModifier', requestHeaderModifier: { remove: ['a'] } },
          {
            type: 'RequestHeaderModifier',
            requestHeaderModifier: { set: [{ name: 'Host', value: 'x' }] },
          },
        ],
      }),
    ],
    [
      'HTTPRoute/shop/r spec.rules[0].filters[0].requestHeaderModifier missing_field',
      'HTTPRoute/shop/r spec.rules[0].filters[1].requestHeaderModifier invalid_value',
      'HTTPRoute/shop/r spec.rules[0].filters[1].responseHeaderModifier missing_field',
      'HTTPRoute/shop/r spec.rules[0].filters[2] duplicate',
      'HTTPRoute/shop/r spec.rules[0].filters[2].requestHeaderModifier.set[0].name invalid_value',
    ],
  ],
  [
    'a try longer than the request; a rule name twice',
    [
      route('r', {
        rules: [
          rule('/', 'app', { name: 'x', timeouts: { request: '1s', backendRequest: '2s' } }),
          rule('/b', 'app', { name: 'x', timeouts: { request: '0s', backendRequest: '2s' } }),
        ],
      }),
    ],
    [
      'HTTPRoute/shop/r spec.rules[0].timeouts.backendRequest invalid_value',
      'HTTPRoute/shop/r spec.rules[1].name duplicate',
    ],
  ],
  [
    'listeners',
    [
      gateway(
        'bad',
        [
          {},
          {},
          { name: 'again' },
          { name: 'host', hostname: 'a.test' },
          { name: 'host2', hostname: 'a.test' },
        ],
        { addresses: [{ value: 'localhost' }, { value: '127.0.0.1' }, { value: '127.0.0.1' }] },
      ),
    ],
    [
      'Gateway/shop/bad spec.addresses[0].value invalid_value',
      'Gateway/shop/bad spec.addresses[2].value duplicate',
      'Gateway/shop/bad spec.listeners[0] conflict',
      'Gateway/shop/bad spec.listeners[1].name duplicate',
      'Gateway/shop/bad spec.listeners[2] conflict',
      'Gateway/shop/bad spec.listeners[3] conflict',
      'Gateway/shop/bad spec.listeners[4] conflict',
    ],
  ],
  [
    'no such class',
    [gateway('other', [{}], { gatewayClassName: 'nginx' })],
    ['Gateway/shop/other spec.gatewayClassName missing_reference'],
  ],
  [
    'ports of a Service',
    [service('s', [{ port: 1 }, { name: 'a', port: 1 }, { name: 'a', port: 2 }])],
    [
      'Service/shop/s spec.ports[0].name missing_field',
      'Service/shop/s spec.ports[1].port duplicate',
      'Service/shop/s spec.ports[2].name duplicate',
    ],
  ],
  [
    'slices',
    [
      { ...slice('app', ['127.0.0.1']), metadata: { name: 'bare', namespace: 'shop' } },
      slice('nope', ['127.0.0.1']),
      slice('app', ['169.254.169.254', 'x.y', '::1'], { ports: [{ name: 'web', port: 1 }] }),
    ],
    [
      'EndpointSlice/shop/app endpoints[0].addresses[0] invalid_value',
      'EndpointSlice/shop/app endpoints[0].addresses[1] invalid_value',
      'EndpointSlice/shop/app endpoints[0].addresses[2] invalid_value',
      'EndpointSlice/shop/app ports[0].name invalid_reference',
      'EndpointSlice/shop/bare metadata.labels missing_field',
      'EndpointSlice/shop/nope metadata.labels.kubernetes.io/service-name missing_reference',
    ],
  ],
  [
    'the mesh',
    [
      own('Mesh', 'a', { endpointCidrs: ['10.0.0.0/33'], outbound: { unknownHosts: 'Allow' } }),
      own('Mesh', 'b', {}),
    ],
    ['Mesh/-/a spec.endpointCidrs[0] invalid_value', 'Mesh/-/b  conflict'],
  ],
  [
    'consumers',
    [
      own('Consumer', 'c1', {
        credentials: [
          { type: 'APIKey', id: 'k', sha256: SHA },
          { type: 'APIKey', id: 'k', sha256: SHA, expires: '2026-13-01T00:00:00Z' },
        ],
      }),
      own('Consumer', 'c2', { credentials: [{ type: 'APIKey', id: 'k', sha256: SHA }] }),
      own('Consumer', 'bank/c2', { credentials: [{ type: 'APIKey', id: 'k', sha256: SHA }] }),
    ],
    [
      'Consumer/shop/c1 spec.credentials[1].expires invalid_value',
      'Consumer/shop/c1 spec.credentials[1].id duplicate',
      'Consumer/shop/c1 spec.credentials[1].sha256 duplicate',
      'Consumer/shop/c2 spec.credentials[0].sha256 duplicate',
    ],
  ],
  [
    'targets of policies',
    [
      own('RateLimitPolicy', 'p', {
        targetRefs: [
          { kind: 'HTTPRoute', name: 'nope' },
          { kind: 'Gateway', name: 'edge', sectionName: 'nope' },
          { kind: 'Service', name: 'app', sectionName: 'http' },
          { kind: 'Service', name: 'app', group: 'apps' },
          { kind: 'Service', name: 'app' },
        ],
        limits: [{ name: 'a', requests: 1, per: '1s' }],
      }),
    ],
    [
      'RateLimitPolicy/shop/p spec.targetRefs[0].name missing_reference',
      'RateLimitPolicy/shop/p spec.targetRefs[1].sectionName missing_reference',
      'RateLimitPolicy/shop/p spec.targetRefs[2].sectionName not_supported_yet',
      'RateLimitPolicy/shop/p spec.targetRefs[3].group invalid_value',
      'RateLimitPolicy/shop/p spec.targetRefs[4] duplicate',
    ],
  ],
  [
    'fields of policies',
    [
      policy('AuthenticationPolicy', 'a', { apiKey: { headers: ['X-A', 'x-a', 'host'] } }),
      policy('RateLimitPolicy', 'l', {
        limits: [
          { name: 'a', requests: 1, per: '0s' },
          { name: 'a', requests: 1, per: '1s' },
        ],
      }),
      policy('TrafficPolicy', 't', {
        outlier: { ejectFor: '0s' },
        timeouts: { connect: '0s', responseHead: '0s' },
        retry: { attempts: 1, perTry: '0s' },
      }),
      policy('FaultPolicy', 'f', { expires: '2027-02-99T00:00:00Z' }),
    ],
    [
      'AuthenticationPolicy/shop/a spec.apiKey.headers[1] duplicate',
      'AuthenticationPolicy/shop/a spec.apiKey.headers[2] invalid_value',
      'FaultPolicy/shop/f spec missing_field',
      'FaultPolicy/shop/f spec.expires invalid_value',
      'RateLimitPolicy/shop/l spec.limits[0].per invalid_value',
      'RateLimitPolicy/shop/l spec.limits[1].name duplicate',
      'TrafficPolicy/shop/t spec.outlier.ejectFor invalid_value',
      'TrafficPolicy/shop/t spec.retry.perTry invalid_value',
      'TrafficPolicy/shop/t spec.timeouts.connect invalid_value',
      'TrafficPolicy/shop/t spec.timeouts.responseHead invalid_value',
    ],
  ],
  [
    'two policies of one kind on one target',
    [policy('TrafficPolicy', 't1', {}), policy('TrafficPolicy', 't2', {})],
    ['TrafficPolicy/shop/t2 spec.targetRefs[0] conflict'],
  ],
];

describe('problems', () => {
  it.each(CASES)('%s', (_, documents, findings) => {
    const world = new World(EDGE, APP, ...documents);
    expect(world.findings).toEqual(findings);
    for (const problem of world.problems) expect(problem.message).toMatch(/^\S.*[^.]$/);
  });

  it('a problem goes when what was missing comes, and comes back when it goes', () => {
    const world = new World(EDGE, oneRule({}));
    expect(world.findings).toEqual([
      'HTTPRoute/shop/r spec.rules[0].backendRefs[0].name missing_reference',
    ]);
    expect(world.apply(APP).findings).toEqual([]);
    world.delete({ kind: 'Service', namespace: 'shop', name: 'app' });
    expect(world.findings).toHaveLength(1);
  });

  it('the older of two rivals governs, also when the newer was there first to be compiled', () => {
    const world = new World(EDGE, APP, policy('TrafficPolicy', 'z', { circuit: { requests: 7 } }));
    world.apply(policy('TrafficPolicy', 'a', { circuit: { requests: 8 } }));
    expect(world.findings).toEqual(['TrafficPolicy/shop/a spec.targetRefs[0] conflict']);
    expect(world.snapshot.services.get('shop/app')?.traffic.circuitRequests).toBe(7);
    world.delete({ kind: 'TrafficPolicy', namespace: 'shop', name: 'z' });
    expect(world.findings).toEqual([]);
    expect(world.snapshot.services.get('shop/app')?.traffic.circuitRequests).toBe(8);
  });

  it('a fault is expired only for the change that writes it so', () => {
    const abort = { percent: 1, status: 503 };
    const old = policy('FaultPolicy', 'f', { expires: '2025-01-01T00:00:00Z', abort });
    const world = new World(EDGE, APP, old);
    expect(world.findings).toEqual(['FaultPolicy/shop/f spec.expires expired']);
    expect(world.apply(oneRule({})).findings).toEqual([]);
    // A proxy that reads that change, perhaps long after, applies it: it only never acts.
    const { entries } = world.state;
    const changed = new Set(entries.keys());
    const served = { entries, revision: { epoch: 1, sequence: 9 }, changed };
    const { problems, snapshot } = compile({ ...served, previous: world.snapshot });
    expect(problems).toEqual([]);
    expect(snapshot.services.get('shop/app')?.fault).toBeDefined();
    expect(world.apply(policy('FaultPolicy', 'f', { expires: LATER, abort })).findings).toEqual([]);
  });

  it('an SLO measures what exists', () => {
    const metric = (more: object) => ({
      metricSource: { type: 'Windrose', spec: { service: 'shop/nope', ...more } },
    });
    const slo = {
      apiVersion: 'openslo/v1',
      kind: 'SLO',
      metadata: { name: 's', namespace: 'shop' },
      spec: {
        service: 'nope',
        indicator: {
          metadata: { name: 'i' },
          spec: {
            ratioMetric: {
              counter: true,
              good: metric({ statusClasses: ['2xx'] }),
              total: metric({}),
            },
          },
        },
        timeWindow: [{ duration: '1h', isRolling: true }],
        budgetingMethod: 'Occurrences',
        objectives: [{ target: 0.99 }],
      },
    };
    const world = new World(slo);
    const at = 'spec.indicator.spec.ratioMetric.total.metricSource.spec.service';
    expect(world.findings).toEqual([`SLO/shop/s ${at} missing_reference`]);
    expect(world.apply(service('nope')).findings).toEqual([]);
  });
});

describe('sharing', () => {
  const hosts = (world: World) => world.snapshot.edge.get('Gateway/shop/edge/http')?.hosts;
  const world = new World(
    EDGE,
    APP,
    route('a', { hostnames: ['a.test'], rules: [rule('/', 'app')] }),
    route('b', { hostnames: ['b.test'], rules: [rule('/', 'app')] }),
  );

  it('an edit of a route leaves the tables of other hosts as they are', () => {
    const before = hosts(world);
    world.apply(route('a', { hostnames: ['a.test'], rules: [rule('/new', 'app')] }));
    const after = hosts(world);
    expect(after?.table('a.test')).not.toBe(before?.table('a.test'));
    expect(after?.table('b.test')).toBe(before?.table('b.test'));
  });

  it('an edit of what routes do not depend on leaves all of them as they are', () => {
    const before = world.snapshot;
    world.apply(policy('TrafficPolicy', 't', {}), service('unrelated'));
    expect(world.snapshot.edge).toBe(before.edge);
    expect(world.snapshot.listeners).toBe(before.listeners);
    expect(world.snapshot.credentials).toBe(before.credentials);
    expect(world.snapshot.services).not.toBe(before.services);
  });

  it('a policy of the Gateway does not touch the routes', () => {
    const before = hosts(world);
    world.apply(
      policy('AuthenticationPolicy', 'k', { apiKey: {} }, { kind: 'Gateway', name: 'edge' }),
    );
    const listener = world.snapshot.edge.get('Gateway/shop/edge/http');
    expect(listener?.security.authentication).toHaveLength(1);
    expect(listener?.hosts).toBe(before);
  });

  it('a snapshot and what it is made from stay as they were', () => {
    const before = world.snapshot;
    const entries = new Map(world.state.entries);
    entries.delete('Service/shop/app');
    const changed = new Set(['Service/shop/app'] as const);
    const input = { entries, revision: { epoch: 1, sequence: 99 }, nowMs: NOW_MS };
    const candidate = compile({ ...input, previous: before, changed });
    expect(candidate.problems.length).toBeGreaterThan(0);
    expect(before.services.has('shop/app')).toBe(true);
    expect(candidate.snapshot.services.has('shop/app')).toBe(false);
    expect(Object.isFrozen(before)).toBe(true);
    expect(Object.isFrozen(before.services.get('shop/app'))).toBe(true);
  });
});
