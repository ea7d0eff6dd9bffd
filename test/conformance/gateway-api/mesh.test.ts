import { expect } from 'vitest';
import { conformanceTest } from './conformance.ts';
import { CODES } from './grpc.ts';
import { MODIFIERS, requestCases } from './header-cases.ts';
import {
  exact,
  headers,
  params,
  prefix,
  requestHeaders,
  responseHeaders,
  rule,
  set,
  to,
} from './manifests.ts';
import { Mesh, V1, V2, parentOf } from './mesh.ts';
import {
  HOST_AND_STATUS,
  PATHS,
  PORTS,
  SCHEMES,
  type Shape,
  pathRewrites,
  statusRedirect,
} from './redirects.ts';
import type { World } from './world.ts';

const [ONE, TWO] = ['echo-v1', 'echo-v2'] as const;
const ADDED = 'X-Header-Set';
const adds = (value: string): object => responseHeaders(set(ADDED, value));
const ok = (backend: string, value: string | undefined) => ({
  backend,
  answer: value === undefined ? { absent: [ADDED] } : { headers: { [ADDED]: value } },
});

async function shaped(world: World, { rules, cases }: Shape): Promise<void> {
  const mesh = await Mesh.start(world);
  await mesh.apply('shaped', rules);
  await mesh.expect(cases);
}

conformanceTest('MeshBasic', async (world) => {
  const mesh = await Mesh.start(world);
  const { status, echo } = await mesh.ask({ path: '/' });
  expect(status).toBe(200);
  expect(echo?.pod).toMatch(/^echo-v[12]-0$/);
});

conformanceTest('MeshHTTPRouteSimpleSameNamespace', async (world) => {
  await shaped(world, { rules: [rule(undefined, ONE)], cases: [[{ path: '/' }, V1]] });
});

conformanceTest('MeshHTTPRouteMatching', async (world) => {
  await shaped(world, {
    rules: [
      rule([prefix('/'), headers(['version', 'one'])], ONE),
      rule([prefix('/v2'), headers(['version', 'two'])], TWO),
    ],
    cases: [
      [{ path: '/' }, V1],
      [{ path: '/example' }, V1],
      [{ headers: { Version: 'one' } }, V1],
      [{ path: '/v2' }, V2],
      [{ path: '/v2/example' }, V2],
      [{ headers: { Version: 'two' } }, V2],
      [{ path: '/v2/' }, V2],
      [{ path: '/v2example' }, V1],
      [{ path: '/foo/v2/example' }, V1],
    ],
  });
});

conformanceTest('MeshHTTPRouteQueryParamMatching', async (world) => {
  const animal = (value: string): object => params(['animal', value]);
  const version = (value: string): object => headers(['version', value]);
  await shaped(world, {
    rules: [
      rule(animal('whale'), ONE),
      rule(animal('dolphin'), TWO),
      rule({ ...prefix('/path1'), ...animal('whale') }, ONE),
      rule({ ...version('one'), ...animal('whale') }, TWO),
      rule(
        [
          { ...prefix('/path3'), ...animal('shark') },
          { ...prefix('/path4'), ...version('three'), ...animal('kraken') },
        ],
        ONE,
      ),
      rule(prefix('/path5'), ONE),
      rule(animal('hydra'), TWO),
    ],
    cases: [
      [{ path: '/?animal=whale' }, V1],
      [{ path: '/?animal=dolphin' }, V2],
      [{ path: '/?animal=whale&otherparam=irrelevant' }, V1],
      [{ path: '/?animal=dolphin&color=yellow' }, V2],
      // A Service with routes answers what matches none of them with 404 (GEP-1294).
      [{ path: '/?color=blue' }, 404],
      [{ path: '/?animal=dog' }, 404],
      [{ path: '/?animal=whaledolphin' }, 404],
      [{ path: '/' }, 404],
      [{ path: '/path1?animal=whale' }, V1],
      [{ path: '/?animal=whale', headers: { version: 'one' } }, V2],
      [{ path: '/path3?animal=shark' }, V1],
      [{ path: '/path4?animal=kraken', headers: { version: 'three' } }, V1],
      [{ path: '/?animal=shark' }, 404],
      [{ path: '/path4?animal=kraken' }, 404],
      [{ path: '/path5?animal=hydra' }, V1],
    ],
  });
});

