import { describe, expect, it, test } from 'vitest';
import type { GatewayClassStatus, GatewayStatus, RouteStatus } from '#contracts/resources/index.ts';
import { World, gateway, gatewayClass, route, rule, service } from '../../support/world.ts';
import { CONFLICT, FINE, said, statusIn } from './support.ts';

const APP = service('app');
const TLS = { certificateRefs: [{ name: 'web' }] };
const HTTPS = { name: 'https', port: 443, protocol: 'HTTPS', tls: TLS };

/** Each: the Gateway's listeners and other fields, its conditions, and those of each listener. */
const GATEWAYS: [string, object[], object, string[], Record<string, string[]>][] = [
  [
    'nothing wrong',
    [{}, HTTPS],
    {},
    ['Accepted=True Accepted', 'Programmed=True Programmed', 'ResolvedRefs=True ResolvedRefs'],
    { http: FINE, https: FINE },
  ],
  [
    'a protocol that is not served beside one that is',
    [{}, { name: 'u', port: 53, protocol: 'UDP' }],
    {},
    [
      'Accepted=True ListenersNotValid',
      'Programmed=True Programmed',
      'ResolvedRefs=True ResolvedRefs',
    ],
    {
      http: FINE,
      u: [
        'Accepted=False UnsupportedProtocol',
        'Conflicted=False NoConflicts',
        'ResolvedRefs=True ResolvedRefs',
        'Programmed=False Invalid',
      ],
    },
  ],
  [
    'nothing but a protocol that is not served',
    [{ protocol: 'example.com/own' }],
    {},
    [
      'Accepted=False ListenersNotValid',
      'Programmed=False Invalid',
      'ResolvedRefs=True ResolvedRefs',
    ],
    {
      http: [
        'Accepted=False UnsupportedProtocol',
        'Conflicted=False NoConflicts',
        'ResolvedRefs=True ResolvedRefs',
        'Programmed=False Invalid',
      ],
    },
  ],
  [
    'two listeners that cannot be told apart: neither wins',
    [{}, { name: 'twin' }, { name: 'other', port: 81 }],
    {},
    [
      'Accepted=True ListenersNotValid',
      'Programmed=True Programmed',
      'ResolvedRefs=True ResolvedRefs',
    ],
    { http: CONFLICT('HostnameConflict'), twin: CONFLICT('HostnameConflict'), other: FINE },
  ],
  [
    'a port for two protocols',
    [{ port: 443 }, HTTPS],
    {},
    [
      'Accepted=False ListenersNotValid',
      'Programmed=False Invalid',
      'ResolvedRefs=True ResolvedRefs',
    ],
    { http: CONFLICT('ProtocolConflict'), https: CONFLICT('ProtocolConflict') },
  ],
  [
    'kinds of routes of which one is none',
    [{ allowedRoutes: { kinds: [{ kind: 'Nope' }, { kind: 'HTTPRoute' }] } }],
    {},
    [
      'Accepted=True Accepted',
      'Programmed=True Programmed',
      'ResolvedRefs=False ListenersNotResolved',
    ],
    {
      http: [
        'Accepted=True Accepted',
        'Conflicted=False NoConflicts',
        'ResolvedRefs=False InvalidRouteKinds',
        'Programmed=True Programmed',
      ],
    },
  ],
  [
    'a certificate that is none',
    [{ ...HTTPS, tls: { certificateRefs: [{ kind: 'ConfigMap', name: 'web' }] } }],
    {},
    [
      'Accepted=True Accepted',
      'Programmed=False Invalid',
      'ResolvedRefs=False ListenersNotResolved',
    ],
    {
      https: [
        'Accepted=True Accepted',
        'Conflicted=False NoConflicts',
        'ResolvedRefs=False InvalidCertificateRef',
        'Programmed=False Invalid',
      ],
    },
  ],
  [
    'a certificate that is none, beside one that is',
    [{ ...HTTPS, tls: { certificateRefs: [{ kind: 'ConfigMap', name: 'a' }, { name: 'web' }] } }],
    {},
    [
      'Accepted=True Accepted',
      'Programmed=True Programmed',
      'ResolvedRefs=False ListenersNotResolved',
    ],
    {
      https: [
        'Accepted=True Accepted',
        'Conflicted=False NoConflicts',
        'ResolvedRefs=False InvalidCertificateRef',
        'Programmed=True Programmed',
      ],
    },
  ],
  [
    'a selector that is missing: no route comes in by it',
    [{ allowedRoutes: { namespaces: { from: 'Selector' } } }],
    {},
    ['Accepted=True Accepted', 'Programmed=True Programmed', 'ResolvedRefs=True ResolvedRefs'],
    { http: [...FINE, 'windrose.dev/Ignored=True NotHonored'] },
  ],
  [
    'authorities of clients that are none, at one port',
    [HTTPS, { ...HTTPS, name: 'b', port: 444 }],
    {
      tls: {
        frontend: {
          default: {},
          perPort: [
            {
              port: 444,
              tls: { validation: { caCertificateRefs: [{ kind: 'Secrets', name: 'ca' }] } },
            },
          ],
        },
      },
    },
    [
      'Accepted=True ListenersNotValid',
      'Programmed=True Programmed',
      'ResolvedRefs=False ListenersNotResolved',
    ],
    {
      https: FINE,
      b: [
        'Accepted=False NoValidCACertificate',
        'Conflicted=False NoConflicts',
        'ResolvedRefs=False InvalidCACertificateKind',
        'Programmed=False Invalid',
      ],
    },
  ],
  [
    'clients that need no certificate after all',
    [HTTPS],
    {
      tls: {
        frontend: {
          default: {
            validation: {
              caCertificateRefs: [{ kind: 'ConfigMap', name: 'ca' }],
              mode: 'AllowInsecureFallback',
            },
          },
        },
      },
    },
    [
      'Accepted=True Accepted',
      'Programmed=True Programmed',
      'ResolvedRefs=True ResolvedRefs',
      'InsecureFrontendValidationMode=True ConfigurationChanged',
    ],
    { https: FINE },
  ],
  [
    'a certificate of its own that it may not have',
    [HTTPS],
    { tls: { backend: { clientCertificateRef: { namespace: 'bank', name: 'web' } } } },
    ['Accepted=True Accepted', 'Programmed=True Programmed', 'ResolvedRefs=False RefNotPermitted'],
    { https: FINE },
  ],
  [
    'hosts of two certificates that overlap',
    [
      { ...HTTPS, name: 'wild', hostname: '*.example.com' },
      { ...HTTPS, name: 'one', hostname: 'a.example.com' },
      { ...HTTPS, name: 'far', hostname: 'a.example.org' },
    ],
    {},
    ['Accepted=True Accepted', 'Programmed=True Programmed', 'ResolvedRefs=True ResolvedRefs'],
    {
      wild: [...FINE, 'OverlappingTLSConfig=True OverlappingHostnames'],
      one: [...FINE, 'OverlappingTLSConfig=True OverlappingHostnames'],
      far: FINE,
    },
  ],
  [
    'an address of a type that no socket has',
    [{}],
    { addresses: [{ type: 'NamedAddress', value: 'one' }] },
    [
      'Accepted=False UnsupportedAddress',
      'Programmed=False Invalid',
      'ResolvedRefs=True ResolvedRefs',
    ],
    { http: [...FINE.slice(0, 3), 'Programmed=False Invalid'] },
  ],
  [
    'an address that is none, beside one that is',
    [{}],
    { addresses: [{ value: 'nonsense' }, { value: '127.0.0.2' }] },
    [
      'Accepted=True Accepted',
      'Programmed=False AddressNotUsable',
      'ResolvedRefs=True ResolvedRefs',
    ],
    { http: FINE },
  ],
  [
    'an address that is left to the proxy',
    [{}],
    { addresses: [{ type: 'IPAddress' }] },
    ['Accepted=True Accepted', 'Programmed=True Programmed', 'ResolvedRefs=True ResolvedRefs'],
    { http: FINE },
  ],
  [
    'what a proxy cannot honour',
    [{}],
    { infrastructure: { labels: { a: 'b' } } },
    [
      'Accepted=True Accepted',
      'Programmed=True Programmed',
      'ResolvedRefs=True ResolvedRefs',
      'windrose.dev/Ignored=True NotHonored',
    ],
    { http: FINE },
  ],
  [
    'parameters',
    [{}],
    { infrastructure: { parametersRef: { group: '', kind: 'ConfigMap', name: 'p' } } },
    [
      'Accepted=False InvalidParameters',
      'Programmed=False Invalid',
      'ResolvedRefs=True ResolvedRefs',
    ],
    { http: [...FINE.slice(0, 3), 'Programmed=False Invalid'] },
  ],
];

