import { expect } from 'vitest';
import { leaf, trusting } from './certificates.ts';
import { conformanceTest } from './conformance.ts';
import { from, gateway, http, httpRoute, https, prefix, rule, takes } from './manifests.ts';

const V1 = 'infra-backend-v1';
const FINE = { Accepted: 'True', ResolvedRefs: 'True' } as const;
const HTTP = { supportedKinds: ['HTTPRoute'], conditions: FINE } as const;

conformanceTest('GatewayHTTPListenerIsolation', async (world) => {
  const sections = {
    'empty-hostname': undefined,
    'wildcard-example-com': '*.example.com',
    'wildcard-foo-example-com': '*.foo.example.com',
    'abc-foo-example-com': 'abc.foo.example.com',
  };
  const hosts = ['bar.com', 'bar.example.com', 'bar.foo.example.com', 'abc.foo.example.com'];
  const names = Object.keys(sections);
  const listeners = Object.entries(sections).map(([name, hostname]) =>
    http(name, { ...from('All'), ...(hostname === undefined ? {} : { hostname }) }),
  );
  const crossed = ['bar.com', '*.example.com', '*.foo.example.com', 'abc.foo.example.com'];
  for (const [gatewayName, hostnames] of [
    ['isolation', undefined],
    ['isolation-with-intersection', crossed],
  ] as const) {
    const section = (sectionName: string) => ({ name: gatewayName, sectionName });
    const routeOf = (name: string): string => `${gatewayName}-${name}`;
    await world.apply(
      gateway(gatewayName, listeners),
      ...names.map((name) =>
        httpRoute(
          routeOf(name),
          [section(name)],
          [rule(prefix(`/${name}`), V1)],
          hostnames === undefined ? {} : { hostnames },
        ),
      ),
    );
    for (const name of names) world.status.accepted(section(name), `HTTPRoute/${routeOf(name)}`);
    // A host is one listener's: the routes of the others are not asked, whatever they would take.
    await world.expect(
      gatewayName,
      hosts.flatMap((host, at) =>
        names.map((name, of) => [{ host, path: `/${name}` }, at === of ? V1 : 404] as const),
      ),
    );
  }
});

conformanceTest('GatewayModifyListeners', async (world) => {
  world.secret('tls-validity-checks', leaf(['secure.test.com']));
  const secure = https('https', 'tls-validity-checks', {
    ...from('All'),
    hostname: 'secure.test.com',
  });
  const plain = http('http', { ...from('All'), hostname: 'data.test.com' });
  const tls = trusting();
  await world.apply(
    gateway('add', [secure]),
    httpRoute('route-1', 'add', [rule(undefined, V1)]),
    gateway('remove', [secure, plain]),
    httpRoute('route-2', 'remove', [rule(undefined, V1)]),
  );
  await world.expect('add', [[{ host: 'secure.test.com' }, V1]], { tls });
  expect(world.gateway('add').isListeningOn(80)).toBe(false);

  await world.apply(gateway('add', [secure, plain]));
  world.status.listeners('add', [
    { name: 'https', attachedRoutes: 1, ...HTTP },
    { name: 'http', attachedRoutes: 1, ...HTTP },
  ]);
  world.status.isProgrammed('add');
  await world.expect('add', [[{ host: 'data.test.com' }, V1]]);
  await world.expect('add', [[{ host: 'secure.test.com' }, V1]], { tls });

  await world.expect('remove', [[{ host: 'data.test.com' }, V1]]);
  await world.apply(gateway('remove', [plain]));
  world.status.listeners('remove', [{ name: 'http', attachedRoutes: 1, ...HTTP }]);
  world.status.isProgrammed('remove');
  await world.expect('remove', [[{ host: 'data.test.com' }, V1]]);
  expect(world.gateway('remove').isListeningOn(443)).toBe(false);
});