conformanceTest('MeshHTTPRouteNamedRule', async (world) => {
  await shaped(world, {
    rules: [rule(prefix('/named'), ONE, { name: 'named-rule' }), rule(prefix('/unnamed'), TWO)],
    cases: [
      [{ path: '/named' }, V1],
      [{ path: '/unnamed' }, V2],
    ],
  });
});

conformanceTest('MeshHTTPRoute303Redirect', async (world) => {
  await shaped(world, statusRedirect(303, '/redirect'));
});

conformanceTest('MeshHTTPRoute307Redirect', async (world) => {
  await shaped(world, statusRedirect(307, '/temporary'));
});

conformanceTest('MeshHTTPRoute308Redirect', async (world) => {
  await shaped(world, statusRedirect(308, '/permanent'));
});

conformanceTest('MeshHTTPRouteRedirectHostAndStatus', async (world) => {
  await shaped(world, HOST_AND_STATUS);
});

conformanceTest('MeshHTTPRouteRedirectPath', async (world) => {
  await shaped(world, PATHS);
});

conformanceTest('MeshHTTPRouteRedirectPort', async (world) => {
  await shaped(world, PORTS);
});

conformanceTest('MeshHTTPRouteSchemeRedirect', async (world) => {
  await shaped(world, SCHEMES);
});

conformanceTest('MeshHTTPRouteRewritePath', async (world) => {
  await shaped(world, pathRewrites(to(ONE, { port: 80 }), V1));
});

conformanceTest('MeshHTTPRouteRequestHeaderModifier', async (world) => {
  const rules = Object.entries(MODIFIERS).map(([path, modifier]) =>
    rule(prefix(path), ONE, { filters: [requestHeaders(modifier)] }),
  );
  await shaped(world, { rules, cases: requestCases(V1) });
});

conformanceTest('MeshHTTPRouteBackendRequestHeaderModifier', async (world) => {
  const rules = Object.entries(MODIFIERS).map(([path, modifier]) =>
    rule(prefix(path), to(ONE, { filters: [requestHeaders(modifier)] })),
  );
  await shaped(world, { rules, cases: requestCases(V1) });
});

conformanceTest('MeshHTTPRouteWeight', async (world) => {
  const mesh = await Mesh.start(world);
  const backends = [to(ONE, { weight: 70 }), to(TWO, { weight: 30 })];
  await mesh.apply('weighted', [rule(undefined, backends)]);
  expect(await mesh.shares({ path: '/' })).toEqual({
    [ONE]: expect.closeTo(0.7, 1),
    [TWO]: expect.closeTo(0.3, 1),
  });
});

conformanceTest('MeshTrafficSplit', async (world) => {
  const mesh = await Mesh.start(world);
  const rules = [
    rule(exact('/v1'), to(ONE, { port: 80 })),
    rule(exact('/v2'), to(TWO, { port: 80 })),
  ];
  await mesh.apply('split', rules, { parent: parentOf('echo') });
  await mesh.expect([
    [{ path: '/v1' }, V1],
    [{ path: '/v2' }, V2],
  ]);
});

conformanceTest('MeshPorts', async (world) => {
  const mesh = await Mesh.start(world);
  const to80 = (name: string, value: string): object =>
    rule(undefined, to(name, { port: 80 }), { filters: [adds(value)] });
  await mesh.apply('one', [to80(ONE, 'v1')], { parent: parentOf(ONE, 80) });
  await mesh.apply('two', [to80(TWO, 'v2')], { parent: parentOf(TWO) });
  await mesh.expect([
    [{ host: ONE }, ok(V1, 'v1')],
    [{ host: `${ONE}:8080` }, ok(V1, undefined)],
    [{ host: TWO }, ok(V2, 'v2')],
    [{ host: `${TWO}:8080` }, ok(V2, 'v2')],
  ]);
});

const TO_TWO = rule(undefined, to(TWO, { port: 80 }), { filters: [adds('set')] });

conformanceTest('MeshFrontend', async (world) => {
  const mesh = await Mesh.start(world);
  await mesh.apply('frontend', [TO_TWO], { parent: parentOf(TWO) });
  await mesh.expect([
    [{ host: TWO }, ok(V2, 'set')],
    // A pod's own address is no Service: nothing of one is applied.
    [{ host: mesh.podAddress(V2) }, ok(V2, undefined)],
  ]);
});

