import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Endpoint } from '#contracts/events.ts';
import { createLog } from '#platform/log.ts';
import { type Connected, type ConnectOptions, Connector } from '#proxy/forward/connect.ts';
import type { BackendTls } from '#proxy/upstream/settings.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { exchangeBytes } from '../forward/harness.ts';
import { gateway, route, rule, service, slice } from '../support/world.ts';
import { CertificateFolder, ca, leaf, otherCa, startEdge } from './edge.ts';

interface Backend {
  port: number;
  serverNames: unknown[];
  resumed: boolean[];
  protocols: unknown[];
}

async function startBackend(options: TlsOptions): Promise<Backend> {
  const backend: Backend = { port: 0, serverNames: [], resumed: [], protocols: [] };
  const server = createServer(options, (_request, response) => response.end('secret'));
  server.on('secureConnection', (socket) => {
    backend.serverNames.push(socket.servername);
    backend.resumed.push(socket.isSessionReused());
    backend.protocols.push(socket.alpnProtocol);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  backend.port = (server.address() as AddressInfo).port;
  return backend;
}

function policy(name: string, validation: object, target: object = {}): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name, namespace: 'shop' },
    spec: { targetRefs: [{ kind: 'Service', name: 'app', ...target }], validation },
  };
}

const CA = [{ kind: 'ConfigMap', name: 'ca' }];

async function startShop(backend: Backend, validation: object, authorities = [ca]) {
  const files = new CertificateFolder().add('ca', undefined, authorities);
  return startEdge({
    files: files.files,
    resources: (port) => [
      gateway('edge', [{ port }]),
      ...[service('app'), route('all', { rules: [rule('/', 'app')] })],
      slice('app', ['127.0.0.1'], { ports: [{ port: backend.port }] }),
      policy('app', validation),
    ],
  });
}

const GET = 'GET / HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n';

test('a backend is called over TLS by the name of the policy, and verified', async () => {
  const backend = await startBackend(leaf(['app.internal']));
  const edge = await startShop(backend, { hostname: 'app.internal', caCertificateRefs: CA });
  expect(edge.problems).toEqual([]);
  expect(await exchangeBytes(edge.port, GET)).toContain('secret');
  expect(backend.serverNames).toEqual(['app.internal']);
  expect(backend.protocols).toEqual(['http/1.1']);
  // The connection is kept, and serves the next request.
  expect(await exchangeBytes(edge.port, GET)).toContain('secret');
  expect(backend.serverNames).toHaveLength(1);
  await until('two records', () => edge.records.length === 2);
  expect(edge.records[0]?.connectMs).toBeGreaterThan(0);
});

test('a host outside is found by its name, and called by the name of the policy', async () => {
  const backend = await startBackend(leaf(['app.internal']));
  const files = new CertificateFolder().add('ca', undefined, [ca]);
  const app = service('app', [{ port: 80, targetPort: backend.port }]) as { spec: object };
  const external = { type: 'ExternalName', externalName: 'localhost' };
  const edge = await startEdge({
    files: files.files,
    resources: (port) => [
      gateway('edge', [{ port }]),
      route('all', { rules: [rule('/', 'app')] }),
      { ...app, spec: { ...app.spec, ...external } },
      policy('app', { hostname: 'app.internal', caCertificateRefs: CA }),
    ],
  });
  expect(edge.problems).toEqual([]);
  expect(await exchangeBytes(edge.port, GET)).toContain('secret');
  expect(backend.serverNames).toEqual(['app.internal']);
});

test.each([
  ['a certificate for another name', leaf(['other.internal']), [ca]],
  ['an authority that is not trusted', leaf(['app.internal']), [otherCa]],
  ['a certificate that signs itself', leaf(['app.internal'], { issuer: otherCa }), [ca]],
  // SAFETY.md class 8.
  ['a name that goes on behind a NUL', leaf(['app.internal\0.evil.example']), [ca]],
  ['a certificate for clients', leaf(['app.internal'], { purposes: ['clientAuth'] }), [ca]],
  ['a certificate whose time is over', leaf(['app.internal'], { notAfter: new Date(0) }), [ca]],
])('%s: 503, and nothing is sent', async (_name, issued, authorities) => {
  const backend = await startBackend(issued);
  const validation = { hostname: 'app.internal', caCertificateRefs: CA };
  const edge = await startShop(backend, validation, authorities);
  const answer = await exchangeBytes(edge.port, GET);
  expect(answer).toContain('HTTP/1.1 503 ');
  expect(answer).not.toContain('secret');
  await until('the record', () => edge.records.length === 1);
  expect(edge.records[0]?.reason).toBe('upstream_refused');
});

