import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startRawUpstream } from '../forward/harness.ts';
import { own, route, rule, service, slice } from '../support/world.ts';
import { CertificateFolder, type Edge, leaf, refusal, secure, startEdge } from '../tls/edge.ts';

const ALLOW = own('Mesh', 'demo', { outbound: { unknownHosts: 'Allow' } });

/** The sidecar of `shop/web`: by host on `port`, and a local port for each of these. */
async function startSidecar(
  resources: readonly unknown[],
  locals: Record<string, number> = {},
): Promise<Edge> {
  const outboundPorts = Object.entries(locals).map(([name, port]) => {
    const [called = '', calledPort] = name.split(':');
    const callee = { service: called, port: Number(calledPort) };
    return { callee, at: { host: '127.0.0.1', port } };
  });
  return startEdge({
    resources: () => resources,
    sidecar: {
      service: 'shop/web',
      ports: (port) => ({ outbound: { host: '127.0.0.1', port }, outboundPorts }),
    },
  });
}

/** Answers with its name, and with what it was asked. */
async function startApp(name: string): Promise<number> {
  const server = createServer((request, response) => {
    response.setHeader('connection', 'close');
    response.end(`${name} ${request.method} ${request.headers.host}${request.url}`);
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Says its name first, and what it was sent last. */
async function startEcho(name: string): Promise<number> {
  const { port } = await startRawUpstream((socket) => {
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  return port;
}

function at(name: string, port: number): object {
  return slice(name, ['127.0.0.1'], { ports: [{ port }] });
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('error', () => socket.destroy());
  return socket;
}

async function say(port: number, bytes: string): Promise<string> {
  const socket = await dial(port);
  socket.end(bytes);
  return (await buffer(socket)).toString('latin1');
}

function get(host: string, target = '/'): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
}

async function recorded(edge: Edge, count = 1): Promise<Edge['records'][number]> {
  await until('the record', () => edge.records.length === count);
  const last = edge.records.at(-1);
  if (last === undefined) throw new Error('no record');
  return last;
}

test('an explicit proxy takes whole URLs, and tells hosts that are no Service', async () => {
  const port = await startApp('app');
  const edge = await startSidecar([service('app'), at('app', port)]);
  expect(edge.problems).toEqual([]);
  expect(await say(edge.port, get('app', 'http://app/a?b=1'))).toMatch(/app GET app\/a\?b=1$/);
  expect(await say(edge.port, get('APP.shop.svc.cluster.local.:80', '/x'))).toMatch(/ 200 OK/);
  expect(await say(edge.port, get('nope', 'http://nope/'))).toMatch(/^HTTP\/1.1 404 /);
  expect(await say(edge.port, get('app', 'https://app/'))).toMatch(/^HTTP\/1.1 400 /);
  expect(edge.records.map(({ reason }) => reason)).toEqual([
    ...['ok', 'ok', 'no_route', 'bad_request'],
  ]);
});

test('CONNECT to a declared Service is a tunnel, recorded with what went through', async () => {
  const edge = await startSidecar([
    service('db', [{ port: 5432 }]),
    at('db', await startEcho('db')),
  ]);
  const socket = await dial(edge.port);
  // What follows at once is the tunnel's already.
  socket.end('CONNECT db.shop:5432 HTTP/1.1\r\nHost: db.shop:5432\r\n\r\nhello');
  const answer = (await buffer(socket)).toString();
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  expect(answer).not.toMatch(/content-length|transfer-encoding|upgrade/);
  expect(answer).toMatch(/\r\n\r\ndb:hello$/);
  expect(await recorded(edge)).toMatchObject({
    ...{ destination: 'shop/db', backend: 'shop/db:5432', source: 'shop/web', status: 200 },
    ...{ reason: 'ok', bytesIn: 5, bytesOut: 8, route: '' },
    request: { method: 'CONNECT', host: 'db.shop', port: 5432, listener: 'outbound' },
  });
});

test('a tunnel sees the end of a client that ended before it stood', async () => {
  const db = service('db', [{ port: 5432 }]);
  const edge = await startSidecar([db, at('db', await startEcho('db'))]);
  const said = await say(edge.port, 'CONNECT db:5432 HTTP/1.1\r\nHost: db\r\n\r\n');
  expect(said).toMatch(/\r\n\r\ndb:$/);
  expect(await recorded(edge)).toMatchObject({ reason: 'ok', bytesIn: 0, bytesOut: 3 });
});

test('a tunnel that its Service breaks is broken, not ended', async () => {
  const { port } = await startRawUpstream((socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  });
  const edge = await startSidecar([service('db', [{ port: 5432 }]), at('db', port)]);
  const socket = connect({ port: edge.port, host: '127.0.0.1' });
  const broken = new Promise((resolve) => socket.once('error', resolve));
  socket.resume().write('CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\nx');
  expect(await broken).toMatchObject({ code: 'ECONNRESET' });
  expect(await recorded(edge)).toMatchObject({ reason: 'upstream_aborted', bytesIn: 1 });
});

test.each([
  ['a host that is no Service, whatever the mesh allows', 'example.test:443', 404, 'no_route'],
  ['a port that the Service has not', 'app:81', 404, 'no_route'],
  ['a port whose routes read requests', 'app:80', 404, 'no_route'],
  ['a target without a port', 'app', 400, 'bad_request'],
  ['another host than Host says', 'app:80 other', 400, 'bad_request'],
])('CONNECT is refused to %s', async (_, target, status, reason) => {
  const [asked = '', host = asked] = target.split(' ');
  const edge = await startSidecar([
    ...[ALLOW, service('app'), at('app', await startApp('app'))],
    route('r', { parentRefs: [{ kind: 'Service', name: 'app' }], rules: [rule('/', 'app')] }),
  ]);
  const said = await say(edge.port, `CONNECT ${asked} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(said).toMatch(/connection: close/);
  expect(await recorded(edge)).toMatchObject({ reason, status });
});

test('CONNECT over HTTP/2 is not served', async () => {
  const edge = await startSidecar([service('app'), at('app', await startApp('app'))]);
  const session = connectHttp2(`http://127.0.0.1:${edge.port}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'app:80' });
  const status = await new Promise((resolve) =>
    stream.once('response', (headers) => resolve(headers[':status'])),
  );
  expect(status).toBe(501);
});

test('no tunnel is opened to where nobody listens, nor on the port of a Service', async () => {
  const local = await freePort();
  const resources = [service('db', [{ port: 80 }]), at('db', await freePort())];
  const edge = await startSidecar(resources, { 'shop/db:80': local });
  const connecting = 'CONNECT db:80 HTTP/1.1\r\nHost: db:80\r\n\r\n';
  expect(await say(edge.port, connecting)).toMatch(/^HTTP\/1.1 503 /);
  expect(await say(local, connecting)).toMatch(/^HTTP\/1.1 501 /);
});

test('what comes to a local port goes to its Service, whatever host it names', async () => {
  const [one, two] = [await freePort(), await freePort()];
  const resources = [
    ...[service('one'), at('one', await startApp('one'))],
    ...[service('two'), at('two', await startApp('two'))],
    route('marked', {
      parentRefs: [{ kind: 'Service', name: 'two' }],
      rules: [
        rule('/', 'two', {
          filters: [
            {
              type: 'ResponseHeaderModifier',
              responseHeaderModifier: { set: [{ name: 'x-header-set', value: 'set' }] },
            },
          ],
        }),
      ],
    }),
  ];
  const edge = await startSidecar(resources, { 'shop/one:80': one, 'shop/two:80': two });
  const wrong = await say(two, get('one', '/a'));
  expect(wrong).toMatch(/x-header-set: set/);
  expect(wrong).toMatch(/two GET one\/a$/);
  const other = await say(one, get('two', '/b'));
  expect(other).not.toMatch(/x-header-set/);
  expect(other).toMatch(/one GET two\/b$/);
  expect(edge.records[0]).toMatchObject({
    ...{ destination: 'shop/two', route: 'shop/marked' },
    request: { listener: 'outbound/shop/two:80', host: 'one' },
  });
});

test('a stream may stand still as long as the ListenerPolicy of its Service says', async () => {
  const [tcp, named] = [await freePort(), await freePort()];
  const policy = own('ListenerPolicy', 'slow', {
    targetRefs: [{ kind: 'Service', name: 'db' }],
    timeouts: { streamIdle: '1h' },
  });
  const db = service('db', [{ name: 'db', port: 5432, appProtocol: 'tcp' }]);
  const other = service('other', [{ name: 'db', port: 5432, appProtocol: 'tcp' }]);
  const edge = await startSidecar([db, other, policy], {
    'shop/db:5432': tcp,
    'shop/other:5432': named,
  });
  for (const port of [tcp, named]) await say(port, '');
  await refusal(edge.port, { servername: 'db.shop' });
  expect(await recorded(edge, 3)).toMatchObject({ destination: 'shop/db' });
  expect(edge.records.map(({ streamIdleMs }) => streamIdleMs / 60_000)).toEqual([60, 5, 60]);
});

test('a local port of a Service that does not exist says so', async () => {
  const local = await freePort();
  await startSidecar([], { 'shop/gone:80': local });
  expect(await say(local, get('gone'))).toMatch(/404 [^]*shop\/gone/);
});

test('a port for tcp passes bytes on unread, also of servers that speak first', async () => {
  const local = await freePort();
  const db = service('db', [{ port: 5432, appProtocol: 'tcp' }]);
  const edge = await startSidecar([db, at('db', await startEcho('db'))], {
    'shop/db:5432': local,
  });
  const socket = await dial(local);
  const [first] = await new Promise<Buffer[]>((resolve) =>
    socket.once('data', (chunk: Buffer) => resolve([chunk])),
  );
  expect(first?.toString()).toBe('db:');
  socket.end('GET / HTTP/1.1\r\n\r\n');
  expect((await buffer(socket)).toString()).toBe('GET / HTTP/1.1\r\n\r\n');
  expect(await recorded(edge)).toMatchObject({
    ...{ destination: 'shop/db', reason: 'ok', bytesIn: 18, bytesOut: 21 },
    request: { protocol: 'tcp', isStream: true },
  });
  await edge.apply({
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'TCPRoute' },
    metadata: { name: 'moved', namespace: 'shop' },
    spec: {
      parentRefs: [{ kind: 'Service', name: 'db' }],
      rules: [{ backendRefs: [{ name: 'new', port: 80 }] }],
    },
  });
  await edge.apply(service('new'), at('new', await startEcho('new')));
  expect(await say(local, 'x')).toBe('new:x');
  expect(await recorded(edge, 2)).toMatchObject({
    ...{ destination: 'shop/db', route: 'shop/moved', backend: 'shop/new:80' },
  });
});

/** A sidecar before a server of TLS for `pay.bank`. */
async function startBank(more: readonly unknown[] = []): Promise<Edge> {
  const echo = await startEcho('inside');
  const certificates = new CertificateFolder().add('web', leaf(['pay.bank']));
  const server = await startEdge({
    files: certificates.files,
    resources: (port) => [
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'Gateway',
        metadata: { name: 'edge', namespace: 'shop' },
        spec: {
          gatewayClassName: 'windrose',
          listeners: [
            { name: 'tls', port, protocol: 'TLS', tls: { certificateRefs: [{ name: 'web' }] } },
          ],
        },
      },
      ...[service('echo'), at('echo', echo)],
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'TCPRoute',
        metadata: { name: 'echo', namespace: 'shop' },
        spec: {
          parentRefs: [{ name: 'edge' }],
          rules: [{ backendRefs: [{ name: 'echo', port: 80 }] }],
        },
      },
    ],
  });
  const ports = [
    { name: 'http', port: 80 },
    { name: 'tls', port: 443 },
  ];
  const named = { ports: [{ name: 'tls', port: server.port }] };
  return startSidecar([
    service('bank/pay', ports),
    slice('bank/pay', ['127.0.0.1'], named),
    ...more,
  ]);
}

async function answerOf(socket: TLSSocket): Promise<string> {
  socket.end('x');
  return (await buffer(socket)).toString();
}

test('TLS goes on unopened to the Service that its handshake names, by its port 443', async () => {
  const edge = await startBank();
  expect(await answerOf(await secure(edge.port, { servername: 'pay.bank' }))).toBe('inside:x');
  expect(await recorded(edge)).toMatchObject({
    ...{ destination: 'bank/pay', backend: 'bank/pay:443', source: 'shop/web', reason: 'ok' },
    request: { host: 'pay.bank', protocol: 'tls', isStream: true },
  });
});

test('TLS for a name that is no Service is refused with an alert, and recorded', async () => {
  const edge = await startBank();
  expect(await refusal(edge.port, { servername: 'example.test' })).toMatch(/UNRECOGNIZED_NAME/i);
  expect(await recorded(edge)).toMatchObject({ reason: 'no_route', destination: '' });
  expect(await refusal(edge.port, {})).toMatch(/UNRECOGNIZED_NAME/i);
  expect(await recorded(edge, 2)).toMatchObject({ reason: 'no_route', request: { host: '' } });
});

test('a TLSRoute of a Service says where its TLS goes', async () => {
  const backendRefs = [{ name: 'nobody', namespace: 'bank', port: 80 }];
  const edge = await startBank([
    service('bank/nobody'),
    {
      ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'TLSRoute' },
      metadata: { name: 'own', namespace: 'shop' },
      spec: {
        parentRefs: [{ kind: 'Service', name: 'pay', namespace: 'bank', sectionName: 'tls' }],
        hostnames: ['ignored.test'],
        rules: [{ backendRefs }],
      },
    },
  ]);
  expect(edge.problems).toEqual([]);
  await refusal(edge.port, { servername: 'pay.bank' });
  expect(await recorded(edge)).toMatchObject({
    ...{ route: 'shop/own', backend: 'bank/nobody:80', reason: 'no_endpoint' },
  });
});

test('bytes that are neither HTTP nor TLS are refused, and recorded', async () => {
  const edge = await startSidecar([service('app')]);
  expect(await say(edge.port, '\u0000\u0001\u0002\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  expect(await recorded(edge)).toMatchObject({ reason: 'bad_request', source: 'shop/web' });
});

test('where the mesh allows it, a host that is no Service is called by its name', async () => {
  const port = await startApp('outside');
  const edge = await startSidecar([ALLOW]);
  expect(edge.problems).toEqual([]);
  const said = await say(edge.port, get(`localhost:${port}`, '/a'));
  expect(said).toMatch(new RegExp(`outside GET localhost:${port}/a$`));
  expect(await recorded(edge)).toMatchObject({
    ...{ destination: '', route: '', endpoint: `127.0.0.1:${port}`, reason: 'ok', status: 200 },
  });
  expect(await say(edge.port, get(`127.0.0.1:${edge.port}`))).toMatch(/^HTTP\/1.1 404 /);
  expect(await say(edge.port, get('169.254.169.254'))).toMatch(/^HTTP\/1.1 404 /);
  expect(await say(edge.port, get('[::ffff:169.254.169.254]'))).toMatch(/^HTTP\/1.1 404 /);
  expect(edge.records.slice(1).map(({ reason }) => reason)).toEqual([
    ...['no_route', 'no_route', 'no_route'],
  ]);
});
