import type { ResourceRef } from '#contracts/names.ts';
import type { Kind } from '#contracts/resources/index.ts';
import type { MeshState } from '#platform/state.ts';
import { type Random, someMatch } from './some-routes.ts';
import { gateway, grant, listenerSet, oneOf, own, route, service, slice } from './world.ts';

const SERVICES = ['one', 'two', 'three'];
const HOSTNAMES = ['a.example', '*.example', '*.a.example', 'other.test'];
const VAULT = { name: 'vault', namespace: 'bank', port: 80 };
const HASHES = ['a', 'b', 'c'].map((digit) => digit.repeat(64));

function someTarget(random: Random): object {
  return oneOf(random, [
    { kind: 'Gateway', name: 'edge' },
    { kind: 'Gateway', name: 'edge', sectionName: oneOf(random, ['http', 'other', 'none']) },
    { kind: 'HTTPRoute', name: oneOf(random, ['r1', 'r2', 'r3']) },
    { kind: 'HTTPRoute', name: oneOf(random, ['r1', 'r2']), sectionName: 'named' },
    { kind: 'GRPCRoute', name: oneOf(random, ['r1', 'g1']), sectionName: 'named' },
    { kind: 'Service', name: oneOf(random, SERVICES) },
  ]);
}

function someGatewayTarget(random: Random): object {
  const section = oneOf(random, ['http', 'other', 'none', '']);
  return {
    ...{ kind: 'Gateway', name: oneOf(random, ['edge', 'side']) },
    ...(section === '' ? {} : { sectionName: section }),
  };
}

function someParents(random: Random): object[] {
  const parents = [
    { name: 'edge' },
    { name: 'edge', sectionName: 'other' },
    { name: 'side' },
    { kind: 'Service', group: '', name: oneOf(random, SERVICES) },
    { kind: 'Service', group: '', name: oneOf(random, SERVICES), port: 80 },
    { kind: 'Service', group: '', name: oneOf(random, SERVICES), namespace: 'bank' },
  ];
  return parents.filter((_, index) => random() < (index === 0 ? 0.7 : 0.25));
}

function someFilter(random: Random): object {
  const backendRef = { name: oneOf(random, [...SERVICES, 'missing']), port: 80 };
  const path = { type: 'ReplacePrefixMatch', replacePrefixMatch: oneOf(random, ['', '/x', 'x']) };
  return oneOf(random, [
    { type: 'RequestMirror', requestMirror: { backendRef, percent: 10 } },
    { type: 'URLRewrite', urlRewrite: { path } },
    { type: 'CORS', cors: { allowOrigins: [oneOf(random, ['*', 'https://*.a'])] } },
  ]);
}

/** Of every type of match; now and then one that cannot be made. */
function someMatches(random: Random): object[] {
  const broken = {
    path: oneOf(random, [{ type: 'RegularExpression', value: '(' }, { value: '/a%2Fb' }]),
  };
  const count = Math.floor(random() * 4);
  return Array.from({ length: count }, () => (random() < 0.05 ? broken : someMatch(random, 0.3)));
}

function someRoute(random: Random): object {
  const parentRefs = someParents(random);
  const rules = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    matches: someMatches(random),
    backendRefs: someBackends(random),
    ...(random() < 0.4 ? { name: 'named' } : {}),
    ...(random() < 0.3 ? { filters: [someFilter(random)] } : {}),
  }));
  return route(oneOf(random, ['r1', 'r2', 'r3', 'r4']), {
    parentRefs: parentRefs.length === 0 ? [{ name: 'edge' }] : parentRefs,
    ...(random() < 0.5 ? { hostnames: [oneOf(random, HOSTNAMES)] } : {}),
    rules,
  });
}

/** Asks for hostnames that HTTPRoutes ask for, too, of which the older kind has each. */
function someCalls(random: Random): object {
  const parentRefs = someParents(random);
  const service = oneOf(random, ['pkg.One', 'pkg.Two']);
  return {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GRPCRoute' },
    metadata: { name: oneOf(random, ['r1', 'g1', 'g2']), namespace: 'shop' },
    spec: {
      parentRefs: parentRefs.length === 0 ? [{ name: 'edge' }] : parentRefs,
      ...(random() < 0.5 ? { hostnames: [oneOf(random, ['a.example', '*.example'])] } : {}),
      rules: [
        {
          ...(random() < 0.4 ? { name: 'named' } : {}),
          matches: someMethods(random, service),
          backendRefs: [{ name: oneOf(random, SERVICES), port: 80 }],
          ...(random() < 0.3 ? { sessionPersistence: {} } : {}),
        },
      ],
    },
  };
}

