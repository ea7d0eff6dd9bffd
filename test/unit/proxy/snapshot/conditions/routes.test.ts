import { describe, expect, it } from 'vitest';
import type { RouteStatus } from '#contracts/resources/index.ts';
import { World, calls, gateway, grpcRoute, route, rule, service } from '../../support/world.ts';
import { said, statusIn } from './support.ts';

const APP = service('app');

/** Each: a route's fields, and the conditions at each parent. */
const ROUTES: [string, object, string[][]][] = [
  [
    'fine',
    { rules: [rule('/', 'app')] },
    [['Accepted=True Accepted', 'ResolvedRefs=True ResolvedRefs']],
  ],
  [
    'parents of which each speaks for itself',
    {
      parentRefs: [
        { name: 'edge', sectionName: 'http' },
        { name: 'edge', sectionName: 'gone' },
        { name: 'edge', port: 99 },
        { name: 'narrow' },
        { name: 'grpc' },
      ],
      hostnames: ['b.test'],
      rules: [rule('/', 'app')],
    },
    [
      'Accepted=True Accepted',
      'Accepted=False NoMatchingParent',
      'Accepted=False NoMatchingParent',
      'Accepted=False NoMatchingListenerHostname',
      'Accepted=False NotAllowedByListeners',
    ].map((first) => [first, 'ResolvedRefs=True ResolvedRefs']),
  ],
  [
    'a backend that is gone',
    { rules: [rule('/', 'gone')] },
    [['Accepted=True Accepted', 'ResolvedRefs=False BackendNotFound']],
  ],
  [
    'a backend of no kind',
    { rules: [{ backendRefs: [{ kind: 'Bucket', group: 'a.example', name: 'app', port: 80 }] }] },
    [['Accepted=True Accepted', 'ResolvedRefs=False InvalidKind']],
  ],
  [
    'a backend elsewhere without a grant',
    { rules: [{ backendRefs: [{ namespace: 'bank', name: 'app', port: 80 }] }] },
    [['Accepted=True Accepted', 'ResolvedRefs=False RefNotPermitted']],
  ],
  [
    'one rule of two that cannot hold',
    {
      rules: [
        rule('/', 'app'),
        rule('/a', 'app', { timeouts: { request: '1s', backendRequest: '2s' } }),
      ],
    },
    [
      [
        'Accepted=True Accepted',
        'ResolvedRefs=True ResolvedRefs',
        'PartiallyInvalid=True UnsupportedValue',
      ],
    ],
  ],
  [
    'no rule that can hold',
    { rules: [rule('/a', 'app', { timeouts: { request: '1s', backendRequest: '2s' } })] },
    [['Accepted=False UnsupportedValue', 'ResolvedRefs=True ResolvedRefs']],
  ],
];

describe('a route', () => {
  it.each(ROUTES)('%s', (_, spec, conditions) => {
    const world = new World(
      APP,
      gateway('edge', [{}]),
      gateway('narrow', [{ hostname: 'a.test' }]),
      gateway('grpc', [{ allowedRoutes: { kinds: [{ kind: 'GRPCRoute' }] } }]),
      route('r', spec),
    );
    const { parents } = statusIn<RouteStatus>(world, 'HTTPRoute/shop/r');
    expect(parents.map((parent) => said(parent.conditions))).toEqual(conditions);
    expect(new Set(parents.map((parent) => parent.controllerName))).toEqual(
      new Set(['windrose.dev/gateway']),
    );
  });

  it('says which rule is dropped and what to change', () => {
    const timeouts = { request: '1s', backendRequest: '2s' };
    const world = new World(
      APP,
      gateway('edge', [{}]),
      route('r', { rules: [rule('/', 'app'), rule('/a', 'app', { timeouts })] }),
    );
    const { parents } = statusIn<RouteStatus>(world, 'HTTPRoute/shop/r');
    expect(parents[0]?.conditions.at(-1)?.message).toMatch(/^Dropped Rule 1: spec\.rules\[1\]\./);
  });

  it('that gives way to an older one of another kind is conflicted', () => {
    const world = new World(
      APP,
      gateway('edge', [{}]),
      route('r', { hostnames: ['a.test'], rules: [rule('/', 'app')] }),
    );
    const spec = { hostnames: ['a.test'], rules: [calls(undefined, 'app')] };
    world.apply(grpcRoute('g', { parentRefs: [{ name: 'edge' }], ...spec }));
    const { parents } = statusIn<RouteStatus>(world, 'GRPCRoute/shop/g');
    expect(said(parents[0]?.conditions)[0]).toBe('Accepted=False Conflicted');
  });
});

it('held back by a proxy: accepted, and it says so beside that', () => {
  const world = new World(APP, gateway('edge', [{}]), route('r', { rules: [rule('/', 'app')] }));
  const held = (reason: 'quarantined' | 'too_new') => ({
    problems: [{ resource: 'HTTPRoute/shop/r', path: '', reason, message: 'held (proxy edge-1)' }],
  });
  const reasons = (['quarantined', 'too_new'] as const).map((reason) => {
    const { parents } = statusIn<RouteStatus>(world, 'HTTPRoute/shop/r', held(reason));
    return said(parents[0]?.conditions);
  });
  const fine = ['Accepted=True Accepted', 'ResolvedRefs=True ResolvedRefs'];
  expect(reasons).toEqual([
    [...fine, 'windrose.dev/Quarantined=True DependsOnQuarantined'],
    [...fine, 'windrose.dev/Quarantined=True TooNew'],
  ]);
});