conformanceTest('GatewayListenerUnsupportedProtocol', async (world) => {
  const invalid = { name: 'invalid', port: 1111, protocol: 'INVALID' };
  const unsupported = {
    ...{ name: 'invalid', attachedRoutes: 0, supportedKinds: [] },
    conditions: { Accepted: ['False', 'UnsupportedProtocol'] },
  } as const;
  await world.apply(
    gateway('only-unsupported', [invalid]),
    gateway('one-supported', [http('http'), invalid]),
  );
  world.status.conditions('Gateway/only-unsupported', {
    Accepted: ['False', 'ListenersNotValid'],
  });
  world.status.listeners('only-unsupported', [unsupported]);
  world.status.conditions('Gateway/one-supported', { Accepted: ['True', 'ListenersNotValid'] });
  world.status.listeners('one-supported', [
    { name: 'http', attachedRoutes: 0, supportedKinds: ['HTTPRoute'] },
    unsupported,
  ]);
  await world.expect('one-supported', [[{ path: '/' }, 404]]);
});

conformanceTest('GatewayInvalidRouteKind', async (world) => {
  const conditions = { ResolvedRefs: ['False', 'InvalidRouteKinds'] } as const;
  await world.apply(
    gateway('only-invalid', [http('http', takes('InvalidRoute'))]),
    gateway('one-valid', [http('http', takes('InvalidRoute', 'HTTPRoute'))]),
  );
  world.status.listeners('only-invalid', [
    { name: 'http', attachedRoutes: 0, supportedKinds: [], conditions },
  ]);
  world.status.listeners('one-valid', [
    { name: 'http', attachedRoutes: 0, supportedKinds: ['HTTPRoute'], conditions },
  ]);
});

conformanceTest('GatewayWithAttachedRoutes', async (world) => {
  const own = {
    allowedRoutes: {
      kinds: [{ kind: 'HTTPRoute' }],
      namespaces: {
        from: 'Selector',
        selector: { matchLabels: { 'kubernetes.io/metadata.name': 'infra' } },
      },
    },
  };
  const hostnames = ['not-accepted.test.com'];
  await world.apply(
    gateway('one', [http('http', own)]),
    httpRoute('route-1', 'one', [rule(undefined, V1)]),
    gateway('two', [http('http', { ...own, hostname: 'foo.example.com' })]),
    httpRoute('route-2', 'two', [rule(undefined, V1)]),
    httpRoute('route-3', 'two', [rule(undefined, V1)]),
    httpRoute('not-accepted', 'two', [rule(undefined, V1)], { hostnames }),
    gateway('unresolved', [https('tls', 'does-not-exist', own)]),
    httpRoute(
      'route-4',
      [{ name: 'unresolved', sectionName: 'tls' }],
      [rule(undefined, 'does-not-exist')],
    ),
  );
  world.status.listeners('one', [{ name: 'http', attachedRoutes: 1, ...HTTP }]);
  world.status.listeners('two', [{ name: 'http', attachedRoutes: 2, ...HTTP }]);
  world.status.refused('two', 'HTTPRoute/not-accepted', 'NoMatchingListenerHostname');
  world.status.listeners('unresolved', [
    {
      ...{ name: 'tls', attachedRoutes: 1, supportedKinds: ['HTTPRoute'] },
      conditions: { Programmed: 'False', ResolvedRefs: 'False' },
    },
  ]);
  const parent = { name: 'unresolved', sectionName: 'tls' };
  world.status.parent(parent, 'HTTPRoute/route-4', { ResolvedRefs: 'False' });
});

conformanceTest('GatewayWithAttachedRoutesWithPort8080', async (world) => {
  await world.apply(
    gateway('two-listeners', [http('http-unattached', { port: 8080 }), http('http')]),
    httpRoute('route-1', [{ name: 'two-listeners', sectionName: 'http' }], [rule(undefined, V1)]),
  );
  world.status.listeners('two-listeners', [
    { name: 'http-unattached', attachedRoutes: 0, ...HTTP },
    { name: 'http', attachedRoutes: 1, ...HTTP },
  ]);
  await world.expect('two-listeners', [[{ path: '/' }, V1]]);
  await world.expect('two-listeners', [[{ path: '/' }, 404]], { port: 8080 });
});