test('a subject alternative name counts instead of the name that is asked for', async () => {
  const backend = await startBackend(leaf(['spiffe.internal']));
  const names = (hostname: string): object => ({
    ...{ hostname: 'app.internal', caCertificateRefs: CA },
    subjectAltNames: [{ type: 'Hostname', hostname }],
  });
  const edge = await startShop(backend, names('spiffe.internal'));
  expect(await exchangeBytes(edge.port, GET)).toContain('secret');
  expect(backend.serverNames).toEqual(['app.internal']);
  await edge.apply(policy('app', names('app.internal')));
  expect(await exchangeBytes(edge.port, GET)).toContain(' 503 ');
});

const SPIFFE = 'spiffe://mesh.example/ns/shop/sa/app';
const URI = { type: 'URI', uri: SPIFFE };

test.each([
  ['a URI', [URI], [], [SPIFFE], true],
  ['one of several', [{ type: 'Hostname', hostname: 'no.internal' }, URI], [], [SPIFFE], true],
  ['a wildcard', [{ type: 'Hostname', hostname: '*.internal' }], ['a.b.internal'], [], true],
  ['another URI', [URI], ['app.internal'], [`${SPIFFE}2`], false],
  ['no URI at all', [URI], ['app.internal'], [], false],
  ['a URI as a DNS name', [URI], [`x, URI:${SPIFFE}`], [], false],
  [
    'a wildcard and its own domain',
    [{ type: 'Hostname', hostname: '*.a' }],
    ['a', 'ba'],
    [],
    false,
  ],
])('what a subject alternative name asks for: %s', async (_name, asked, hosts, uris, isGood) => {
  const backend = await startBackend(leaf(hosts, { uris }));
  const edge = await startShop(backend, {
    ...{ hostname: 'app.internal', caCertificateRefs: CA, subjectAltNames: asked },
  });
  expect(edge.problems).toEqual([]);
  expect(await exchangeBytes(edge.port, GET)).toContain(isGood ? 'secret' : ' 503 ');
});

test('the name of a certificate\u2019s subject is not the name of a server', async () => {
  const backend = await startBackend(leaf([], { name: 'app.internal' }));
  const edge = await startShop(backend, { hostname: 'app.internal', caCertificateRefs: CA });
  expect(await exchangeBytes(edge.port, GET)).toContain(' 503 ');
});

test('a policy without whom to trust closes, it never opens', async () => {
  const backend = await startBackend(leaf(['app.internal']));
  const edge = await startShop(backend, { hostname: 'app.internal' });
  expect(edge.problems.map(({ resource, path, reason }) => [resource, path, reason])).toEqual([
    ['BackendTLSPolicy/shop/app', 'spec.validation', 'missing_field'],
  ]);
  expect(await exchangeBytes(edge.port, GET)).toContain(' 503 ');
  await edge.apply(
    policy('app', {
      hostname: 'app.internal',
      caCertificateRefs: [{ kind: 'ConfigMap', name: 'nobody' }],
    }),
  );
  expect(edge.problems.map(({ message }) => message)).toEqual([
    'there is no Secret shop/nobody, and the bootstrap of this proxy names no such certificate',
  ]);
  expect(await exchangeBytes(edge.port, GET)).toContain(' 503 ');
  expect(backend.serverNames).toEqual([]);
});

test('the certificate of the Gateway is shown to a backend that asks', async () => {
  const asks = { requestCert: true, rejectUnauthorized: true, ca: [otherCa.cert] };
  const backend = await startBackend({ ...leaf(['app.internal']), ...asks });
  const files = new CertificateFolder()
    .add('ca', undefined, [ca])
    .add('own', leaf(['edge'], { issuer: otherCa }));
  const spec = (name: string): object => ({
    tls: { backend: { clientCertificateRef: { name } } },
  });
  const edge = await startEdge({
    files: files.files,
    resources: (port) => [
      gateway('edge', [{ port }]),
      ...[service('app'), route('all', { rules: [rule('/', 'app')] })],
      slice('app', ['127.0.0.1'], { ports: [{ port: backend.port }] }),
      policy('app', { hostname: 'app.internal', caCertificateRefs: CA }),
    ],
  });
  // In TLS 1.3 a client learns behind its handshake that the server does not want it.
  expect(await exchangeBytes(edge.port, GET)).toMatch(/ 50[23] /);
  await edge.apply(gateway('edge', [{ port: edge.port }], spec('own')));
  expect(edge.problems).toEqual([]);
  expect(await exchangeBytes(edge.port, GET)).toContain('secret');
  await edge.apply(gateway('edge', [{ port: edge.port }], spec('nobody')));
  expect(edge.problems.map(({ path, message }) => [path, message])).toEqual([
    [
      'spec.tls.backend.clientCertificateRef',
      'there is no Secret shop/nobody, and the bootstrap of this proxy names no such certificate',
    ],
  ]);
  expect(await exchangeBytes(edge.port, GET)).toContain(' 503 ');
});

