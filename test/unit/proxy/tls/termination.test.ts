import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { FakeClock } from '#platform/clock.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { exchangeBytes, startUpstream } from '../forward/harness.ts';
import { gateway, route, rule, service, slice } from '../support/world.ts';
import {
  CertificateFolder,
  type EdgeOptions,
  ask,
  ca,
  certificates,
  httpsGateway,
  leaf,
  otherCa,
  refusal,
  secure,
  startEdge,
} from './edge.ts';

const shop = leaf(['shop.example']);
const wild = leaf(['*.shop.example', '*.api.shop.example']);
const rsa = leaf(['shop.example'], { keyType: 'rsa' });

async function startShop(
  files: CertificateFolder,
  listeners: readonly object[],
  more: Partial<EdgeOptions> & { spec?: object } = {},
) {
  const upstream = await startUpstream((request, response) => {
    const { 'x-forwarded-proto': proto, host } = request.headers;
    response.end(JSON.stringify({ proto, host, url: request.url }));
  });
  return startEdge({
    files: files.files,
    resources: (port) => [
      httpsGateway(port, listeners, more.spec),
      service('app'),
      slice('app', ['127.0.0.1'], { ports: [{ port: upstream.endpoint.port }] }),
      route('all', { rules: [rule('/', 'app')] }),
    ],
    ...more,
  });
}

test('HTTPS is ended and its scheme goes to the upstream and into the record', async () => {
  const files = new CertificateFolder().add('web', shop);
  const edge = await startShop(files, [{ tls: certificates('web') }]);
  expect(edge.problems).toEqual([]);
  const socket = await secure(edge.port, { servername: 'shop.example' });
  expect(socket.getProtocol()).toBe('TLSv1.3');
  const answer = await ask(socket, 'shop.example', '/a');
  expect(answer).toContain('HTTP/1.1 200 OK');
  expect(answer).toContain('{"proto":"https","host":"shop.example","url":"/a"}');
  await until('the record', () => edge.records.length === 1);
  const [record] = edge.records;
  expect(record?.request.scheme).toBe('https');
  expect([record?.status, record?.reason]).toEqual([200, 'ok']);
  expect(record?.request.listener).toBe('Gateway/shop/edge/http');
});

test('a whole URL as the target has the scheme of the connection', async () => {
  const files = new CertificateFolder().add('web', shop);
  const edge = await startShop(files, [{ tls: certificates('web') }]);
  const options = { servername: 'shop.example' };
  const right = await ask(
    await secure(edge.port, options),
    'shop.example',
    'https://shop.example/b',
  );
  expect(right).toContain('"url":"/b"');
  const wrong = await ask(
    await secure(edge.port, options),
    'shop.example',
    'http://shop.example/b',
  );
  expect(wrong).toContain('HTTP/1.1 400 ');
});

test('ALPN chooses HTTP/2 or HTTP/1.1; a client that speaks neither is told so', async () => {
  const files = new CertificateFolder().add('web', shop);
  const edge = await startShop(files, [{ tls: certificates('web') }]);
  const session = connectHttp2(`https://127.0.0.1:${edge.port}`, {
    ...{ ca: [ca.cert], servername: 'shop.example' },
  });
  const stream = session.request({ ':path': '/h2', ':authority': 'shop.example' });
  expect(JSON.parse(await text(stream))).toMatchObject({ proto: 'https', url: '/h2' });
  session.close();
  const named = { servername: 'shop.example' };
  const http1 = await secure(edge.port, { ...named, ALPNProtocols: ['http/1.1'] });
  expect(http1.alpnProtocol).toBe('http/1.1');
  expect(await ask(http1, 'shop.example')).toContain('200 OK');
  expect(await refusal(edge.port, { ...named, ALPNProtocols: ['smtp'] })).toBe(
    'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
  );
  await until('both records', () => edge.records.length === 3);
  expect(edge.records.map((record) => record.request.protocol)).toEqual([
    'http/2',
    'http/1.1',
    'tls',
  ]);
});

test('the server name chooses the listener: exact, wildcard, none for others', async () => {
  const files = new CertificateFolder().add('web', shop).add('wild', wild);
  const edge = await startShop(files, [
    { name: 'exact', hostname: 'shop.example', tls: certificates('web') },
    { name: 'wild', hostname: '*.shop.example', tls: certificates('wild') },
  ]);
  const nameOf = async (servername: string): Promise<string | undefined> => {
    const socket = await secure(edge.port, { servername });
    return socket.getPeerX509Certificate()?.subject;
  };
  expect(await nameOf('shop.example')).toBe('CN=shop.example');
  expect(await nameOf('a.shop.example')).toBe('CN=*.shop.example');
  expect(await nameOf('a.api.shop.example')).toBe('CN=*.shop.example');
  const unrecognized = 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME';
  expect(await refusal(edge.port, { servername: 'other.example' })).toBe(unrecognized);
  expect(await refusal(edge.port, { servername: '' })).toBe(unrecognized);
  await until('both records', () => edge.records.length === 2);
  expect(edge.records.map((record) => [record.reason, record.request.host])).toEqual([
    ['handshake_failed', 'other.example'],
    ['handshake_failed', ''],
  ]);
});

