import { expect } from 'vitest';
import { conformanceTest } from './conformance.ts';
import { from, gateway, http, httpRoute, resource, rule } from './manifests.ts';

const V1 = 'infra-backend-v1';

conformanceTest('GatewayNameMaximumLength', async (world) => {
  const name = 'gateway-name-maximum-length-'.padEnd(253, 'a');
  await world.apply(gateway(name, [http('http')]), httpRoute('route', name, [rule(undefined, V1)]));
  world.status.isProgrammed(name);
  await world.expect(name, [[{ path: '/' }, V1]]);
});

conformanceTest('GatewayObservedGenerationBump', async (world) => {
  const first = http('http', { ...from('All'), hostname: 'bar.com' });
  const more = http('alternate', { ...from('All'), hostname: 'foo.com' });
  await world.apply(gateway('bumped', [first]));
  const before = world.generation('Gateway/bumped');
  world.status.isProgrammed('bumped');
  await world.apply(gateway('bumped', [first, more]));
  world.status.isProgrammed('bumped');
  expect(world.generation('Gateway/bumped')).toBeGreaterThan(before);
});

conformanceTest('GatewayClassObservedGenerationBump', async (world) => {
  const spec = (description: string): object => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: 'bumped' },
    spec: { controllerName: 'windrose.dev/gateway', description },
  });
  await world.apply(spec('old'));
  const before = world.generation('GatewayClass/-/bumped');
  world.status.conditions('GatewayClass/-/bumped', { Accepted: 'True' });
  await world.apply(spec('new'));
  world.status.conditions('GatewayClass/-/bumped', { Accepted: 'True' });
  expect(world.generation('GatewayClass/-/bumped')).toBeGreaterThan(before);
});

conformanceTest('HTTPRouteObservedGenerationBump', async (world) => {
  const to = (backend: string): object =>
    httpRoute('bumped', 'same-namespace', [rule(undefined, backend)]);
  await world.apply(gateway('same-namespace', [http('http')]), to(V1));
  const before = world.generation('HTTPRoute/bumped');
  world.status.accepted('same-namespace', 'HTTPRoute/bumped');
  await world.apply(to('infra-backend-v2'));
  world.status.accepted('same-namespace', 'HTTPRoute/bumped');
  expect(world.generation('HTTPRoute/bumped')).toBeGreaterThan(before);
});

conformanceTest('GatewayOptionalAddressValue', async (world) => {
  await world.apply(
    gateway('without-value', [http('http', { port: 8080 })], {
      addresses: [{ type: 'IPAddress' }],
    }),
    httpRoute('route', 'without-value', [rule(undefined, V1)]),
  );
  world.status.isProgrammed('without-value');
  expect(world.status.of('Gateway/without-value').addresses).not.toEqual([]);
  await world.expect('without-value', [[{ path: '/' }, V1]], { port: 8080 });
});

conformanceTest('GatewayStaticAddresses', async (world) => {
  const invalid = { type: 'test/fake-invalid-type', value: 'no address at all' };
  // TEST-NET-1 (RFC 5737) is nobody's; all of 127.0.0.0/8 is this machine's.
  const unusable = { type: 'IPAddress', value: '192.0.2.1' };
  const usable = { type: 'IPAddress', value: '127.0.0.2' };
  const at = (...addresses: object[]): object =>
    gateway('static', [http('http', { port: 8080 })], { addresses });
  await world.apply(at(invalid, unusable, usable));
  world.status.conditions('Gateway/static', { Accepted: ['False', 'UnsupportedAddress'] });
  await world.apply(at(unusable, usable));
  world.status.conditions('Gateway/static', {
    Accepted: ['True', 'Accepted'],
    Programmed: ['False', 'AddressNotUsable'],
  });
  await world.apply(at(usable));
  world.status.conditions('Gateway/static', {
    Accepted: ['True', 'Accepted'],
    Programmed: ['True', 'Programmed'],
  });
  world.status.listeners('static', [
    {
      ...{ name: 'http', attachedRoutes: 0, supportedKinds: ['HTTPRoute'] },
      conditions: { Accepted: 'True', ResolvedRefs: 'True' },
    },
  ]);
  expect(world.status.of('Gateway/static').addresses).toEqual([usable]);
});

conformanceTest('GatewayInvalidParametersRef', async (world) => {
  const parametersRef = { group: 'example.com', kind: 'Unknown', name: 'nothing' };
  await world.apply(
    resource('Gateway', 'parameters', {
      gatewayClassName: 'windrose',
      infrastructure: { parametersRef },
      listeners: [http('http')],
    }),
  );
  world.status.conditions('Gateway/parameters', { Accepted: ['False', 'InvalidParameters'] });
});