function someMethods(random: Random, service: string): object[] {
  const methods = [{ service }, { service, method: 'Get' }, { method: 'Get' }];
  const expression = { type: 'RegularExpression', service: 'pkg[.].+', method: 'G.*' };
  return [{ method: oneOf(random, methods) }, { method: expression }, {}].filter(
    (_, index) => random() < (index === 0 ? 1 : 0.2),
  );
}

function someGateway(random: Random): object {
  const listeners = [
    { name: 'http', ...(random() < 0.5 ? { hostname: '*.example' } : {}) },
    { name: oneOf(random, ['other', 'third']), port: oneOf(random, [80, 81]) },
    ...(random() < 0.5 ? [someTlsListener(random)] : []),
  ];
  return gateway(oneOf(random, ['edge', 'side']), listeners, {
    gatewayClassName: oneOf(random, ['windrose', 'windrose', 'special']),
  });
}

function someTlsListener(random: Random): object {
  const certificateRefs = [
    oneOf(random, [{ name: 'web' }, { name: 'db' }, { name: 'web', namespace: 'bank' }]),
  ];
  return oneOf(random, [
    { name: 'tls', protocol: 'HTTPS', port: oneOf(random, [443, 80]), tls: { certificateRefs } },
    { name: 'tls', protocol: 'TLS', port: 443, tls: { mode: 'Passthrough' } },
    { name: 'tls', protocol: 'TLS', port: 443, hostname: '*.example', tls: { certificateRefs } },
    { name: 'tls', protocol: 'TCP', port: oneOf(random, [5432, 80]) },
  ]);
}

function someBackends(random: Random): object[] {
  const name = oneOf(random, [...SERVICES, 'missing']);
  return [random() < 0.2 ? VAULT : { name, port: 80 }];
}

function someStream(random: Random): object {
  const some = someParents(random);
  const parentRefs = some.length === 0 ? [{ name: 'edge' }] : some;
  return { parentRefs, rules: [{ backendRefs: someBackends(random) }] };
}

function ofGatewayApi(kind: Kind, name: string, spec: object): object {
  const metadata = kind === 'GatewayClass' ? { name } : { name, namespace: 'shop' };
  return { apiVersion: `gateway.networking.k8s.io/v1`, kind, metadata, spec };
}

/** Who of `shop` may refer to what in `bank`. */
function someGrant(random: Random): object {
  const kind = oneOf(random, ['HTTPRoute', 'TCPRoute', 'Gateway']);
  const secret = { kind: 'Secret', ...(random() < 0.5 ? { name: 'web' } : {}) };
  const to = oneOf(random, [{ kind: 'Service' }, { kind: 'Service', name: 'vault' }, secret]);
  return grant(`bank/${oneOf(random, ['g1', 'g2'])}`, { kind, namespace: 'shop' }, to);
}

function someService(random: Random): object {
  const ports = oneOf(random, [
    [{ port: 80 }],
    [{ port: 81 }],
    [{ port: 80, appProtocol: 'https' }],
    [
      { name: 'http', port: 80 },
      { name: 'admin', port: 81 },
    ],
  ]);
  const namespace = random() < 0.2 ? 'bank' : 'shop';
  const name = oneOf(random, [...SERVICES, 'bank/vault']);
  return service(name.includes('/') ? name : `${namespace}/${name}`, ports);
}

/** Of a policy. */
function someName(random: Random): string {
  return oneOf(random, ['p1', 'p2', 'p3']);
}

function someServiceRef(random: Random): object {
  return { kind: 'Service', name: oneOf(random, SERVICES) };
}

