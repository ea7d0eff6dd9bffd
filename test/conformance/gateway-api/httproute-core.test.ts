import { expect } from 'vitest';
import { conformanceTest } from './conformance.ts';
import { ALL, BACKENDS, SAME, exact, httpRoute, prefix, rule, to } from './manifests.ts';

const [V1, V2, V3] = ['infra-backend-v1', 'infra-backend-v2', 'infra-backend-v3'] as const;

conformanceTest('HTTPRouteSimpleSameNamespace', async (world) => {
  await world.apply(SAME, httpRoute('simple', 'same-namespace', [rule(undefined, V1)]));
  world.status.accepted('same-namespace', 'HTTPRoute/simple');
  await world.expect('same-namespace', [[{ path: '/' }, V1]]);
});

conformanceTest('HTTPRouteCrossNamespace', async (world) => {
  const name = 'web-backend/cross-namespace';
  await world.apply(
    BACKENDS,
    httpRoute(name, 'infra/backend-namespaces', [rule(undefined, 'web-backend')]),
  );
  world.status.accepted('infra/backend-namespaces', `HTTPRoute/${name}`);
  await world.expect('backend-namespaces', [[{ path: '/' }, 'web-backend/web-backend']]);
});

conformanceTest('HTTPRouteMultipleGateways', async (world) => {
  await world.apply(
    ...[SAME, ALL],
    httpRoute('shared', ['same-namespace', 'all-namespaces'], [rule(prefix('/shared'), V1)]),
    httpRoute('same-dedicated', 'same-namespace', [rule(prefix('/'), V2)]),
    httpRoute('all-dedicated', 'all-namespaces', [rule(prefix('/'), V3)]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/shared', 'HTTPRoute/same-dedicated');
  world.status.accepted('all-namespaces', 'HTTPRoute/shared', 'HTTPRoute/all-dedicated');
  await world.expect('same-namespace', [
    [{ path: '/shared' }, V1],
    [{ path: '/' }, V2],
  ]);
  await world.expect('all-namespaces', [
    [{ path: '/shared' }, V1],
    [{ path: '/' }, V3],
  ]);
});

conformanceTest('HTTPRouteNoBackendRefs', async (world) => {
  await world.apply(
    SAME,
    httpRoute('omitted-backendrefs', 'same-namespace', [
      rule(exact('/omitted-no-forward'), undefined),
      rule(exact('/empty-no-forward'), []),
      rule(prefix('/'), V1),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/omitted-backendrefs');
  await world.expect('same-namespace', [
    [{ path: '/forward' }, V1],
    [{ path: '/omitted-no-forward' }, 500],
    [{ path: '/empty-no-forward' }, 500],
  ]);
});

conformanceTest('HTTPRouteWeight', async (world) => {
  const backends = [to(V1, { weight: 70 }), to(V2, { weight: 30 }), to(V3, { weight: 0 })];
  await world.apply(SAME, httpRoute('weighted', 'same-namespace', [rule(undefined, backends)]));
  world.status.accepted('same-namespace', 'HTTPRoute/weighted');
  const shares = await world.shares('same-namespace', { path: '/' });
  expect(shares).toEqual({ [V1]: expect.closeTo(0.7, 1), [V2]: expect.closeTo(0.3, 1) });
});