describe('a Gateway', () => {
  it.each(GATEWAYS)('%s', (_, listeners, spec, conditions, ofListeners) => {
    const status = statusIn<GatewayStatus>(
      new World(gateway('edge', listeners, spec)),
      'Gateway/shop/edge',
    );
    expect(said(status.conditions)).toEqual(conditions);
    expect(
      Object.fromEntries(status.listeners.map((each) => [each.name, said(each.conditions)])),
    ).toEqual(ofListeners);
  });

  it('counts accepted routes by listener, whatever the listener is like', () => {
    const world = new World(
      APP,
      gateway('edge', [
        { hostname: 'a.test' },
        { name: 'none', port: 81 },
        { ...HTTPS, tls: { certificateRefs: [{ kind: 'Nope', name: 'web' }] } },
      ]),
      route('both', { rules: [rule('/', 'app')] }),
      route('one', {
        parentRefs: [{ name: 'edge', sectionName: 'http' }],
        rules: [rule('/', 'gone')],
      }),
      route('elsewhere', {
        parentRefs: [{ name: 'edge', sectionName: 'http' }],
        hostnames: ['b.test'],
        rules: [rule('/', 'app')],
      }),
    );
    const { listeners } = statusIn<GatewayStatus>(world, 'Gateway/shop/edge');
    expect(listeners.map((each) => [each.name, each.attachedRoutes])).toEqual([
      ['http', 2],
      ['none', 1],
      ['https', 1],
    ]);
  });

  it('tells of a port in use and a broken certificate as the proxy that knows', () => {
    const world = new World(gateway('edge', [{}, HTTPS]));
    const resource = 'Gateway/shop/edge';
    const path = 'spec.listeners[name=http].port';
    const at = 'spec.listeners[name=https].tls.certificateRefs';
    const reason = 'cannot_apply';
    const problems = [
      { resource, path, reason, message: 'port 80 is in use' },
      { resource, path: at, reason, message: 'the key is not that of the certificate' },
    ] as const;
    const live = { problems, address: '127.0.0.1' };
    const status = statusIn<GatewayStatus>(world, resource, live);
    expect(status.addresses).toEqual([{ type: 'IPAddress', value: '127.0.0.1' }]);
    expect(status.listeners.map(({ conditions }) => said(conditions))).toEqual([
      [
        'Accepted=False PortUnavailable',
        'Conflicted=False NoConflicts',
        'ResolvedRefs=True ResolvedRefs',
        'Programmed=False PortUnavailable',
      ],
      [
        'Accepted=True Accepted',
        'Conflicted=False NoConflicts',
        'ResolvedRefs=False InvalidCertificateRef',
        'Programmed=False Invalid',
      ],
    ]);
    expect(said(status.conditions)).toEqual([
      'Accepted=True ListenersNotValid',
      'Programmed=False Invalid',
      'ResolvedRefs=False ListenersNotResolved',
    ]);
  });
});

