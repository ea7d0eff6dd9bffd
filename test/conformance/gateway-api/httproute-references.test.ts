import { type World, conformanceTest } from './conformance.ts';
import {
  SAME,
  from,
  gateway,
  grant,
  headers,
  http,
  httpRoute,
  prefix,
  rule,
  takes,
  tls,
  to,
  wrongGrants,
} from './manifests.ts';

const [V1, V2] = ['infra-backend-v1', 'infra-backend-v2'] as const;
const NO_ROUTES = [{ name: 'http', attachedRoutes: 0 }];
const ROUTES = { kind: 'HTTPRoute', namespace: 'infra' };
const WEB = { kind: 'Service', name: 'web-backend' };

conformanceTest('HTTPRouteInvalidBackendRefUnknownKind', async (world) => {
  const backend = to(V1, { group: 'unknownkind.example.com', kind: 'NonExistent' });
  await world.apply(SAME, httpRoute('unknown', 'same-namespace', [rule(undefined, backend)]));
  world.status.unresolved('same-namespace', 'HTTPRoute/unknown', 'InvalidKind');
  await world.expect('same-namespace', [[{ path: '/v2' }, 500]]);
});

conformanceTest('HTTPRouteInvalidNonExistentBackendRef', async (world) => {
  const backend = to('infra/nonexistent');
  await world.apply(SAME, httpRoute('lost', 'same-namespace', [rule(undefined, backend)]));
  world.status.unresolved('same-namespace', 'HTTPRoute/lost', 'BackendNotFound');
  await world.expect('same-namespace', [[{ path: '/' }, 500]]);
});

conformanceTest('HTTPRouteInvalidCrossNamespaceBackendRef', async (world) => {
  const backend = to('web-backend/web-backend');
  await world.apply(SAME, httpRoute('foreign', 'same-namespace', [rule(undefined, backend)]));
  world.status.unresolved('same-namespace', 'HTTPRoute/foreign', 'RefNotPermitted');
  await world.expect('same-namespace', [[{ path: '/' }, 500]]);
});

conformanceTest('HTTPRouteInvalidReferenceGrant', async (world) => {
  const backend = to('web-backend/web-backend');
  await world.apply(
    SAME,
    ...wrongGrants(ROUTES, 'web-backend', WEB),
    httpRoute('foreign', 'same-namespace', [rule(undefined, backend)]),
  );
  world.status.unresolved('same-namespace', 'HTTPRoute/foreign', 'RefNotPermitted');
  await world.expect('same-namespace', [[{ path: '/' }, 500]]);
});

