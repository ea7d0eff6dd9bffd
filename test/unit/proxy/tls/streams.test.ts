import { randomBytes } from 'node:crypto';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import { FakeClock } from '#platform/clock.ts';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startRawUpstream } from '../forward/harness.ts';
import { gateway, own, route, rule, service, slice } from '../support/world.ts';
import { CertificateFolder, ca, certificates, leaf, refusal, secure, startEdge } from './edge.ts';
import {
  GROUP,
  at,
  dial,
  fingerprint,
  roundTrip,
  startEcho,
  tcpRoute,
  tlsRoute,
  to,
} from './stream-parts.ts';

const TCP = { protocol: 'TCP' };

test('a TCP connection is one exchange: routed, counted both ways, recorded', async () => {
  const echo = await startEcho('one');
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port, ...TCP }]),
      ...[service('db'), at('db', echo.port), tcpRoute('db', [to('db')])],
    ],
  });
  expect(edge.problems).toEqual([]);
  // The client's end comes first, and what is still on its way back arrives.
  const sent = randomBytes(300_000).toString('latin1');
  const socket = await dial(edge.port);
  expect(await roundTrip(socket, Buffer.from(sent, 'latin1'))).toBe(`one:${sent}`);
  await until('the record', () => edge.records.length === 1);
  const [record] = edge.records;
  expect(record).toMatchObject({
    ...{ route: 'shop/db', rule: '0', backend: 'shop/db:80', destination: 'shop/db' },
    ...{ endpoint: `127.0.0.1:${echo.port}`, reason: 'ok', status: 0, pathTemplate: '' },
    ...{ bytesIn: 300_000, bytesOut: 300_004, source: 'Gateway/shop/edge' },
  });
  expect(record?.request).toMatchObject({
    ...{ listener: 'Gateway/shop/edge/http', protocol: 'tcp', method: '', path: '', host: '' },
    clientAddress: '127.0.0.1',
  });
  expect(edge.engine.connections).toBe(0);
});

test('weights count, and behind a refused endpoint the next one gets all bytes', async () => {
  const [one, two, gone] = [await startEcho('one'), await startEcho('two'), await freePort()];
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port, ...TCP }]),
      ...[service('a'), service('b'), service('none'), at('b', two.port)],
      slice('a', ['127.0.0.1'], { ports: [{ port: one.port }] }),
      { ...slice('a', ['127.0.0.1'], { ports: [{ port: gone }] }), metadata: second('a') },
      tcpRoute('db', [to('a', 3), to('b', 1), to('none', 0)]),
      own('TrafficPolicy', 'a', {
        targetRefs: [{ kind: 'Service', name: 'a' }],
        loadBalancing: { type: 'RoundRobin' },
        retry: { attempts: 1, budget: { percent: 100, minPerSecond: 10 } },
      }),
    ],
  });
  const names = new Map<string, number>();
  for (let i = 0; i < 40; i++) {
    const answer = await roundTrip(await dial(edge.port), 'hello');
    names.set(answer, (names.get(answer) ?? 0) + 1);
  }
  expect([...names.keys()].sort()).toEqual(['one:hello', 'two:hello']);
  expect(names.get('one:hello')).toBeGreaterThan(22);
  await until('all records', () => edge.records.length === 40);
  expect(edge.records.filter((record) => record.retries > 0).length).toBeGreaterThan(0);
  expect(new Set(edge.records.map((record) => record.reason))).toEqual(new Set(['ok']));
});

function second(name: string): object {
  return {
    ...{ name: `${name}-2`, namespace: 'shop' },
    labels: { 'kubernetes.io/service-name': name },
  };
}

test('what cannot be connected is closed, with the reason in its record', async () => {
  const gone = await freePort();
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port, ...TCP }]),
      ...[service('db'), tcpRoute('db', [to('db')])],
    ],
  });
  expect(await roundTrip(await dial(edge.port), 'x')).toBe('');
  await edge.apply(at('db', gone));
  expect(await roundTrip(await dial(edge.port), 'x')).toBe('');
  await edge.apply(
    at('db', (await startEcho('one')).port),
    own('TrafficPolicy', 'db', {
      targetRefs: [{ kind: 'Service', name: 'db' }],
      circuit: { requests: 1 },
    }),
  );
  const held = await dial(edge.port);
  await new Promise((resolve) => held.once('data', resolve));
  expect(await roundTrip(await dial(edge.port), 'x')).toBe('');
  held.resetAndDestroy();
  await until('four records', () => edge.records.length === 4);
  expect(edge.records.map((record) => record.reason)).toEqual([
    ...['no_endpoint', 'upstream_refused', 'circuit_open', 'client_closed'],
  ]);
});