describe('kinds', () => {
  it.each([
    [{}, ['HTTPRoute', 'GRPCRoute']],
    [{ allowedRoutes: { kinds: [{ kind: 'GRPCRoute' }] } }, ['GRPCRoute']],
    [{ allowedRoutes: { kinds: [{ kind: 'TLSRoute' }] } }, []],
    [{ allowedRoutes: { kinds: [{ group: 'a.example', kind: 'HTTPRoute' }] } }, []],
    [{ protocol: 'TLS', tls: TLS }, ['TLSRoute', 'TCPRoute']],
    [{ protocol: 'TLS', tls: { mode: 'Passthrough' } }, ['TLSRoute']],
    [{ protocol: 'TCP' }, ['TCPRoute']],
    [{ protocol: 'UDP' }, []],
  ])('of a listener %j are %j', (listener, kinds) => {
    const world = new World(gateway('edge', [listener]));
    const { listeners } = statusIn<GatewayStatus>(world, 'Gateway/shop/edge');
    expect(listeners[0]?.supportedKinds.map(({ kind }) => kind)).toEqual(kinds);
  });
});

test('a class of another controller and its Gateways are not ours, and nothing is wrong', () => {
  const edge = gateway('edge', [{}], { gatewayClassName: 'theirs' });
  const world = new World(APP, gatewayClass('theirs', 'example.com/theirs'), edge, route('r', {}));
  expect(world.findings).toEqual([]);
  expect(world.snapshot.listeners).toEqual([]);
  expect(statusIn(world, 'GatewayClass/-/theirs')).toBeUndefined();
  expect(statusIn(world, 'Gateway/shop/edge')).toBeUndefined();
  expect(statusIn<RouteStatus>(world, 'HTTPRoute/shop/r').parents).toEqual([]);
  world.apply(gatewayClass('theirs'));
  expect(world.snapshot.listeners).toHaveLength(1);
  expect(statusIn<RouteStatus>(world, 'HTTPRoute/shop/r').parents).toHaveLength(1);
});

test('a class says what it supports, in the order of the alphabet, and takes no parameters', () => {
  const parametersRef = { group: '', kind: 'ConfigMap', name: 'p' };
  const world = new World(gatewayClass('a'), gatewayClass('b', undefined, { parametersRef }));
  const status = statusIn<GatewayClassStatus>(world, 'GatewayClass/-/a');
  expect(said(status.conditions)).toEqual([
    'Accepted=True Accepted',
    'SupportedVersion=True SupportedVersion',
  ]);
  const names = status.supportedFeatures.map(({ name }) => name);
  expect(names).toContain('ListenerSet');
  expect(names).toEqual(names.toSorted());
  const refused = 'Accepted=False InvalidParameters';
  const of = statusIn<GatewayClassStatus>(world, 'GatewayClass/-/b');
  expect(said(of.conditions)).toContain(refused);
  world.apply(gateway('edge', [{}], { gatewayClassName: 'b' }));
  expect(world.snapshot.listeners).toEqual([]);
  expect(said(statusIn<GatewayStatus>(world, 'Gateway/shop/edge').conditions)).toContain(refused);
});

test('conditions speak of the generation that was compiled, since the resource is there', () => {
  const world = new World(gateway('edge', [{}]));
  world.apply(gateway('edge', [{ port: 81 }]));
  const [condition] = statusIn<GatewayStatus>(world, 'Gateway/shop/edge').conditions;
  expect(condition).toEqual({
    ...{ type: 'Accepted', status: 'True', reason: 'Accepted', message: 'it is valid' },
    ...{ observedGeneration: 2, lastTransitionTime: '2026-01-01T00:00:00Z' },
  });
});
