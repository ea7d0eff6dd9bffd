import { expect } from 'vitest';
import { leaf, trusting } from './certificates.ts';
import { type World, conformanceTest } from './conformance.ts';
import {
  from,
  gateway,
  http,
  https,
  route,
  rule,
  service,
  slice,
  tls,
  to,
  takes,
  wrongGrants,
} from './manifests.ts';
import { attempt, converse } from './streams.ts';

function tlsRoute(name: string, parent: string | object, hostname: string, backend: object) {
  return route('TLSRoute', name, [parent], [rule(undefined, backend)], { hostnames: [hostname] });
}

const WEB = leaf(['abc.example.com', 'other.example.com']);

/** Two servers that end TLS themselves. */
async function tlsBackends(world: World): Promise<void> {
  for (const name of ['tls-backend', 'tls-backend-2']) {
    await world.pod(name, 'tls', { tls: WEB });
  }
}

/** One Service with a port in the clear and one over TLS. */
async function tcpBackend(world: World): Promise<void> {
  const plain = await world.pod('tcp-backend', 'tcp', { hasService: false });
  const secure = await world.pod('tcp-backend', 'tls', { tls: WEB, hasService: false });
  const ports = { plain: 3000, secure: 8443 };
  await world.apply(
    service(
      'tcp-backend',
      Object.entries(ports).map(([name, port]) => ({ name, port })),
    ),
    slice('tcp-backend', [
      { name: 'plain', port: plain.port },
      { name: 'secure', port: secure.port },
    ]),
  );
}

conformanceTest('TLSRouteSimpleSameNamespace', async (world) => {
  await tcpBackend(world);
  await world.apply(
    gateway('tls-gateway', [tls('tls', undefined, { hostname: '*.example.com' })]),
    tlsRoute('simple', 'tls-gateway', 'abc.example.com', to('tcp-backend', { port: 8443 })),
  );
  world.status.accepted('tls-gateway', 'TLSRoute/simple');
  const port = world.port('tls-gateway', { port: 443 });
  expect(await converse(port, trusting('abc.example.com'))).toMatchObject({
    service: 'infra/tcp-backend',
    isTls: true,
    serverName: 'abc.example.com',
  });
});

conformanceTest('TLSRouteTerminateSimpleSameNamespace', async (world) => {
  await tcpBackend(world);
  world.secret('tls-terminate', leaf(['tls.example.com']));
  const listener = tls('tls', 'tls-terminate', { port: 8443, hostname: 'tls.example.com' });
  await world.apply(
    gateway('tls-gateway', [listener]),
    tlsRoute('terminated', 'tls-gateway', 'tls.example.com', to('tcp-backend', { port: 3000 })),
  );
  world.status.accepted('tls-gateway', 'TLSRoute/terminated');
  const port = world.port('tls-gateway', { port: 8443 });
  expect(await converse(port, trusting('tls.example.com'))).toMatchObject({
    service: 'infra/tcp-backend',
    isTls: false,
  });
});

conformanceTest('TLSRouteMixedTerminationSameNamespace', async (world) => {
  await tcpBackend(world);
  world.secret('tls-terminate', leaf(['tls.example.com']));
  await world.apply(
    gateway('tls-gateway', [
      tls('tls-terminate', 'tls-terminate', { port: 8883, hostname: 'tls.example.com' }),
      tls('tls-passthrough', undefined, { port: 8883, hostname: 'abc.example.com' }),
    ]),
    tlsRoute('passed', 'tls-gateway', 'abc.example.com', to('tcp-backend', { port: 8443 })),
    tlsRoute('ended', 'tls-gateway', 'tls.example.com', to('tcp-backend', { port: 3000 })),
  );
  world.status.accepted('tls-gateway', 'TLSRoute/passed', 'TLSRoute/ended');
  world.status.listeners('tls-gateway', [
    { name: 'tls-terminate', attachedRoutes: 1, supportedKinds: ['TLSRoute'] },
    { name: 'tls-passthrough', attachedRoutes: 1, supportedKinds: ['TLSRoute'] },
  ]);
  const port = world.port('tls-gateway', { port: 8883 });
  expect(await converse(port, trusting('tls.example.com'))).toMatchObject({ isTls: false });
  expect(await converse(port, trusting('abc.example.com'))).toMatchObject({
    isTls: true,
    serverName: 'abc.example.com',
  });
});

