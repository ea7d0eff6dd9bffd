import type { Socket } from 'node:net';
import { until } from '#test/processes.ts';
import { expect, test } from 'vitest';
import { startRawUpstream } from '../forward/harness.ts';
import { announced, gateway, own, route, rule, service } from '../support/world.ts';
import { type Edge, startEdge } from '../tls/edge.ts';
import { dial, roundTrip, startEcho, tcpRoute, to } from '../tls/stream-parts.ts';

const OPAQUE = [{ port: 80, appProtocol: 'tcp' }];

/** A Gateway's proxy and the sidecar of `shop/db`, which announced itself to it. */
async function startBoth(
  ports: object[],
  app: number,
  ...more: object[]
): Promise<{ edge: Edge; sidecar: Edge }> {
  const resources = (port: number): object[] => [
    gateway('edge', [{ port, protocol: 'TCP' }]),
    ...[service('db', ports), tcpRoute('db', [to('db')]), ...more],
  ];
  const sidecar = await startEdge({
    resources,
    sidecar: {
      ...{ service: 'shop/db', app },
      ports: (port) => ({ inbound: { host: '127.0.0.1', port } }),
    },
  });
  const edge = await startEdge({ resources });
  const endpoints = [announced('127.0.0.1', sidecar.port, 'db-1')];
  edge.engine.setEndpoints({ mesh: 'm', service: 'shop/db', time: '', endpoints });
  return { edge, sidecar };
}

test('a connection comes to an application through its sidecar, recorded at both', async () => {
  const echo = await startEcho('db');
  const { edge, sidecar } = await startBoth(OPAQUE, echo.port);
  expect(await roundTrip(await dial(edge.port), 'hello')).toBe('db:hello');
  await until('both records', () => edge.records.length + sidecar.records.length === 2);
  expect(edge.records[0]).toMatchObject({
    ...{ route: 'shop/db', backend: 'shop/db:80', reason: 'ok', bytesIn: 5, bytesOut: 8 },
    endpoint: `127.0.0.1:${sidecar.port}`,
  });
  expect(sidecar.records[0]).toMatchObject({
    ...{ destination: 'shop/db', reason: 'ok', status: 200, bytesIn: 5, bytesOut: 8 },
    // A proxy of the mesh sent it: the caller's side is recorded there.
    source: '',
    request: { direction: 'inbound', method: 'CONNECT', host: 'db.shop', port: 80 },
  });
  expect(sidecar.records[0]?.requestId).toBe(edge.records[0]?.requestId);
});

test('an end and a break come through to the other side', async () => {
  const ends: string[] = [];
  const app = await startRawUpstream((socket: Socket) => {
    socket.on('end', () => ends.push('end'));
    socket.on('error', () => ends.push('error'));
    socket.on('data', () => socket.write('more'));
  });
  const { edge } = await startBoth(OPAQUE, app.port);
  const first = await dial(edge.port);
  first.write('x');
  await new Promise((resolve) => first.once('data', resolve));
  first.end();
  await until('the end', () => ends.length === 1);
  const second = await dial(edge.port);
  second.write('x');
  await new Promise((resolve) => second.once('data', resolve));
  second.resetAndDestroy();
  await until('the break', () => ends.length === 2);
  expect(ends).toEqual(['end', 'error']);
});

test.each([
  ['that does not say so', [{ port: 80 }]],
  ['for HTTP', [{ port: 80, appProtocol: 'http' }]],
  [
    'beside one that does',
    [
      { port: 80, name: 'web' },
      { ...OPAQUE[0], name: 'raw', port: 81 },
    ],
  ],
])('a port %s takes no connection that is not read', async (_name, ports) => {
  const heard: string[] = [];
  const app = await startRawUpstream(() => heard.push('a connection'));
  const { edge } = await startBoth(ports, app.port);
  expect(await roundTrip(await dial(edge.port), 'x').catch(() => '')).toBe('');
  await until('the record', () => edge.records.length === 1);
  expect(edge.records[0]?.reason).toBe('upstream_refused');
  expect(heard).toEqual([]);
});

test('a sidecar is no way to other Services, and HTTP goes on beside', async () => {
  const echo = await startEcho('db');
  const { sidecar } = await startBoth(OPAQUE, echo.port, service('other', OPAQUE));
  const connectTo = async (host: string): Promise<string> => {
    const head = `CONNECT ${host} HTTP/1.1\r\nhost: ${host}\r\n\r\nx`;
    return (await roundTrip(await dial(sidecar.port), head)).split('\r\n')[0] ?? '';
  };
  expect(await connectTo('db.shop:80')).toBe('HTTP/1.1 200 OK');
  expect(await connectTo('db:80')).toBe('HTTP/1.1 200 OK');
  for (const host of ['other.shop:80', 'db.bank:80', 'db.shop:81', '127.0.0.1:80']) {
    expect(await connectTo(host)).toMatch(/^HTTP\/1.1 404 /);
  }
});

test('policies of the Service hold for connections, which have no key to show', async () => {
  const heard: string[] = [];
  const app = await startRawUpstream(() => heard.push('a connection'));
  const keys = own('AuthenticationPolicy', 'keys', {
    ...{ targetRefs: [{ kind: 'Service', name: 'db' }], apiKey: {} },
  });
  const { edge, sidecar } = await startBoth(OPAQUE, app.port, keys);
  expect(await roundTrip(await dial(edge.port), 'x').catch(() => '')).toBe('');
  await until('the record', () => edge.records.length === 1);
  expect(edge.records[0]?.reason).toBe('upstream_refused');
  expect(new Set(sidecar.records.map(({ reason }) => reason))).toEqual(
    new Set(['unauthenticated']),
  );
  expect(heard).toEqual([]);
});

test('a sidecar that is none, or says nothing, is as an endpoint that refuses', async () => {
  const { edge } = await startBoth(OPAQUE, 1, route('none', { rules: [rule('/', 'db')] }));
  for (const answer of ['SSH-2.0-x\r\n', '', 'HTTP/1.1 200 OK\r\nx']) {
    const other = await startRawUpstream((socket: Socket) => socket.end(answer));
    const endpoints = [announced('127.0.0.1', other.port, 'db-2')];
    edge.engine.setEndpoints({ mesh: 'm', service: 'shop/db', time: '', endpoints });
    expect(await roundTrip(await dial(edge.port), 'x').catch(() => '')).toBe('');
  }
  await until('three records', () => edge.records.length === 3);
  expect(new Set(edge.records.map(({ reason }) => reason))).toEqual(new Set(['upstream_refused']));
});