test('a backend that has ended its side still reads what comes', async () => {
  const later: Buffer[] = [];
  const edgeOf = async (secured: boolean) => {
    const issued = leaf(['db.internal']);
    const answer = (socket: Socket): void => {
      socket.on('error', () => socket.destroy());
      socket.end('first');
      socket.on('data', (chunk: Buffer) => later.push(chunk));
    };
    const server = secured
      ? createTlsServer({ ...issued, allowHalfOpen: true }, answer)
      : createServer({ allowHalfOpen: true }, answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port: backend } = server.address() as AddressInfo;
    const validation = {
      hostname: 'db.internal',
      caCertificateRefs: [{ kind: 'ConfigMap', name: 'ca' }],
    };
    const policy = {
      ...{ apiVersion: `${GROUP}/v1`, kind: 'BackendTLSPolicy' },
      metadata: { name: 'db', namespace: 'shop' },
      spec: { targetRefs: [{ kind: 'Service', name: 'db' }], validation },
    };
    return startEdge({
      files: new CertificateFolder().add('ca', undefined, [ca]).files,
      resources: (port) => [
        gateway('edge', [{ port, ...TCP }]),
        ...[service('db'), at('db', backend), tcpRoute('db', [to('db')])],
        ...(secured ? [policy] : []),
      ],
    });
  };
  for (const secured of [false, true]) {
    const edge = await edgeOf(secured);
    const socket = await dial(edge.port);
    let first = '';
    socket.on('data', (chunk: Buffer) => (first += chunk.toString()));
    await new Promise((resolve) => socket.once('end', resolve));
    expect(first).toBe('first');
    later.length = 0;
    socket.end('last');
    await until('what came later', () => Buffer.concat(later).toString() === 'last');
    await until('the record', () => edge.records.length === 1);
    expect(edge.records[0]).toMatchObject({ reason: 'ok', bytesIn: 4, bytesOut: 5 });
  }
});

test('a stream lives through changes of its route; new ones follow the new one', async () => {
  const [one, two] = [await startEcho('one'), await startEcho('two')];
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port, ...TCP }]),
      ...[service('a'), service('b'), at('a', one.port), at('b', two.port)],
      tcpRoute('db', [to('a')]),
    ],
  });
  const kept = await dial(edge.port);
  await new Promise((resolve) => kept.once('data', resolve));
  for (let change = 0; change < 20; change++) {
    await edge.apply(tcpRoute('db', [to(change % 2 === 0 ? 'b' : 'a')]));
    const echoed = new Promise((resolve) => kept.once('data', resolve));
    kept.write(`still ${change}`);
    expect(String(await echoed)).toBe(`still ${change}`);
    const fresh = await roundTrip(await dial(edge.port), 'x');
    expect(fresh).toBe(change % 2 === 0 ? 'two:x' : 'one:x');
  }
});

test('a stream on which nothing moves is let go', async () => {
  const clock = new FakeClock();
  const echo = await startEcho('one');
  const edge = await startEdge({
    clock,
    resources: (port) => [
      gateway('edge', [{ port, ...TCP }]),
      ...[service('db'), at('db', echo.port), tcpRoute('db', [to('db')])],
    ],
  });
  const socket = await dial(edge.port);
  await new Promise((resolve) => socket.once('data', resolve));
  const broken = new Promise((resolve) => socket.once('error', resolve));
  clock.advance(300_100);
  expect(edge.records).toEqual([]);
  clock.advance(300_100);
  expect(await broken).toMatchObject({ code: 'ECONNRESET' });
  expect(edge.records.map((record) => record.reason)).toEqual(['upstream_timeout']);
});

test('a backend that breaks off is counted against it', async () => {
  const upstream = await startRawUpstream((socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  });
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port, ...TCP }]),
      ...[service('db'), at('db', upstream.port), tcpRoute('db', [to('db')])],
    ],
  });
  const socket = await dial(edge.port);
  const broken = new Promise((resolve) => socket.once('error', resolve));
  socket.resume().write('x');
  // Not an end in order: to the client half of the bytes would look like all of them.
  expect(await broken).toMatchObject({ code: 'ECONNRESET' });
  await until('the record', () => edge.records.length === 1);
  expect(edge.records[0]?.reason).toBe('upstream_aborted');
});