conformanceTest('TLSRouteHostnameIntersection', async (world) => {
  await tlsBackends(world);
  /** Each: the listener's hostname, and the routes' with their backends. */
  const cases: [string | undefined, [string, string][]][] = [
    ['abc.example.com', [['*.example.com', 'tls-backend']]],
    [
      '*.example.com',
      [
        ['abc.example.com', 'tls-backend'],
        ['*.com', 'tls-backend-2'],
      ],
    ],
    [
      '*.com',
      [
        ['abc.example.com', 'tls-backend'],
        ['*.example.com', 'tls-backend-2'],
      ],
    ],
    [
      undefined,
      [
        ['abc.example.com', 'tls-backend'],
        ['*.com', 'tls-backend-2'],
      ],
    ],
  ];
  for (const [index, [hostname, routes]] of cases.entries()) {
    const name = `tls-gateway-${index}`;
    const listener = tls('tls', undefined, hostname === undefined ? {} : { hostname });
    const names = routes.map((_, at) => `route-${index}-${at}`);
    await world.apply(
      gateway(name, [listener]),
      ...routes.map(([host, backend], at) => tlsRoute(names[at] ?? '', name, host, to(backend))),
    );
    world.status.accepted(name, ...names.map((each) => `TLSRoute/${each}`));
    const port = world.port(name, { port: 443 });
    const first = await converse(port, trusting('abc.example.com'));
    expect(first.service).toBe('infra/tls-backend');
    if (routes.length > 1) {
      const second = await converse(port, trusting('other.example.com'));
      expect(second.service).toBe('infra/tls-backend-2');
    }
    const stranger = hostname === undefined ? 'non.matching.org' : 'non.matching.com';
    expect(await attempt(port, trusting(stranger))).toBe('refused');
  }
});

conformanceTest('TLSRouteInvalidBackendRefNonexistent', async (world) => {
  await world.apply(
    gateway('tls-gateway', [tls('tls', undefined, from('Same'))]),
    tlsRoute('lost', 'tls-gateway', 'example.com', to('nonexistent', { port: 443 })),
  );
  world.status.unresolved('tls-gateway', 'TLSRoute/lost', 'BackendNotFound');
  const port = world.port('tls-gateway', { port: 443 });
  expect(await attempt(port, trusting('example.com'))).toBe('refused');
});

conformanceTest('TLSRouteInvalidBackendRefUnknownKind', async (world) => {
  await tlsBackends(world);
  const backend = to('tls-backend', { group: 'unknownkind.example.com', kind: 'NonExistent' });
  await world.apply(
    gateway('tls-gateway', [tls('tls', undefined, from('Same'))]),
    tlsRoute('unknown', 'tls-gateway', 'example.com', backend),
  );
  world.status.unresolved('tls-gateway', 'TLSRoute/unknown', 'InvalidKind');
  const port = world.port('tls-gateway', { port: 443 });
  expect(await attempt(port, trusting('example.com'))).toBe('refused');
});

conformanceTest('TLSRouteInvalidNoMatchingListenerHostname', async (world) => {
  await tlsBackends(world);
  const hosts = { exact: 'www.example.com', wildcard: '*.example.com' };
  for (const [name, hostname] of Object.entries(hosts)) {
    await world.apply(
      gateway(name, [tls('tls', undefined, { hostname })]),
      route('TLSRoute', `${name}-route`, name, [rule(undefined, 'tls-backend')], {
        hostnames: ['www.nomatch.com', '*.nomatch.com'],
      }),
    );
    world.status.refused(name, `TLSRoute/${name}-route`, 'NoMatchingListenerHostname');
    world.status.listeners(name, [{ name: 'tls', attachedRoutes: 0 }]);
    const port = world.port(name, { port: 443 });
    expect(await attempt(port, trusting('www.example.com'))).toBe('refused');
  }
});

