import { connect } from 'node:net';
import { expect } from 'vitest';
import { conformanceTest } from './conformance.ts';
import { SAME, exact, httpRoute, prefix, rule, service, slice, to } from './manifests.ts';
import { acceptKey, frame, readFrame } from './websocket.ts';

const V1 = 'infra-backend-v1';

conformanceTest('HTTPRouteServiceTypes', async (world) => {
  const { port } = await world.shared(V1);
  const names = ['manual-endpointslices', 'headless', 'headless-manual-endpointslices'];
  const ports = [{ name: 'first-port', port: 8080, protocol: 'TCP' }];
  await world.apply(
    SAME,
    ...names.flatMap((name) => [
      service(name, ports, name.startsWith('headless') ? { clusterIP: 'None' } : {}),
      slice(name, [{ name: 'first-port', port }]),
    ]),
    httpRoute(
      'service-types',
      'same-namespace',
      names.map((name) => rule(exact(`/${name}`), name)),
    ),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/service-types');
  await world.expect(
    'same-namespace',
    names.map((name) => [{ path: `/${name}` }, V1]),
  );
});

const TIMEOUT = '500ms';
const SLOW = 'delayMs=1000';

conformanceTest('HTTPRouteTimeoutRequest', async (world) => {
  await world.apply(
    SAME,
    httpRoute('request-timeout', 'same-namespace', [
      rule(prefix('/request-timeout'), V1, { timeouts: { request: TIMEOUT } }),
      rule(prefix('/disable-request-timeout'), V1, { timeouts: { request: '0s' } }),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/request-timeout');
  await world.expect('same-namespace', [
    [{ path: '/request-timeout' }, V1],
    [{ path: `/request-timeout?${SLOW}` }, 504],
    [{ path: `/disable-request-timeout?${SLOW}` }, V1],
  ]);
});

conformanceTest('HTTPRouteTimeoutBackendRequest', async (world) => {
  await world.apply(
    SAME,
    httpRoute('backend-request-timeout', 'same-namespace', [
      rule(prefix('/backend-timeout'), V1, { timeouts: { backendRequest: TIMEOUT } }),
      rule(prefix('/disable-backend-timeout'), V1, { timeouts: { backendRequest: '0s' } }),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/backend-request-timeout');
  await world.expect('same-namespace', [
    [{ path: '/backend-timeout' }, V1],
    [{ path: `/backend-timeout?${SLOW}` }, 504],
    [{ path: `/disable-backend-timeout?${SLOW}` }, V1],
  ]);
});

conformanceTest('HTTPRouteBackendProtocolH2C', async (world) => {
  await world.pod('h2c-backend', 'h2c', { port: { appProtocol: 'kubernetes.io/h2c' } });
  await world.apply(SAME, httpRoute('h2c', 'same-namespace', [rule(undefined, 'h2c-backend')]));
  world.status.accepted('same-namespace', 'HTTPRoute/h2c');
  const answer = await world.ask('same-namespace', { path: '/' }, { isHttp2: true });
  expect(answer.status).toBe(200);
  expect(answer.echo).toMatchObject({ pod: 'h2c-backend-0', httpVersion: '2.0' });
});

conformanceTest('HTTPRouteBackendProtocolWebSocket', async (world) => {
  await world.pod('ws-backend', 'http', { port: { appProtocol: 'kubernetes.io/ws' } });
  await world.apply(SAME, httpRoute('ws', 'same-namespace', [rule(undefined, [to('ws-backend')])]));
  world.status.accepted('same-namespace', 'HTTPRoute/ws');
  const socket = connect(world.port('same-namespace'), '127.0.0.1');
  const key = Buffer.alloc(16, 1).toString('base64');
  socket.write(
    'GET /ws HTTP/1.1\r\nhost: gateway\r\nupgrade: websocket\r\nconnection: Upgrade\r\n' +
      `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
  );
  const messages = [
    { opcode: 1, content: Buffer.from('Websocket Support!') },
    { opcode: 2, content: Buffer.from([1, 2, 3, 4, 5, 6, 7]) },
  ] as const;
  const sent = Buffer.concat(messages.map(({ opcode, content }) => frame(opcode, content)));
  let bytes: Buffer = Buffer.alloc(0);
  let headLength = 0;
  for await (const piece of socket) {
    bytes = Buffer.concat([bytes, piece as Buffer]);
    const end = bytes.indexOf('\r\n\r\n');
    if (headLength === 0 && end >= 0) {
      headLength = end + 4;
      socket.write(sent);
    }
    if (headLength > 0 && bytes.length >= headLength + sent.length) break;
  }
  const head = bytes.subarray(0, headLength).toString().toLowerCase();
  expect(head).toMatch(/^http\/1\.1 101 /);
  expect(head).toContain(acceptKey(key).toLowerCase());
  let rest = bytes.subarray(headLength);
  for (const message of messages) {
    const read = readFrame(rest);
    expect({ opcode: read.opcode, content: read.content }).toEqual(message);
    rest = read.rest;
  }
});