test('TLS passes through untouched, by its server name, and ends at the backend', async () => {
  const issued = leaf(['a.example', '*.b.example']);
  const backend = createTlsServer(issued, (socket) => socket.pipe(socket));
  backend.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void backend.close());
  const { port: backendPort } = backend.address() as AddressInfo;
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port, protocol: 'TLS', tls: { mode: 'Passthrough' } }]),
      ...[service('db'), service('none'), at('db', backendPort)],
      tlsRoute('db', ['a.example', '*.b.example'], [to('db')]),
      tlsRoute('down', ['down.example'], [to('none')]),
    ],
  });
  expect(edge.problems).toEqual([]);
  for (const servername of ['a.example', 'x.b.example']) {
    const socket = await secure(edge.port, { servername });
    expect(socket.getPeerX509Certificate()?.fingerprint256).toBe(fingerprint(issued.cert));
    const bytes = randomBytes(200_000);
    socket.end(bytes);
    expect(Buffer.compare(await buffer(socket), bytes)).toBe(0);
  }
  expect(await refusal(edge.port, { servername: 'c.example' })).toBe(
    'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
  );
  expect(await refusal(edge.port, { servername: 'down.example' })).toBe(
    'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
  );
  await until('four records', () => edge.records.length === 4);
  expect(edge.records.map((record) => [record.request.host, record.reason, record.route])).toEqual([
    ['a.example', 'ok', 'shop/db'],
    ['x.b.example', 'ok', 'shop/db'],
    ['c.example', 'no_route', ''],
    ['down.example', 'no_endpoint', 'shop/down'],
  ]);
});

test('TLS and HTTPS share a port; TLS that ends here becomes a stream of plain bytes', async () => {
  const echo = await startEcho('db');
  const files = new CertificateFolder().add('web', leaf(['db.example', 'shop.example']));
  const edge = await startEdge({
    files: files.files,
    resources: (port) => [
      gateway('edge', [
        {
          name: 'web',
          port,
          protocol: 'HTTPS',
          hostname: 'shop.example',
          tls: certificates('web'),
        },
        { name: 'db', port, protocol: 'TLS', hostname: 'db.example', tls: certificates('web') },
      ]),
      ...[service('db'), at('db', echo.port)],
      tlsRoute('db', ['db.example'], [to('db')]),
      route('web', { rules: [rule('/', 'db')] }),
    ],
  });
  expect(edge.problems).toEqual([]);
  const socket = await secure(edge.port, { servername: 'db.example' });
  expect(await roundTrip(socket, 'hello')).toBe('db:hello');
  const web = await secure(edge.port, { servername: 'shop.example' });
  expect(await roundTrip(web, 'GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n')).toContain(' 502 ');
  await until('two records', () => edge.records.length === 2);
  expect(edge.records.map((record) => [record.request.protocol, record.reason])).toEqual([
    ['tls', 'ok'],
    ['http/1.1', 'upstream_invalid'],
  ]);
});

test.each([
  ['with', { hostname: 'db.example' }],
  ['without', {}],
])(
  'a listener %s a hostname ends TLS, and its TCPRoute gets the plain bytes',
  async (_name, of) => {
    const heard: Buffer[] = [];
    const backend = await startRawUpstream((socket) => {
      socket.write('db:');
      socket.on('data', (chunk: Buffer) => heard.push(chunk));
      socket.pipe(socket);
    });
    const issued = leaf(['db.example']);
    const edge = await startEdge({
      files: new CertificateFolder().add('web', issued).files,
      resources: (port) => [
        gateway('edge', [
          {
            ...{ port, protocol: 'TLS', ...of },
            tls: { mode: 'Terminate', ...certificates('web') },
          },
        ]),
        ...[service('db'), at('db', backend.port), tcpRoute('db', [to('db')])],
      ],
    });
    expect(edge.problems).toEqual([]);
    const socket = await secure(edge.port, { servername: 'db.example' });
    expect(socket.getPeerX509Certificate()?.fingerprint256).toBe(fingerprint(issued.cert));
    const sent = randomBytes(200_000);
    expect(await roundTrip(socket, sent)).toBe(`db:${sent.toString('latin1')}`);
    expect(Buffer.compare(Buffer.concat(heard), sent)).toBe(0);
    await until('the record', () => edge.records.length === 1);
    expect(edge.records[0]).toMatchObject({
      ...{ route: 'shop/db', reason: 'ok', bytesIn: 200_000, bytesOut: 200_003 },
      request: { listener: 'Gateway/shop/edge/http', host: 'db.example', protocol: 'tls' },
    });
  },
);
