import { expect } from 'vitest';
import { authority, leaf, stranger } from './certificates.ts';
import { type World, conformanceTest } from './conformance.ts';
import { CODES, ECHO_SERVICE, sendCall } from './grpc.ts';
import {
  ALL,
  SAME,
  from,
  gateway,
  headers,
  http,
  requestHeaders,
  resource,
  route,
  rule,
  set,
  to,
} from './manifests.ts';

const [V1, V2, V3] = ['grpc-v1', 'grpc-v2', 'grpc-v3'] as const;

async function backends(world: World): Promise<void> {
  const port = { appProtocol: 'kubernetes.io/h2c' };
  await Promise.all([V1, V2, V3].map((name) => world.pod(name, 'grpc', { port })));
}

function grpcRoute(
  name: string,
  parents: Parameters<typeof route>[2],
  rules: readonly object[],
  hostnames?: readonly string[],
): object {
  return route('GRPCRoute', name, parents, rules, hostnames === undefined ? {} : { hostnames });
}

function method(name: string): object {
  return { method: { service: ECHO_SERVICE, method: name } };
}

conformanceTest('GRPCExactMethodMatching', async (world) => {
  await backends(world);
  await world.apply(
    SAME,
    grpcRoute('exact', 'same-namespace', [rule(method('Echo'), V1), rule(method('EchoTwo'), V2)]),
  );
  world.status.accepted('same-namespace', 'GRPCRoute/exact');
  await world.expectCalls('same-namespace', [
    [{ method: 'Echo' }, V1],
    [{ method: 'EchoTwo' }, V2],
    [{ method: 'EchoThree' }, CODES.unimplemented],
  ]);
});

conformanceTest('GRPCRouteHeaderMatching', async (world) => {
  await backends(world);
  const [blue, green, red, yellow] = ['blue', 'green', 'red', 'yellow'].map((color) =>
    headers(['color', color]),
  );
  await world.apply(
    SAME,
    grpcRoute('headers', 'same-namespace', [
      rule(headers(['version', 'one']), V1),
      rule(headers(['version', 'two']), V2),
      rule(headers(['version', 'two'], ['color', 'orange']), V1),
      rule([blue, green], V1),
      rule([red, yellow], V2),
    ]),
  );
  world.status.accepted('same-namespace', 'GRPCRoute/headers');
  await world.expectCalls('same-namespace', [
    [{ metadata: { Version: 'one' } }, V1],
    [{ metadata: { Version: 'two' } }, V2],
    [{ metadata: { Version: 'two', Color: 'orange' } }, V1],
    [{ metadata: { Version: 'two', Color: 'blue' } }, V2],
    [{ metadata: { Color: 'orange' } }, CODES.unimplemented],
    [{ metadata: { 'Some-Other-Header': 'one' } }, CODES.unimplemented],
    [{ metadata: { Color: 'blue' } }, V1],
    [{ metadata: { Color: 'green' } }, V1],
    [{ metadata: { Color: 'red' } }, V2],
    [{ metadata: { Color: 'yellow' } }, V2],
    [{ metadata: { Color: 'purple' } }, CODES.unimplemented],
  ]);
});

conformanceTest('GRPCRouteListenerHostnameMatching', async (world) => {
  await backends(world);
  const name = 'hostnames';
  const hosts = ['bar.com', 'foo.bar.com', '*.bar.com', '*.foo.com'];
  const listeners = hosts.map((hostname, index) =>
    http(`listener-${index + 1}`, { hostname, ...from('Same') }),
  );
  const at = (index: number) => ({ name, sectionName: `listener-${index}` });
  await world.apply(
    gateway(name, listeners),
    grpcRoute('first', [at(1)], [rule(undefined, V1)]),
    grpcRoute('second', [at(2)], [rule(undefined, V2)]),
    grpcRoute('third', [at(3), at(4)], [rule(undefined, V3)]),
  );
  world.status.accepted(at(1), 'GRPCRoute/first');
  world.status.accepted(at(2), 'GRPCRoute/second');
  world.status.accepted(at(3), 'GRPCRoute/third');
  world.status.accepted(at(4), 'GRPCRoute/third');
  await world.expectCalls(name, [
    [{ authority: 'bar.com' }, V1],
    [{ authority: 'foo.bar.com' }, V2],
    [{ authority: 'baz.bar.com' }, V3],
    [{ authority: 'boo.bar.com' }, V3],
    [{ authority: 'multiple.prefixes.bar.com' }, V3],
    [{ authority: 'multiple.prefixes.foo.com' }, V3],
    [{ authority: 'foo.com' }, CODES.unimplemented],
    [{ authority: 'no.matching.host' }, CODES.unimplemented],
  ]);
});