test('a client that names no server gets the listener without a hostname', async () => {
  const files = new CertificateFolder().add('web', shop).add('any', wild);
  const edge = await startShop(files, [
    { name: 'exact', hostname: 'shop.example', tls: certificates('web') },
    { name: 'any', tls: certificates('any') },
  ]);
  const socket = await secure(edge.port, { servername: '', checkServerIdentity: () => undefined });
  expect(socket.getPeerX509Certificate()?.subject).toBe('CN=*.shop.example');
});

test('of several certificates the name decides, then what the client can', async () => {
  const files = new CertificateFolder().add('web', shop).add('wild', wild).add('rsa', rsa);
  const edge = await startShop(files, [{ tls: certificates('wild', 'web', 'rsa') }]);
  const keyOf = async (servername: string, sigalgs?: string): Promise<unknown> => {
    const options = sigalgs === undefined ? {} : { sigalgs };
    const socket = await secure(edge.port, {
      ...{ servername, checkServerIdentity: () => undefined, ...options },
    });
    const certificate = socket.getPeerX509Certificate();
    return [certificate?.subject, certificate?.publicKey.asymmetricKeyType];
  };
  expect(await keyOf('shop.example')).toEqual(['CN=shop.example', 'ec']);
  expect(await keyOf('shop.example', 'rsa_pss_rsae_sha256')).toEqual(['CN=shop.example', 'rsa']);
  expect(await keyOf('a.shop.example')).toEqual(['CN=*.shop.example', 'ec']);
  expect(await keyOf('other.example')).toEqual(['CN=*.shop.example', 'ec']);
});