conformanceTest('HTTPRouteReferenceGrant', async (world) => {
  const backend = to('web-backend/web-backend');
  await world.apply(
    SAME,
    grant('web-backend/allow', ROUTES, WEB),
    httpRoute('foreign', 'same-namespace', [rule(undefined, backend)]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/foreign');
  await world.expect('same-namespace', [[{ path: '/' }, 'web-backend/web-backend']]);
  await world.delete({ kind: 'ReferenceGrant', namespace: 'web-backend', name: 'allow' });
  await world.expect('same-namespace', [[{ path: '/' }, 500]]);
});

conformanceTest('HTTPRoutePartiallyInvalidViaInvalidReferenceGrant', async (world) => {
  await world.apply(
    SAME,
    grant('app-backend/one', ROUTES, { kind: 'Service', name: 'app-backend-v1' }),
    httpRoute('partly', 'same-namespace', [
      rule(prefix('/v2'), to('app-backend/app-backend-v2')),
      rule(undefined, to('app-backend/app-backend-v1')),
    ]),
  );
  world.status.unresolved('same-namespace', 'HTTPRoute/partly', 'RefNotPermitted');
  await world.expect('same-namespace', [
    [{ path: '/v2' }, 500],
    [{ path: '/' }, 'app-backend/app-backend-v1'],
  ]);
});

conformanceTest('HTTPRouteInvalidCrossNamespaceParentRef', async (world) => {
  const name = 'web-backend/stray';
  const parent = 'infra/same-namespace';
  await world.apply(SAME, httpRoute(name, parent, [rule(undefined, 'web-backend')]));
  world.status.parent(parent, `HTTPRoute/${name}`, { ResolvedRefs: 'True' });
  world.status.refused(parent, `HTTPRoute/${name}`, 'NotAllowedByListeners');
  world.status.listeners('same-namespace', NO_ROUTES);
  await world.expect('same-namespace', [[{ path: '/' }, 404]]);
});

/** Each: a parent that names no listener there is. */
const NOWHERE = {
  HTTPRouteInvalidParentRefNotMatchingListenerPort: { port: 81 },
  HTTPRouteInvalidParentRefNotMatchingSectionName: { port: 80, sectionName: 'http1' },
  HTTPRouteInvalidParentRefSectionNameNotMatchingPort: { port: 81, sectionName: 'http' },
} as const;

async function nowhere(world: World, place: (typeof NOWHERE)[keyof typeof NOWHERE]) {
  const parent = { name: 'same-namespace', namespace: 'infra', ...place };
  await world.apply(SAME, httpRoute('stray', [parent], [rule(undefined, V1)]));
  world.status.parent(parent, 'HTTPRoute/stray', { ResolvedRefs: 'True' });
  world.status.refused(parent, 'HTTPRoute/stray', 'NoMatchingParent');
  world.status.listeners('same-namespace', NO_ROUTES);
  await world.expect('same-namespace', [[{ path: '/' }, 404]]);
}

conformanceTest('HTTPRouteInvalidParentRefNotMatchingListenerPort', async (world) => {
  await nowhere(world, NOWHERE.HTTPRouteInvalidParentRefNotMatchingListenerPort);
});

conformanceTest('HTTPRouteInvalidParentRefNotMatchingSectionName', async (world) => {
  await nowhere(world, NOWHERE.HTTPRouteInvalidParentRefNotMatchingSectionName);
});

conformanceTest('HTTPRouteInvalidParentRefSectionNameNotMatchingPort', async (world) => {
  await nowhere(world, NOWHERE.HTTPRouteInvalidParentRefSectionNameNotMatchingPort);
});

conformanceTest('HTTPRouteDisallowedKind', async (world) => {
  await world.apply(
    gateway('tlsroutes-only', [tls('tls', undefined, takes('TLSRoute'))]),
    httpRoute('disallowed-kind', 'tlsroutes-only', [rule(undefined, V1)]),
  );
  world.status.parent('tlsroutes-only', 'HTTPRoute/disallowed-kind', { ResolvedRefs: 'True' });
  world.status.refused('tlsroutes-only', 'HTTPRoute/disallowed-kind', 'NotAllowedByListeners');
  world.status.listeners('tlsroutes-only', [{ name: 'tls', attachedRoutes: 0 }]);
});

conformanceTest('HTTPRouteMultipleRoutesAttachmentSameHostnameIntersection', async (world) => {
  const host = 'abc.example.com';
  const longer = '/path/prefix/longer';
  const [a, b] = [headers(['Header-A', 'A']), headers(['Header-B', 'B'])];
  /** Each: the older route's match and the newer one's, and requests with who answers. */
  const shapes = {
    plain: [undefined, undefined, [[{ host }, V2]]],
    path: [prefix('/path/prefix'), prefix('/path'), [[{ host, path: longer }, V2]]],
    header: [
      { ...prefix('/path/prefix'), ...b },
      { ...prefix('/path'), ...a },
      [
        [{ host, path: longer, headers: { 'Header-A': 'A', 'Header-B': 'B' } }, V2],
        // What the more specific hostname's routes do not take is the other's.
        [{ host, path: longer, headers: { 'Header-B': 'B' } }, V1],
      ],
    ],
  } as const;
  /** Each: the hostnames of the listener, of the older route and of the newer one. */
  const hostnames = {
    exact: [host, '*.example.com', host],
    wildcard: ['*.example.com', '*.com', '*.example.com'],
  } as const;
  for (const [kind, [listener, older, newer]] of Object.entries(hostnames)) {
    for (const [shape, [olderMatch, newerMatch, cases]] of Object.entries(shapes)) {
      const name = `${kind}-${shape}`;
      await world.apply(
        gateway(name, [http('http', { ...from('Same'), hostname: listener })]),
        httpRoute(`${name}-older`, name, [rule(olderMatch, V1)], { hostnames: [older] }),
      );
      await world.apply(
        httpRoute(`${name}-newer`, name, [rule(newerMatch, V2)], { hostnames: [newer] }),
      );
      world.status.accepted(name, `HTTPRoute/${name}-older`, `HTTPRoute/${name}-newer`);
      await world.expect(name, cases);
    }
  }
});