conformanceTest('GRPCRouteMultipleGateways', async (world) => {
  await backends(world);
  const both = ['same-namespace', 'all-namespaces'];
  await world.apply(
    ...[SAME, ALL],
    grpcRoute('shared', both, [rule(method('Echo'), V1)]),
    grpcRoute('same-dedicated', 'same-namespace', [rule(method('EchoTwo'), V2)]),
    grpcRoute('all-dedicated', 'all-namespaces', [rule(method('EchoTwo'), V3)]),
  );
  world.status.accepted('same-namespace', 'GRPCRoute/shared', 'GRPCRoute/same-dedicated');
  world.status.accepted('all-namespaces', 'GRPCRoute/shared', 'GRPCRoute/all-dedicated');
  for (const [name, own] of [
    ['same-namespace', V2],
    ['all-namespaces', V3],
  ] as const) {
    await world.expectCalls(name, [
      [{ method: 'Echo' }, V1],
      [{ method: 'EchoTwo' }, own],
    ]);
  }
});

conformanceTest('GRPCRouteNamedRule', async (world) => {
  await backends(world);
  await world.apply(
    SAME,
    grpcRoute('named', 'same-namespace', [
      rule(method('Echo'), V1, { name: 'named-rule' }),
      rule(method('EchoTwo'), V2),
    ]),
  );
  world.status.accepted('same-namespace', 'GRPCRoute/named');
  await world.expectCalls('same-namespace', [
    [{ method: 'Echo' }, V1],
    [{ method: 'EchoTwo' }, V2],
  ]);
});

conformanceTest('GRPCRouteRequestHeaderModifier', async (world) => {
  await backends(world);
  const line = (name: string, value: string) => ({ name, value });
  const modifiers = {
    Set: set('X-Header-Set', 'set-overwrites-values'),
    Add: { add: [line('X-Header-Add', 'add-appends-values')] },
    Remove: { remove: ['X-Header-Remove'] },
    Several: {
      set: [line('X-Header-Set-1', 'header-set-1'), line('X-Header-Set-2', 'header-set-2')],
      add: [line('X-Header-Add-1', 'header-add-1'), line('X-Header-Add-2', 'header-add-2')],
      remove: ['X-Header-Remove-1', 'X-Header-Remove-2'],
    },
  };
  const rules = Object.entries(modifiers).map(([name, modifier]) =>
    rule(method(name), name === 'Several' ? V2 : V1, { filters: [requestHeaders(modifier)] }),
  );
  await world.apply(SAME, grpcRoute('modifiers', 'same-namespace', rules));
  world.status.accepted('same-namespace', 'GRPCRoute/modifiers');
  const other = { 'Some-Other-Header': 'this-header-should-be-set' };
  const overwritten = { ...other, 'X-Header-Set': 'set-overwrites-values' };
  await world.expectCalls('same-namespace', [
    [
      { method: 'Set', metadata: other },
      { backend: V1, headers: overwritten },
    ],
    [
      { method: 'Set', metadata: { ...other, 'X-Header-Set': 'to-be-overwritten' } },
      { backend: V1, headers: overwritten },
    ],
    [
      { method: 'Add', metadata: other },
      { backend: V1, headers: { ...other, 'X-Header-Add': 'add-appends-values' } },
    ],
    [
      { method: 'Add', metadata: { ...other, 'X-Header-Add': 'first' } },
      { backend: V1, headers: { ...other, 'X-Header-Add': 'first,add-appends-values' } },
    ],
    [
      { method: 'Remove', metadata: { 'X-Header-Remove': 'val' } },
      { backend: V1, headers: {}, absent: ['x-header-remove'] },
    ],
    [
      {
        method: 'Several',
        metadata: {
          ...other,
          'x-header-set-2': 'a',
          'x-header-add-2': 'b',
          'x-header-remove-2': 'c',
        },
      },
      {
        backend: V2,
        headers: {
          ...other,
          'X-Header-Set-1': 'header-set-1',
          'X-Header-Set-2': 'header-set-2',
          'X-Header-Add-1': 'header-add-1',
          'X-Header-Add-2': 'b,header-add-2',
        },
        absent: ['x-header-remove-1', 'x-header-remove-2'],
      },
    ],
  ]);
});

