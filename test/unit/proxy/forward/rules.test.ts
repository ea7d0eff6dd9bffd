// What a rule says of further tries and of sessions, through real listeners to real servers.
import { constants, type ServerHttp2Stream } from 'node:http2';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { gateway, route, rule, service, slice } from '../support/world.ts';
import { type Edge, ask, CertificateFolder, leaf, secure, startEdge } from '../tls/edge.ts';
import { askHttp1, startHttp2Upstream } from './http2-upstream.ts';

/** A server on each of these addresses, all on one port: they are endpoints of one Service. */
async function startServers(
  addresses: readonly string[],
  handler: (address: string) => RequestListener,
): Promise<number> {
  let port = 0;
  for (const address of addresses) {
    const server = createServer(handler(address));
    await new Promise<void>((resolve) => server.listen(port, address, resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    port = (server.address() as AddressInfo).port;
  }
  return port;
}

function startShop(
  backendPort: number,
  addresses: string[],
  ruleMore: object,
  ports: object[] = [{ port: 80 }],
): Promise<Edge> {
  return startEdge({
    resources: (port) => [
      ...[gateway('edge', [{ port }]), service('app', ports)],
      slice('app', addresses, { ports: [{ port: backendPort }] }),
      route('r', { rules: [rule('/', 'app', ruleMore)] }),
    ],
  });
}

/** Answers 500 so many times, then 200. */
function failing(times: number): { handler: () => RequestListener; seen: string[] } {
  const seen: string[] = [];
  const handler = (): RequestListener => (request, response) => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''}`);
    response.statusCode = seen.length > times ? 200 : 500;
    response.end(`try ${seen.length}`);
  };
  return { handler, seen };
}

test('a status of the rule is tried again, as often as it says', async () => {
  const retry = { codes: [500], attempts: 2, backoff: '10ms' };
  for (const [times, status] of [
    [2, 200],
    [3, 500],
  ] as const) {
    const { handler, seen } = failing(times);
    const edge = await startShop(await startServers(['127.0.0.1'], handler), ['127.0.0.1'], {
      retry,
    });
    const answer = await askHttp1(edge.port, { path: '/a?b=c' });
    expect([answer.status, answer.body.toString()]).toEqual([status, 'try 3']);
    expect(seen).toEqual(['GET /a?b=c', 'GET /a?b=c', 'GET /a?b=c']);
    await until('the record', () => edge.records.length === 1);
    expect(edge.records[0]).toMatchObject({ retries: 2, retryReason: '500', reason: 'ok' });
  }
});

test('a body that went on is not sent twice', async () => {
  const { handler, seen } = failing(1);
  const retry = { codes: [500], attempts: 2, backoff: '10ms' };
  const edge = await startShop(await startServers(['127.0.0.1'], handler), ['127.0.0.1'], {
    retry,
  });
  const post = { method: 'POST', body: Buffer.from('pay once') };
  expect((await askHttp1(edge.port, post)).status).toBe(500);
  expect(seen).toHaveLength(1);
});

test('an endpoint that refuses connections is passed by, whatever is sent', async () => {
  const port = await startServers(['127.0.0.1'], () => (request, response) => {
    request.pipe(response);
  });
  const retry = { attempts: 100, backoff: '5ms' };
  // Nobody listens on the second address.
  const edge = await startShop(port, ['127.0.0.1', '127.0.0.2'], { retry });
  for (let i = 0; i < 10; i++) {
    const answer = await askHttp1(edge.port, { method: 'POST', body: Buffer.from('whole') });
    expect([answer.status, answer.body.toString()]).toEqual([200, 'whole']);
  }
  await until('the records', () => edge.records.length === 10);
  expect(edge.records.some(({ retryReason }) => retryReason === 'ConnectFailure')).toBe(true);
});

test('a stream that the backend refuses is tried again, whatever the method', async () => {
  let count = 0;
  const upstream = await startHttp2Upstream((stream: ServerHttp2Stream) => {
    count++;
    // More often than the connection itself tries again.
    if (count < 4) stream.close(constants.NGHTTP2_REFUSED_STREAM);
    else stream.respond({ ':status': 204 }, { endStream: true });
  });
  const retry = { attempts: 5, backoff: '5ms' };
  const ports = [{ port: 80, appProtocol: 'kubernetes.io/h2c' }];
  const edge = await startShop(upstream.endpoint.port, ['127.0.0.1'], { retry }, ports);
  expect((await askHttp1(edge.port, { method: 'DELETE' })).status).toBe(204);
  count = 0;
  expect((await askHttp1(edge.port, { method: 'POST' })).status).toBe(204);
});

test('the time for the request ends the wait, and the client gets its answer then', async () => {
  const { handler, seen } = failing(9);
  const edge = await startShop(await startServers(['127.0.0.1'], handler), ['127.0.0.1'], {
    retry: { codes: [500], attempts: 5, backoff: '30s' },
    timeouts: { request: '200ms' },
  });
  expect((await askHttp1(edge.port)).status).toBe(504);
  expect(seen).toHaveLength(1);
  await until('the record', () => edge.records.length === 1);
  expect(edge.records[0]?.reason).toBe('request_timeout');
});

test('a client that leaves in the wait ends it at once', async () => {
  const { handler, seen } = failing(9);
  const edge = await startShop(await startServers(['127.0.0.1'], handler), ['127.0.0.1'], {
    retry: { codes: [500], attempts: 5, backoff: '30s' },
  });
  const socket = connect(edge.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n');
  await until('the first try', () => seen.length === 1);
  // Once the proxy has answered another one it has read the first one's answer.
  await askHttp1(edge.port, { method: 'OPTIONS', headers: { 'max-forwards': '0' } });
  await until('its record', () => edge.records.length === 1);
  socket.destroy();
  await until('the record', () => edge.records.length === 2);
  expect(edge.records[1]).toMatchObject({ reason: 'client_closed', retries: 1 });
  expect(edge.records[1]?.queueMs).toBeGreaterThan(0);
  expect(seen).toHaveLength(1);
});

const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];

async function startSessions(session: object): Promise<Edge> {
  const port = await startServers(ADDRESSES, (address) => (_request, response) => {
    response.setHeader('set-cookie', 'theme=dark');
    response.end(address);
  });
  return startShop(port, ADDRESSES, { sessionPersistence: session });
}

test('a client with the cookie comes to the same server, and its own cookies stay', async () => {
  const edge = await startSessions({ cookie: { name: 'stay' } });
  const first = await askHttp1(edge.port);
  const server = first.body.toString();
  const given = first.headers['set-cookie'];
  expect(given).toEqual([
    'theme=dark',
    expect.stringMatching(/^stay=[\w-]{20}; Path=\/; HttpOnly; SameSite=Strict$/),
  ]);
  const [, session = ''] = given as string[];
  const cookie = `theme=dark; ${session.split(';')[0]}`;
  for (let i = 0; i < 30; i++) {
    const answer = await askHttp1(edge.port, { headers: { cookie } });
    expect(answer.body.toString()).toBe(server);
    expect(answer.headers['set-cookie']).toEqual(['theme=dark']);
  }
});

test('a client with the header does, too', async () => {
  const edge = await startSessions({ type: 'Header', header: { name: 'x-stay' } });
  const first = await askHttp1(edge.port);
  const token = String(first.headers['x-stay']);
  expect(token).toMatch(/^[\w-]{20}$/);
  for (let i = 0; i < 20; i++) {
    const answer = await askHttp1(edge.port, { headers: { 'x-stay': token } });
    expect([answer.body.toString(), answer.headers['x-stay']]).toEqual([
      first.body.toString(),
      undefined,
    ]);
  }
});

test('a cookie that is given over TLS goes nowhere else', async () => {
  const files = new CertificateFolder().add('web', leaf(['shop.example']));
  const port = await startServers(['127.0.0.1'], () => (_request, response) => response.end('ok'));
  const tls = { certificateRefs: [{ name: 'web' }] };
  const edge = await startEdge({
    files: files.files,
    resources: (edgePort) => [
      gateway('edge', [{ port: edgePort, protocol: 'HTTPS', tls }]),
      ...[service('app'), slice('app', ['127.0.0.1'], { ports: [{ port }] })],
      route('r', { rules: [rule('/', 'app', { sessionPersistence: {} })] }),
    ],
  });
  const socket = await secure(edge.port, { servername: 'shop.example' });
  const answer = await ask(socket, 'shop.example');
  expect(answer).toMatch(/set-cookie: windrose-session-[\w-]{8}=[\w-]{20}; Path=\/; HttpOnly;/i);
  expect(answer).toContain('; SameSite=Strict; Secure\r\n');
});
