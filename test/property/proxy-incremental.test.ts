import { expect, test } from 'vitest';
import type { ResourceRef } from '#contracts/names.ts';
import { dump } from '../unit/proxy/support/dump.ts';
import {
  World,
  gateway,
  oneOf,
  own,
  route,
  rule,
  seeded,
  service,
  slice,
} from '../unit/proxy/support/world.ts';

type Random = () => number;

const SERVICES = ['one', 'two', 'three'];
const HASHES = ['a', 'b', 'c'].map((digit) => digit.repeat(64));

function someTarget(random: Random): object {
  return oneOf(random, [
    { kind: 'Gateway', name: 'edge' },
    { kind: 'Gateway', name: 'edge', sectionName: oneOf(random, ['http', 'other', 'none']) },
    { kind: 'HTTPRoute', name: oneOf(random, ['r1', 'r2', 'r3']) },
    { kind: 'HTTPRoute', name: oneOf(random, ['r1', 'r2']), sectionName: 'named' },
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
  ];
  return parents.filter((_, index) => random() < (index === 0 ? 0.7 : 0.25));
}

function someRoute(random: Random): object {
  const parentRefs = someParents(random);
  const rules = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
    rule(oneOf(random, ['/', '/a', '/a/b', '/b/']), oneOf(random, [...SERVICES, 'missing']), {
      ...(random() < 0.4 ? { name: 'named' } : {}),
    }),
  );
  return route(oneOf(random, ['r1', 'r2', 'r3', 'r4']), {
    parentRefs: parentRefs.length === 0 ? [{ name: 'edge' }] : parentRefs,
    ...(random() < 0.5 ? { hostnames: [oneOf(random, ['a.example', '*.example', 'b.test'])] } : {}),
    rules,
  });
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
  const certificateRefs = [{ name: oneOf(random, ['web', 'db']) }];
  return oneOf(random, [
    { name: 'tls', protocol: 'HTTPS', port: oneOf(random, [443, 80]), tls: { certificateRefs } },
    { name: 'tls', protocol: 'TLS', port: 443, tls: { mode: 'Passthrough' } },
    { name: 'tls', protocol: 'TLS', port: 443, hostname: '*.example', tls: { certificateRefs } },
    { name: 'tls', protocol: 'TCP', port: oneOf(random, [5432, 80]) },
  ]);
}

/** A TLSRoute, a TCPRoute, or how a Service's endpoints are called. */
function someStream(random: Random): object {
  const metadata = { name: oneOf(random, ['s1', 's2']), namespace: 'shop' };
  const backendRefs = [{ name: oneOf(random, [...SERVICES, 'missing']), port: 80 }];
  const spec = { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs }] };
  const group = 'gateway.networking.k8s.io';
  const target = { kind: 'Service', name: oneOf(random, SERVICES) };
  const section = random() < 0.5 ? {} : { sectionName: oneOf(random, ['http', 'none']) };
  const targetRefs = [{ ...target, ...section }];
  return oneOf(random, [
    { apiVersion: `${group}/v1alpha2`, kind: 'TCPRoute', metadata, spec },
    {
      ...{ apiVersion: `${group}/v1`, kind: 'TLSRoute', metadata },
      spec: { ...spec, hostnames: [oneOf(random, ['a.example', '*.example', 'b.test'])] },
    },
    {
      ...{ apiVersion: `${group}/v1`, kind: 'BackendTLSPolicy', metadata },
      spec: {
        targetRefs,
        validation: {
          hostname: oneOf(random, ['a.internal', 'b.internal']),
          ...(random() < 0.8 ? { wellKnownCACertificates: 'System' } : {}),
        },
      },
    },
  ]);
}

function someService(random: Random): object {
  const ports = oneOf(random, [
    [{ port: 80 }],
    [{ port: 81 }],
    [
      { name: 'http', port: 80 },
      { name: 'admin', port: 81 },
    ],
  ]);
  return service(oneOf(random, SERVICES), ports);
}

function somePolicy(random: Random): object {
  const name = oneOf(random, ['p1', 'p2', 'p3']);
  const serviceTarget = { kind: 'Service', name: oneOf(random, SERVICES) };
  return oneOf(random, [
    () => own('AuthenticationPolicy', name, { targetRefs: [someTarget(random)], apiKey: {} }),
    () =>
      own('RateLimitPolicy', name, {
        targetRefs: [someTarget(random), serviceTarget],
        limits: [{ name: 'all', requests: 10, per: oneOf(random, ['1s', '0s']) }],
      }),
    () =>
      own('TrafficPolicy', name, {
        targetRefs: [serviceTarget],
        loadBalancing: { type: oneOf(random, ['Random', 'RoundRobin']) },
      }),
    () =>
      own('ListenerPolicy', name, {
        targetRefs: [oneOf(random, [someGatewayTarget(random), serviceTarget])],
        trustedHops: { cidrs: [oneOf(random, ['10.0.0.0/8', 'nonsense'])] },
        limits: { connections: oneOf(random, [10, 20]) },
      }),
    () =>
      own('FaultPolicy', name, {
        targetRefs: [serviceTarget],
        expires: '2027-01-01T00:00:00Z',
        abort: { percent: 10, status: 503 },
      }),
  ])();
}

function someOther(random: Random): object {
  return oneOf(random, [
    () => slice(oneOf(random, SERVICES), [oneOf(random, ['127.0.0.1', '10.0.0.1', '10.9.0.1'])]),
    () =>
      own('Mesh', oneOf(random, ['m1', 'm2']), {
        endpointCidrs: [oneOf(random, ['127.0.0.0/8', '10.0.0.0/16', 'nonsense'])],
      }),
    () =>
      own('Consumer', oneOf(random, ['c1', 'c2', 'c3']), {
        credentials: [{ type: 'APIKey', id: 'k', sha256: oneOf(random, HASHES) }],
      }),
    () => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'special' },
      spec: { controllerName: 'windrose.dev/gateway' },
    }),
  ])();
}

function someDocument(random: Random): object {
  const kinds = [someRoute, someRoute, someGateway, someService, somePolicy, someStream, someOther];
  return oneOf(random, kinds)(random);
}

function someDeletes(random: Random, world: World): ResourceRef[] {
  const keys = [...world.state.entries.keys()];
  if (keys.length === 0 || random() < 0.6) return [];
  const [kind = '', namespace = '', name = ''] = oneOf(random, keys).split('/');
  return [namespace === '-' ? { kind, name } : { kind, namespace, name }];
}

test('compiling a change gives what compiling everything gives', () => {
  let problems = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const random = seeded(seed);
    const world = new World();
    for (let step = 0; step < 60; step++) {
      const documents = Array.from({ length: Math.floor(random() * 4) }, () =>
        someDocument(random),
      );
      world.change(unique(documents), someDeletes(random, world));
      const full = world.full();
      problems += full.problems.length;
      expect(world.problems, `seed ${seed}, step ${step}`).toEqual(full.problems);
      expect(dump(world.snapshot), `seed ${seed}, step ${step}`).toEqual(dump(full.snapshot));
    }
  }
  expect(problems).toBeGreaterThan(1_000);
});

/** A change-set names a resource once. */
function unique(documents: object[]): object[] {
  const byName = new Map(
    documents.map((document) => {
      const { kind, metadata } = document as { kind: string; metadata: { name: string } };
      return [`${kind}/${metadata.name}`, document];
    }),
  );
  return [...byName.values()];
}