/** One entry for each kind that is compiled; how often it is chosen is in WEIGHTS. */
const SOME: Readonly<Record<Exclude<Kind, 'SLO'>, (random: Random) => object>> = {
  Namespace: (random) => ({
    ...{ apiVersion: 'v1', kind: 'Namespace' },
    metadata: { name: 'shop', labels: { team: oneOf(random, ['a', 'b']) } },
  }),
  Service: someService,
  EndpointSlice: (random) =>
    slice(oneOf(random, SERVICES), [oneOf(random, ['127.0.0.1', '10.0.0.1', '10.9.0.1'])]),
  GatewayClass: () =>
    ofGatewayApi('GatewayClass', 'special', { controllerName: 'windrose.dev/gateway' }),
  Secret: (random) => ({
    ...{ apiVersion: 'v1', kind: 'Secret' },
    metadata: { name: oneOf(random, ['web', 'db']), namespace: 'shop' },
    sealed: { digest: `hmac-sha256:${oneOf(random, ['a', 'b']).repeat(64)}`, keys: ['tls.crt'] },
  }),
  Gateway: someGateway,
  ListenerSet: (random) =>
    listenerSet(oneOf(random, ['set', 'more']), [{ port: oneOf(random, [80, 81, 82]) }]),
  HTTPRoute: someRoute,
  GRPCRoute: someCalls,
  TLSRoute: (random) =>
    ofGatewayApi('TLSRoute', oneOf(random, ['s1', 's2']), {
      ...someStream(random),
      hostnames: [oneOf(random, HOSTNAMES)],
    }),
  TCPRoute: (random) => ofGatewayApi('TCPRoute', oneOf(random, ['s1', 's2']), someStream(random)),
  BackendTLSPolicy: (random) =>
    ofGatewayApi('BackendTLSPolicy', oneOf(random, ['s1', 's2']), {
      targetRefs: [
        {
          ...{ ...someServiceRef(random), group: '' },
          ...(random() < 0.5 ? {} : { sectionName: oneOf(random, ['http', 'none']) }),
        },
      ],
      validation: {
        hostname: oneOf(random, ['a.internal', 'b.internal']),
        ...(random() < 0.8 ? { wellKnownCACertificates: 'System' } : {}),
      },
    }),
  ReferenceGrant: someGrant,
  Mesh: (random) =>
    own('Mesh', oneOf(random, ['m1', 'm2']), {
      endpointCidrs: [oneOf(random, ['127.0.0.0/8', '10.0.0.0/16', 'nonsense'])],
      outbound: { unknownHosts: oneOf(random, ['Allow', 'Refuse']) },
    }),
  Consumer: (random) =>
    own('Consumer', oneOf(random, ['c1', 'c2', 'c3']), {
      credentials: [{ type: 'APIKey', id: 'k', sha256: oneOf(random, HASHES) }],
    }),
  AuthenticationPolicy: (random) =>
    own('AuthenticationPolicy', someName(random), {
      ...{ targetRefs: [someTarget(random)], apiKey: {} },
    }),
  RateLimitPolicy: (random) =>
    own('RateLimitPolicy', someName(random), {
      targetRefs: [someTarget(random), someServiceRef(random)],
      limits: [{ name: 'all', requests: 10, per: oneOf(random, ['1s', '0s']) }],
    }),
  TrafficPolicy: (random) =>
    own('TrafficPolicy', someName(random), {
      targetRefs: [someServiceRef(random)],
      loadBalancing: { type: oneOf(random, ['Random', 'RoundRobin']) },
    }),
  ListenerPolicy: (random) =>
    own('ListenerPolicy', someName(random), {
      targetRefs: [oneOf(random, [someGatewayTarget(random), someServiceRef(random)])],
      trustedHops: { cidrs: [oneOf(random, ['10.0.0.0/8', 'nonsense'])] },
      limits: { connections: oneOf(random, [10, 20]) },
    }),
  FaultPolicy: (random) =>
    own('FaultPolicy', someName(random), {
      targetRefs: [someServiceRef(random)],
      expires: '2027-01-01T00:00:00Z',
      abort: { percent: 10, status: 503 },
    }),
  TelemetryPolicy: (random) =>
    own('TelemetryPolicy', someName(random), {
      targetRefs: [someTarget(random)],
      sampling: { percent: oneOf(random, [1, 50]) },
      pathTemplates: ['/a/{id}'],
    }),
};

/** Without a weight: 1. */
const WEIGHTS: Partial<Record<Kind, number>> = {
  ...{ HTTPRoute: 12, GRPCRoute: 5, TLSRoute: 2, TCPRoute: 2 },
  ...{ Gateway: 5, Service: 5, ReferenceGrant: 4 },
};
const CHOICES = Object.entries(SOME).flatMap(([kind, some]) =>
  Array.from({ length: WEIGHTS[kind as Kind] ?? 1 }, () => some),
);

/** A resource of any kind, often with something wrong. */
export function someDocument(random: Random): object {
  return oneOf(random, CHOICES)(random);
}

export function someDeletes(random: Random, state: MeshState): ResourceRef[] {
  const keys = [...state.entries.keys()];
  if (keys.length === 0 || random() < 0.6) return [];
  const [kind = '', namespace = '', name = ''] = oneOf(random, keys).split('/');
  return [namespace === '-' ? { kind, name } : { kind, namespace, name }];
}

/** A change-set names a resource once. */
export function unique(documents: object[]): object[] {
  const byName = new Map(
    documents.map((document) => {
      const { kind, metadata } = document as {
        kind: string;
        metadata: { name: string; namespace?: string };
      };
      return [`${kind}/${metadata.namespace}/${metadata.name}`, document];
    }),
  );
  return [...byName.values()];
}