test('a backend of HTTP/2 is called so over TLS, by ALPN', async () => {
  const issued = leaf(['app.internal']);
  const seen: string[] = [];
  const server = createSecureServer({ ...issued, allowHTTP1: true }, (request, response) => {
    seen.push(request.httpVersion);
    response.end('secret');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port: backend } = server.address() as AddressInfo;
  const old = await startBackend(issued);
  const edge = await startEdge({
    files: new CertificateFolder().add('ca', undefined, [ca]).files,
    resources: (port) => [
      gateway('edge', [{ port }]),
      service('app', [{ port: 80, appProtocol: 'kubernetes.io/h2c' }]),
      route('all', { rules: [rule('/', 'app')] }),
      slice('app', ['127.0.0.1'], { ports: [{ port: backend }] }),
      policy('app', { hostname: 'app.internal', caCertificateRefs: CA }),
    ],
  });
  expect(await exchangeBytes(edge.port, GET)).toContain('secret');
  expect(seen).toEqual(['2.0']);
  // One that does not speak it is told from one that cannot be reached.
  await edge.apply(slice('app', ['127.0.0.1'], { ports: [{ port: old.port }] }));
  expect(await exchangeBytes(edge.port, GET)).toMatch(/ 50[23] /);
  expect(seen).toHaveLength(1);
});

test('the authorities of the machine do not trust ours', async () => {
  const backend = await startBackend(leaf(['app.internal']));
  const system = { hostname: 'app.internal', wellKnownCACertificates: 'System' };
  const edge = await startShop(backend, system);
  expect(edge.problems).toEqual([]);
  expect(await exchangeBytes(edge.port, GET)).toContain(' 503 ');
});

function open(connector: Connector, port: number, options: ConnectOptions): Promise<Connected> {
  const endpoint: Endpoint = { address: '127.0.0.1', port, proxy: '', zone: '' };
  return new Promise((resolve) => {
    connector.open(endpoint, options, (result) => {
      if (result.ok) onTestFinished(() => void result.socket.destroy());
      resolve(result);
    });
  });
}

const TLS: BackendTls = {
  ...{ policy: 'BackendTLSPolicy/shop/app', key: 'k', serverName: 'app.internal' },
  ...{ names: ['app.internal'], uris: [], authorities: ['shop/ca'] },
};

test('the caller says what is spoken, sees what was chosen, and sessions are resumed', async () => {
  const backend = await startBackend({ ...leaf(['app.internal']), ALPNProtocols: ['h2'] });
  const certificates = {
    version: 1,
    authorities: () => ({ pem: [ca.cert], fingerprint: '' }),
    server: () => undefined,
  };
  const connector = new Connector({
    certificates,
    log: createLog({ service: 'test', level: 'silent' }),
  });
  const first = await open(connector, backend.port, { tls: TLS, protocols: ['h2', 'http/1.1'] });
  expect(first).toMatchObject({ ok: true, protocol: 'h2' });
  if (first.ok) await new Promise((resolve) => first.socket.once('session', resolve));
  const second = await open(connector, backend.port, { tls: TLS, protocols: [] });
  expect(second).toMatchObject({ ok: true, protocol: '' });
  await until('two connections', () => backend.resumed.length === 2);
  // Other authorities: what was verified by the old ones is not believed any more.
  certificates.version = 2;
  await open(connector, backend.port, { tls: TLS, protocols: [] });
  await until('three connections', () => backend.resumed.length === 3);
  expect(backend.resumed).toEqual([false, true, false]);
});

test('without certificates at hand nothing goes in the clear', async () => {
  const backend = await startBackend(leaf(['app.internal']));
  const result = await open(new Connector(), backend.port, { tls: TLS, protocols: [] });
  expect(result.ok).toBe(false);
  let called = 0;
  const endpoint: Endpoint = { address: '127.0.0.1', port: backend.port, proxy: '', zone: '' };
  new Connector().open(endpoint, { tls: TLS, protocols: [] }, () => called++).cancel();
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise((resolve) => setImmediate(resolve));
  expect(called).toBe(0);
});