conformanceTest('GRPCRouteWeight', async (world) => {
  await backends(world);
  const refs = [to(V1, { weight: 70 }), to(V2, { weight: 30 }), to(V3, { weight: 0 })];
  await world.apply(SAME, grpcRoute('weighted', 'same-namespace', [rule(undefined, refs)]));
  world.status.accepted('same-namespace', 'GRPCRoute/weighted');
  const shares: Record<string, number> = {};
  for (let sent = 0; sent < 500; sent++) {
    const { code, echo } = await sendCall(world.port('same-namespace'), {});
    expect(code).toBe(CODES.ok);
    const pod = echo?.pod ?? '';
    shares[pod] = (shares[pod] ?? 0) + 1 / 500;
  }
  expect(shares).toEqual({
    [`${V1}-0`]: expect.closeTo(0.7, 1),
    [`${V2}-0`]: expect.closeTo(0.3, 1),
  });
});

conformanceTest('GRPCRouteMultipleRoutesAttachmentSameHostnameIntersection', async (world) => {
  await backends(world);
  /** Each: the hostnames of the listener, of the older route and of the newer one. */
  const hostnames = {
    exact: ['abc.example.com', '*.example.com', 'abc.example.com'],
    wildcard: ['*.example.com', '*.com', '*.example.com'],
  } as const;
  for (const [name, [hostname, older, newer]] of Object.entries(hostnames)) {
    await world.apply(
      gateway(name, [http('http', { ...from('Same'), hostname })]),
      grpcRoute(`${name}-older`, name, [rule(undefined, V1)], [older]),
    );
    await world.apply(grpcRoute(`${name}-newer`, name, [rule(undefined, V2)], [newer]));
    world.status.accepted(name, `GRPCRoute/${name}-older`, `GRPCRoute/${name}-newer`);
    await world.expectCalls(name, [[{ authority: 'abc.example.com' }, V2]]);
  }
});

conformanceTest('BackendTLSPolicyGRPCRoute', async (world) => {
  world.secret('ca', undefined, [authority]);
  world.secret('other-ca', undefined, [stranger]);
  const hostname = 'abc.example.com';
  const names = ['normative', 'host-mismatch', 'cert-mismatch'];
  const validations = {
    normative: { hostname, ca: 'ca' },
    'host-mismatch': { hostname: 'mismatch.example.com', ca: 'ca' },
    'cert-mismatch': { hostname, ca: 'other-ca' },
  };
  for (const name of names) {
    await world.pod(name, 'grpcs', {
      tls: leaf([hostname]),
      port: { name: 'btls', appProtocol: 'kubernetes.io/h2c' },
    });
  }
  await world.apply(
    SAME,
    grpcRoute('over-tls', 'same-namespace', [
      ...names.map((name) => rule(method(name.replace('-', '')), name)),
    ]),
    ...Object.entries(validations).map(([name, { ca, ...validation }]) =>
      resource('BackendTLSPolicy', name, {
        targetRefs: [{ group: '', kind: 'Service', name, sectionName: 'btls' }],
        validation: {
          ...validation,
          caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: ca }],
        },
      }),
    ),
  );
  world.status.accepted('same-namespace', 'GRPCRoute/over-tls');
  for (const name of names) {
    world.status.ancestor('same-namespace', `BackendTLSPolicy/${name}`, {
      Accepted: ['True', 'Accepted'],
      ResolvedRefs: 'True',
    });
  }
  await world.expectCalls('same-namespace', [
    [{ method: 'normative' }, 'normative'],
    [{ method: 'hostmismatch' }, CODES.unavailable],
    [{ method: 'certmismatch' }, CODES.unavailable],
  ]);
});