conformanceTest('MeshFrontendHostname', async (world) => {
  const mesh = await Mesh.start(world);
  await mesh.apply('frontend', [TO_TWO], { parent: parentOf(TWO) });
  // The Service is the one that is called, whatever the Host says.
  await mesh.expect([[{ host: ONE }, ok(V2, 'set')]], { through: V2 });
  await mesh.expect([[{ host: TWO }, ok(V1, undefined)]], { through: V1 });
});

conformanceTest('MeshConsumerRoute', async (world) => {
  const mesh = await Mesh.start(world);
  const backend = to(`mesh/${ONE}`, { port: 80 });
  await mesh.apply(
    'mesh-consumer/adds-header',
    [rule(undefined, backend, { filters: [adds('set')] })],
    { parent: parentOf(ONE, undefined, { namespace: 'mesh' }) },
  );
  const host = `${ONE}.mesh`;
  const consumer = { workload: 'mesh-consumer/echo-v1' };
  await mesh.expect([[{ host }, ok(V1, 'set')]], consumer);
  await mesh.expect([[{ host }, ok(V1, undefined)]]);
});

conformanceTest('MeshGRPCRouteWeight', async (world) => {
  const mesh = await Mesh.start(world, 'grpc');
  const weighted = (name: string, weight: number): object => to(name, { port: 7070, weight });
  const rules = [rule(undefined, [weighted(ONE, 70), weighted(TWO, 30)])];
  await mesh.apply('weighted', rules, { kind: 'GRPCRoute', parent: parentOf('echo', 7070) });
  const shares: Record<string, number> = {};
  for (let sent = 0; sent < 500; sent++) {
    const { code, echo } = await mesh.call({});
    expect(code).toBe(CODES.ok);
    const pod = echo?.pod ?? '';
    shares[pod] = (shares[pod] ?? 0) + 1 / 500;
  }
  expect(shares).toEqual({
    [`${ONE}-0`]: expect.closeTo(0.7, 1),
    [`${TWO}-0`]: expect.closeTo(0.3, 1),
  });
});

conformanceTest('MeshGRPCRouteRequestHeaderModifier', async (world) => {
  const mesh = await Mesh.start(world, 'grpc');
  const line = (name: string, value: string) => ({ name, value });
  /** Each: what is done to a call that says so, who answers, and fields before and after. */
  const cases = {
    set: [
      { set: [line('x-header-set', 'set-overwrites-values')] },
      ONE,
      { 'some-other-header': 'stays', 'x-header-set': 'to-be-overwritten' },
      { 'some-other-header': 'stays', 'x-header-set': 'set-overwrites-values' },
      [],
    ],
    add: [
      { add: [line('x-header-add', 'add-appends-values')] },
      ONE,
      { 'x-header-add': 'first' },
      { 'x-header-add': 'first,add-appends-values' },
      [],
    ],
    remove: [
      { remove: ['x-header-remove'] },
      ONE,
      { 'x-header-remove': 'to-be-removed' },
      {},
      ['x-header-remove'],
    ],
    multi: [
      {
        set: [line('x-header-set-1', 'header-set-1'), line('x-header-set-2', 'header-set-2')],
        add: [line('x-header-add-1', 'header-add-1'), line('x-header-add-2', 'header-add-2')],
        remove: ['x-header-remove-1', 'x-header-remove-2'],
      },
      TWO,
      { 'x-header-set-2': 'a', 'x-header-add-2': 'b', 'x-header-remove-2': 'c' },
      {
        'x-header-set-1': 'header-set-1',
        'x-header-set-2': 'header-set-2',
        'x-header-add-1': 'header-add-1',
        'x-header-add-2': 'b,header-add-2',
      },
      ['x-header-remove-1', 'x-header-remove-2'],
    ],
  } as const;
  const rules = Object.entries(cases).map(([name, [modifier, backend]]) =>
    rule(headers(['x-test-case', name]), to(backend, { port: 7070 }), {
      filters: [requestHeaders(modifier)],
    }),
  );
  await mesh.apply('modifiers', rules, { kind: 'GRPCRoute', parent: parentOf('echo', 7070) });
  await mesh.expectCalls(
    Object.entries(cases).map(([name, [, backend, before, after, absent]]) => [
      { metadata: { 'x-test-case': name, ...before } },
      {
        backend: `mesh/${backend}`,
        headers: { 'x-test-case': name, ...after },
        absent: [...absent],
      },
    ]),
  );
});