test('TLS 1.2 is the oldest, and old suites are not spoken', async () => {
  const files = new CertificateFolder().add('rsa', rsa);
  const edge = await startShop(files, [{ tls: certificates('rsa') }]);
  const servername = 'shop.example';
  const socket = await secure(edge.port, { servername, maxVersion: 'TLSv1.2' });
  expect(socket.getProtocol()).toBe('TLSv1.2');
  expect(socket.getCipher().name).toMatch(/^ECDHE-RSA-.*(GCM|POLY1305)/);
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const;
  const ciphers = 'DEFAULT@SECLEVEL=0';
  expect(await refusal(edge.port, { servername, ...old, ciphers })).toBe(
    'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  );
  const cbc = { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:ECDHE-RSA-AES128-SHA' } as const;
  expect(await refusal(edge.port, { servername, ...cbc })).toBe(
    'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
  );
});

test('a second handshake on a connection is not made', async () => {
  const files = new CertificateFolder().add('web', shop);
  const edge = await startShop(files, [{ tls: certificates('web') }]);
  const socket = await secure(edge.port, { servername: 'shop.example', maxVersion: 'TLSv1.2' });
  const outcome = await new Promise<Error | null>((resolve) => {
    socket.once('error', resolve);
    socket.renegotiate({}, resolve);
  });
  expect(outcome).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' });
});

test('a request for the host of another listener is misdirected', async () => {
  const files = new CertificateFolder().add('web', shop).add('wild', wild);
  const edge = await startShop(files, [
    { name: 'exact', hostname: 'shop.example', tls: certificates('web') },
    { name: 'wild', hostname: '*.shop.example', tls: certificates('wild') },
  ]);
  const servername = 'a.shop.example';
  const connection = { servername };
  expect(await ask(await secure(edge.port, connection), 'b.shop.example')).toContain(' 200 OK');
  const answer = await ask(await secure(edge.port, connection), 'shop.example');
  expect(answer).toContain('HTTP/1.1 421 ');
  expect(await ask(await secure(edge.port, connection), 'other.example')).toContain(' 404 ');
  await until('three records', () => edge.records.length === 3);
  expect(edge.records.map((record) => record.reason)).toEqual(['ok', 'misdirected', 'no_route']);
});

test('HTTP in the clear on a port for TLS is answered once and closed', async () => {
  const files = new CertificateFolder().add('web', shop);
  const edge = await startShop(files, [{ tls: certificates('web') }]);
  const answer = await exchangeBytes(edge.port, 'GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n');
  expect(answer).toContain('HTTP/1.1 400 Bad Request\r\n');
  expect(answer).toContain('this port speaks TLS');
  await until('the record', () => edge.records.length === 1);
  expect([edge.records[0]?.status, edge.records[0]?.reason]).toEqual([400, 'bad_request']);
  // What is neither gets an alert: decode_error.
  expect(Buffer.from(await exchangeBytes(edge.port, '\x00\x01\x02'), 'latin1').at(-1)).toBe(50);
});

test('a handshake that is late is given up; one that never began is no failure', async () => {
  const clock = new FakeClock();
  const files = new CertificateFolder().add('web', shop);
  const edge = await startShop(files, [{ tls: certificates('web') }], { clock });
  const silent = connect(edge.port, '127.0.0.1');
  const slow = connect(edge.port, '127.0.0.1', () => slow.write('\x16\x03\x01'));
  let closed = 0;
  for (const socket of [silent, slow]) {
    socket.on('error', () => undefined);
    socket.resume().once('close', () => closed++);
  }
  await until('both connections', () => edge.engine.connections === 2);
  await until('the bytes', () => slow.bytesWritten === 3);
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(9_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(closed).toBe(0);
  clock.advance(1_100);
  await until('both closed', () => closed === 2);
  await until('one record', () => edge.records.length === 1);
  expect(edge.records[0]?.reason).toBe('handshake_failed');
});

test('a listener without its certificate refuses handshakes by name; others serve', async () => {
  const files = new CertificateFolder().add('web', shop);
  const edge = await startShop(files, [
    { name: 'exact', hostname: 'shop.example', tls: certificates('web') },
    { name: 'wild', hostname: '*.shop.example', tls: certificates('gone') },
  ]);
  expect(edge.problems).toEqual([
    {
      resource: 'Gateway/shop/edge',
      path: 'spec.listeners[name=wild].tls.certificateRefs',
      reason: 'cannot_apply',
      message:
        'there is no Secret shop/gone, and the bootstrap of this proxy names no such certificate',
    },
  ]);
  expect(await refusal(edge.port, { servername: 'a.shop.example' })).toBe(
    'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
  );
  const socket = await secure(edge.port, { servername: 'shop.example' });
  expect(await ask(socket, 'shop.example')).toContain(' 200 OK');
});

test('a client certificate is demanded and has to be of the right authority', async () => {
  const files = new CertificateFolder().add('web', shop).add('clients', undefined, [otherCa]);
  const validation = { caCertificateRefs: [{ kind: 'ConfigMap', name: 'clients' }] };
  const spec = { tls: { frontend: { default: { validation } } } };
  const edge = await startShop(files, [{ tls: certificates('web') }], { spec });
  expect(edge.problems).toEqual([]);
  const servername = 'shop.example';
  const known = leaf(['client'], { issuer: otherCa });
  const { cert, key } = known;
  expect(await ask(await secure(edge.port, { servername, cert, key }), servername)).toContain(
    ' 200 OK',
  );
  // In TLS 1.3 a client is done before the server has looked at its certificate.
  const without = await secure(edge.port, { servername });
  expect(await ask(without, servername)).toBe('');
  const { cert: wrong, key: wrongKey } = leaf(['client']);
  const foreign = await secure(edge.port, { servername, cert: wrong, key: wrongKey });
  expect(await ask(foreign, servername)).toBe('');
  // SAFETY.md class 8: one that may serve only, and one whose time is over.
  for (const more of [{ purposes: ['serverAuth'] as const }, { notAfter: new Date(0) }]) {
    const unfit = leaf(['client'], { issuer: otherCa, ...more });
    const { cert: unfitCert, key: unfitKey } = unfit;
    const socket = await secure(edge.port, { servername, cert: unfitCert, key: unfitKey });
    expect(await ask(socket, servername)).toBe('');
  }
  await until('five records', () => edge.records.length === 5);
  const [first, ...others] = edge.records.map((record) => record.reason);
  expect(first).toBe('ok');
  expect(new Set(others)).toEqual(new Set(['handshake_failed']));
});

test('a port that changes from HTTP to HTTPS serves no old connection in the clear', async () => {
  const files = new CertificateFolder().add('web', shop);
  const edge = await startEdge({
    files: files.files,
    resources: (port) => [
      gateway('edge', [{ port }]),
      ...[service('app'), route('all', { rules: [rule('/', 'app')] })],
    ],
  });
  const kept = connect(edge.port, '127.0.0.1');
  onTestFinished(() => void kept.destroy());
  let answers = '';
  kept.on('data', (chunk: Buffer) => (answers += chunk.toString()));
  kept.write('GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n');
  await until('503: no endpoint', () => answers.includes(' 503 '));
  await edge.apply(httpsGateway(edge.port, [{ tls: certificates('web') }]));
  kept.write('GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n');
  await until('404: no listener', () => answers.includes(' 404 '));
  const socket = await secure(edge.port, { servername: 'shop.example' });
  expect(await ask(socket, 'shop.example')).toContain(' 503 ');
});

test('a response until close that breaks off is no end in order', async () => {
  const files = new CertificateFolder().add('web', shop);
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200).write('part');
    setImmediate(() => response.socket?.destroy());
  });
  const edge = await startEdge({
    files: files.files,
    resources: (port) => [
      httpsGateway(port, [{ tls: certificates('web') }]),
      service('app'),
      slice('app', ['127.0.0.1'], { ports: [{ port: upstream.endpoint.port }] }),
      route('all', { rules: [rule('/', 'app')] }),
    ],
  });
  const socket = await secure(edge.port, { servername: 'shop.example' });
  let ended = false;
  socket.on('end', () => (ended = true));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.resume().write('GET / HTTP/1.0\r\nhost: shop.example\r\n\r\n');
  await closed;
  expect(ended).toBe(false);
  await until('the record', () => edge.records.length === 1);
  expect(edge.records[0]?.reason).toBe('upstream_aborted');
});
