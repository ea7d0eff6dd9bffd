import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { exchangeBytes } from '../forward/harness.ts';
import { startKeeper } from '../route/filters/edge.ts';
import { gateway, route, rule, service, slice } from '../support/world.ts';
import {
  CertificateFolder,
  ca,
  certificates,
  httpsGateway,
  leaf,
  secure,
  startEdge,
} from './edge.ts';

const GET = 'GET /x HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n';

test('a mirror is called over TLS as its Service and the Gateway ask', async () => {
  const app = await startKeeper();
  const shown: unknown[] = [];
  const { key, cert } = leaf(['mirror.internal']);
  const server = createServer(
    { key, cert, ca: ca.cert, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      shown.push([request.url, socket.servername, socket.getPeerCertificate().subject.CN]);
      response.end('secret');
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const files = new CertificateFolder()
    .add('ca', undefined, [ca])
    .add('edge', leaf(['edge.internal'], { purposes: ['clientAuth'] }));
  const mirror = {
    type: 'RequestMirror',
    requestMirror: { backendRef: { name: 'mirror', port: 80 } },
  };
  const edge = await startEdge({
    files: files.files,
    resources: (port) => [
      gateway('edge', [{ port }], {
        tls: { backend: { clientCertificateRef: { name: 'edge' } } },
      }),
      ...[service('app'), service('mirror')],
      route('all', { rules: [rule('/', 'app', { filters: [mirror] })] }),
      slice('app', ['127.0.0.1'], { ports: [{ port: app.endpoint.port }] }),
      slice('mirror', ['127.0.0.1'], { ports: [{ port: (server.address() as AddressInfo).port }] }),
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'BackendTLSPolicy',
        metadata: { name: 'mirror', namespace: 'shop' },
        spec: {
          targetRefs: [{ kind: 'Service', name: 'mirror' }],
          validation: {
            hostname: 'mirror.internal',
            caCertificateRefs: [{ kind: 'ConfigMap', name: 'ca' }],
          },
        },
      },
    ],
  });
  expect(edge.problems).toEqual([]);
  expect(await exchangeBytes(edge.port, GET)).toContain('ok');
  await until('the copy', () => shown.length === 1);
  expect(shown).toEqual([['/x', 'mirror.internal', 'edge.internal']]);
  expect(edge.records).toMatchObject([{ mirrored: 1, reason: 'ok' }]);
});

test('a redirect of a listener for HTTPS keeps its scheme and port', async () => {
  const files = new CertificateFolder().add('web', leaf(['a.example']));
  const filters = [{ type: 'RequestRedirect', requestRedirect: { hostname: 'b.example' } }];
  const edge = await startEdge({
    files: files.files,
    resources: (port) => [
      httpsGateway(port, [{ name: 'a', hostname: 'a.example', tls: certificates('web') }]),
      route('all', { rules: [rule('/', '', { filters, backendRefs: [] })] }),
    ],
  });
  const socket = await secure(edge.port, { servername: 'a.example' });
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write('GET /x?y HTTP/1.1\r\nhost: a.example\r\n\r\n');
  await until('the answer', () => text.endsWith('\r\n\r\n'));
  expect(text).toMatch(new RegExp(`^location: https://b.example:${edge.port}/x\\?y\\r$`, 'm'));
});