conformanceTest('TLSRouteInvalidNoMatchingListener', async (world) => {
  await tlsBackends(world);
  world.secret('web', WEB);
  const backend = to('tls-backend');
  await world.apply(
    gateway('passthrough-only', [tls('tls', undefined, from('Same'))]),
    gateway('http-only', [http('http', from('Same'))]),
    gateway('https-only', [https('https', 'web', from('Same'))]),
    tlsRoute('on-http', 'http-only', 'tls.example.com', backend),
    tlsRoute('on-https', 'https-only', 'tls.example.com', backend),
    tlsRoute(
      'no-section',
      { name: 'passthrough-only', sectionName: 'nonexistent-listener' },
      'tls.example.com',
      backend,
    ),
  );
  world.status.refused('http-only', 'TLSRoute/on-http', 'NotAllowedByListeners');
  world.status.refused('https-only', 'TLSRoute/on-https', 'NotAllowedByListeners');
  const parent = { name: 'passthrough-only', sectionName: 'nonexistent-listener' };
  world.status.refused(parent, 'TLSRoute/no-section', 'NoMatchingParent');
  world.status.listeners('http-only', [{ name: 'http', attachedRoutes: 0 }]);
  world.status.listeners('https-only', [{ name: 'https', attachedRoutes: 0 }]);
  const port = world.port('passthrough-only', { port: 443 });
  expect(await attempt(port, trusting('tls.example.com'))).toBe('refused');
});

conformanceTest('TLSRouteInvalidReferenceGrant', async (world) => {
  await world.pod('app-backend/tls-backend', 'tls', { tls: WEB });
  const source = { kind: 'TLSRoute', namespace: 'infra' };
  await world.apply(
    ...wrongGrants(source, 'app-backend', { kind: 'Service', name: 'tls-backend' }),
    gateway('tls-gateway', [tls('tls', undefined, { hostname: '*.example.com' })]),
    tlsRoute('foreign', 'tls-gateway', 'abc.example.com', to('app-backend/tls-backend')),
  );
  world.status.unresolved('tls-gateway', 'TLSRoute/foreign', 'RefNotPermitted');
  const port = world.port('tls-gateway', { port: 443 });
  expect(await attempt(port, trusting('abc.example.com'))).toBe('refused');
});

conformanceTest('TLSRouteListenerPassthroughSupportedKinds', async (world) => {
  const listener = tls('tls', undefined, takes('TCPRoute', 'TLSRoute'));
  await world.apply(gateway('tls-gateway', [listener]));
  world.status.listeners('tls-gateway', [
    {
      name: 'tls',
      attachedRoutes: 0,
      supportedKinds: ['TLSRoute'],
      conditions: { ResolvedRefs: ['False', 'InvalidRouteKinds'] },
    },
  ]);
});

conformanceTest('TLSRouteListenerTerminateSupportedKinds', async (world) => {
  world.secret('tls-terminate', leaf(['terminate.example.com']));
  const more = { port: 8443, hostname: 'terminate.example.com' };
  await world.apply(gateway('tls-gateway', [tls('tls', 'tls-terminate', more)]));
  world.status.listeners('tls-gateway', [
    { name: 'tls', attachedRoutes: 0, supportedKinds: ['TLSRoute'] },
  ]);
});

conformanceTest('TLSRouteMultipleRoutesAttachmentSameHostnameIntersection', async (world) => {
  await tlsBackends(world);
  /** Each: the listener's hostname, the older route's and the newer route's. */
  const cases = [
    ['abc.example.com', '*.example.com', 'abc.example.com'],
    ['*.example.com', '*.com', '*.example.com'],
  ] as const;
  for (const [index, [hostname, older, newer]] of cases.entries()) {
    const name = `tls-gateway-${index}`;
    await world.apply(
      gateway(name, [tls('tls', undefined, { hostname })]),
      tlsRoute(`older-${index}`, name, older, to('tls-backend')),
    );
    await world.apply(tlsRoute(`newer-${index}`, name, newer, to('tls-backend-2')));
    world.status.accepted(name, `TLSRoute/older-${index}`, `TLSRoute/newer-${index}`);
    const port = world.port(name, { port: 443 });
    const { service: answered } = await converse(port, trusting('abc.example.com'));
    expect(answered).toBe('infra/tls-backend-2');
  }
});
