import { expect } from 'vitest';
import { conformanceTest } from './conformance.ts';
import { gateway, grant, http, route, rule, takes, tcp, to } from './manifests.ts';
import { attempt, converse } from './streams.ts';

function tcpRoute(name: string, parents: object, backends: readonly object[]): object {
  return route('TCPRoute', name, [parents], [rule(undefined, backends)]);
}

conformanceTest('TCPRouteInvalidBackendRefNonexistent', async (world) => {
  const parent = { name: 'tcp-gateway', sectionName: 'tcp' };
  await world.apply(
    gateway('tcp-gateway', [tcp('tcp', 9300)]),
    tcpRoute('lost', parent, [to('nonexistent-service')]),
  );
  world.status.unresolved(parent, 'TCPRoute/lost', 'BackendNotFound');
  expect(await attempt(world.port('tcp-gateway', { port: 9300 }))).toBe('refused');
});

conformanceTest('TCPRouteInvalidCrossNamespaceBackendRef', async (world) => {
  const parent = { name: 'tcp-gateway', sectionName: 'tcp' };
  await world.pod('web-backend/tcp-backend', 'tcp');
  await world.apply(
    gateway('tcp-gateway', [tcp('tcp', 9321)]),
    tcpRoute('foreign', parent, [to('web-backend/tcp-backend')]),
  );
  world.status.unresolved(parent, 'TCPRoute/foreign', 'RefNotPermitted');
  expect(await attempt(world.port('tcp-gateway', { port: 9321 }))).toBe('refused');
});

conformanceTest('TCPRouteInvalidNonTCPListener', async (world) => {
  const parent = { name: 'http-gateway', sectionName: 'http' };
  await world.pod('tcp-backend', 'tcp');
  await world.apply(
    gateway('http-gateway', [http('http', { port: 5300, ...takes('HTTPRoute') })]),
    tcpRoute('stray', parent, [to('tcp-backend')]),
  );
  world.status.refused(parent, 'TCPRoute/stray', 'NotAllowedByListeners');
  world.status.listeners('http-gateway', [{ name: 'http', attachedRoutes: 0 }]);
  await world.expect('http-gateway', [[{ path: '/' }, 404]], { port: 5300 });
});

conformanceTest('TCPRouteMultipleRoutesAttachment', async (world) => {
  const parent = { name: 'tcp-gateway', sectionName: 'tcp' };
  await world.pod('tcp-attach-1', 'tcp');
  await world.pod('tcp-attach-2', 'tcp');
  await world.apply(
    gateway('tcp-gateway', [tcp('tcp', 9310)]),
    tcpRoute('z-older', parent, [to('tcp-attach-1')]),
  );
  await world.apply(tcpRoute('a-newer', parent, [to('tcp-attach-2')]));
  world.status.accepted(parent, 'TCPRoute/z-older', 'TCPRoute/a-newer');
  world.status.listeners('tcp-gateway', [
    { name: 'tcp', attachedRoutes: 2, supportedKinds: ['TCPRoute'] },
  ]);
  for (let sent = 0; sent < 100; sent++) {
    const { service } = await converse(world.port('tcp-gateway', { port: 9310 }));
    expect(service).toBe('infra/tcp-attach-1');
  }
});

conformanceTest('TCPRouteParentRefAttachAll', async (world) => {
  const ports = { one: 9310, two: 9311, three: 9312, four: 9313 };
  const listeners = Object.entries(ports).map(([name, port]) => tcp(name, port));
  await world.pod('tcp-backend', 'tcp');
  await world.apply(
    gateway('tcp-gateway', listeners),
    tcpRoute('everywhere', { name: 'tcp-gateway' }, [to('tcp-backend')]),
  );
  world.status.accepted('tcp-gateway', 'TCPRoute/everywhere');
  for (const port of Object.values(ports)) {
    expect(await converse(world.port('tcp-gateway', { port }))).toMatchObject({
      service: 'infra/tcp-backend',
      isTls: false,
    });
  }
});

conformanceTest('TCPRouteParentRefPortAndSectionName', async (world) => {
  const name = 'tcp-gateway';
  const parents = {
    one: { name, port: 9300 },
    two: { name, sectionName: 'two' },
    three: { name, sectionName: 'three', port: 9302 },
  };
  for (const each of Object.keys(parents)) await world.pod(`tcp-${each}`, 'tcp');
  await world.apply(
    gateway(name, [tcp('one', 9300), tcp('two', 9301), tcp('three', 9302)]),
    ...Object.entries(parents).map(([each, parent]) => tcpRoute(each, parent, [to(`tcp-${each}`)])),
  );
  for (const [index, [each, parent]] of Object.entries(parents).entries()) {
    world.status.accepted(parent, `TCPRoute/${each}`);
    const { service } = await converse(world.port(name, { port: 9300 + index }));
    expect(service).toBe(`infra/tcp-${each}`);
  }
});

conformanceTest('TCPRouteReferenceGrant', async (world) => {
  const parent = { name: 'tcp-gateway', sectionName: 'tcp' };
  const source = { kind: 'TCPRoute', namespace: 'infra' };
  await world.pod('web-backend/tcp-backend', 'tcp');
  await world.apply(
    gateway('tcp-gateway', [tcp('tcp', 9320)]),
    grant('web-backend/allow', source, { kind: 'Service', name: 'tcp-backend' }),
    tcpRoute('foreign', parent, [to('web-backend/tcp-backend')]),
  );
  world.status.accepted(parent, 'TCPRoute/foreign');
  const { service } = await converse(world.port('tcp-gateway', { port: 9320 }));
  expect(service).toBe('web-backend/tcp-backend');
  await world.delete({ kind: 'ReferenceGrant', namespace: 'web-backend', name: 'allow' });
  expect(await attempt(world.port('tcp-gateway', { port: 9320 }))).toBe('refused');
  world.status.unresolved(parent, 'TCPRoute/foreign', 'RefNotPermitted');
});

conformanceTest('TCPRouteWeightedRouting', async (world) => {
  const parent = { name: 'tcp-gateway', sectionName: 'tcp' };
  const weights = { 'tcp-v1': 70, 'tcp-v2': 30, 'tcp-v3': 0 };
  for (const name of Object.keys(weights)) await world.pod(name, 'tcp');
  const backends = Object.entries(weights).map(([name, weight]) => to(name, { weight }));
  await world.apply(
    gateway('tcp-gateway', [tcp('tcp', 9300)]),
    tcpRoute('weighted', parent, backends),
  );
  world.status.accepted(parent, 'TCPRoute/weighted');
  const shares: Record<string, number> = {};
  for (let sent = 0; sent < 500; sent++) {
    const { service } = await converse(world.port('tcp-gateway', { port: 9300 }));
    shares[service] = (shares[service] ?? 0) + 1 / 500;
  }
  expect(shares).toEqual({
    'infra/tcp-v1': expect.closeTo(0.7, 1),
    'infra/tcp-v2': expect.closeTo(0.3, 1),
  });
});
