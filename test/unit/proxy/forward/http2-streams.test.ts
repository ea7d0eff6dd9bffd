import { createHash } from 'node:crypto';
import { type ServerHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { exchangeBytes, startFront } from './harness.ts';
import { askHttp2, startHttp2Upstream } from './http2-upstream.ts';

const MIB = 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024, 'windrose');
const UPGRADE =
  'GET /chat HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** Resolves when a count has stood still for some looks. */
async function still(what: string, count: () => number): Promise<number> {
  let before = -1;
  await until(what, () => {
    const isStill = before === count() && before > 0;
    before = count();
    return isStill;
  });
  return before;
}

test('a download goes at the pace of a client of HTTP/1.1', async () => {
  let written = 0;
  const upstream = await startHttp2Upstream((stream) => {
    // Node's server may reset, and not end, the answer to a request that it did not read.
    stream.resume();
    stream.respond();
    pour(stream, 64 * MIB, (bytes) => (written += bytes));
  });
  const front = await startFront({ ...upstream, isHttp2Backend: true });
  const socket = connect(front.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect(await still('the upstream stands', () => written)).toBeLessThan(32 * MIB);
  let received = 0;
  socket.on('data', (bytes: Buffer) => (received += bytes.length));
  socket.resume();
  await until('its end', () => socket.destroyed);
  expect(received).toBeGreaterThan(64 * MIB);
  expect(front.records[0]).toMatchObject({ reason: 'ok', bytesOut: 64 * MIB });
});

test('a download that one client does not read holds up no other on the connection', async () => {
  let written = 0;
  const upstream = await startHttp2Upstream((stream, { ':path': path }) => {
    stream.respond();
    if (path === '/large') pour(stream, 64 * MIB, (bytes) => (written += bytes));
    else stream.end('small');
  });
  const front = await startFront({ ...upstream, isHttp2Backend: true });
  const session = connectHttp2(`http://127.0.0.1:${front.port}`);
  onTestFinished(() => session.destroy());
  session.on('error', () => undefined);
  const idle = Array.from({ length: 20 }, () => session.request({ ':path': '/large' }));
  for (const stream of idle) stream.on('error', () => undefined);
  expect(await still('the upstream stands', () => written)).toBeLessThan(32 * MIB);
  const { body } = await askHttp2(front.port, { path: '/small' });
  expect(body.toString()).toBe('small');
  expect(upstream.connections).toBe(1);
});

test('an upload goes at the pace of the upstream', async () => {
  const hash = createHash('sha256');
  let read = (): void => undefined;
  const upstream = await startHttp2Upstream((stream) => {
    read = () => {
      stream.on('data', (bytes: Buffer) => hash.update(bytes));
      stream.on('end', () => {
        stream.respond();
        stream.end(hash.digest('hex'));
      });
    };
  });
  const limits = { headTimeoutMs: 10_000 };
  const front = await startFront({ ...upstream, isHttp2Backend: true, limits });
  const socket = connect(front.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write(
    `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${32 * MIB}\r\n\r\n`,
  );
  for (let at = 0; at < 32 * MIB; at += PIECE.length) socket.write(PIECE);
  let answer = '';
  socket.on('data', (bytes: Buffer) => (answer += bytes.toString()));
  await until('it has arrived', () => upstream.seen.length === 1);
  const taken = () => front.records.length + socket.bytesWritten - socket.writableLength;
  expect(await still('the client stands', taken)).toBeLessThan(30 * MIB);
  read();
  await until('its end', () => socket.destroyed);
  const whole = createHash('sha256');
  for (let at = 0; at < 32 * MIB; at += PIECE.length) whole.update(PIECE);
  expect(answer).toContain(whole.digest('hex'));
});

/** Writes so many bytes as fast as they are taken. */
function pour(stream: ServerHttp2Stream, size: number, count: (bytes: number) => void): void {
  let left = size;
  const push = (): void => {
    while (left > 0 && !stream.destroyed) {
      left -= PIECE.length;
      count(PIECE.length);
      if (!stream.write(PIECE)) {
        stream.once('drain', push);
        return;
      }
    }
    if (!stream.destroyed) stream.end();
  };
  push();
}

test('a WebSocket of HTTP/1.1 is an extended CONNECT towards the upstream', async () => {
  let asked: Record<string, unknown> = {};
  const upstream = await startHttp2Upstream(
    (stream, headers) => {
      asked = headers;
      stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
      stream.write('hi ');
      stream.on('data', (bytes: Buffer) => stream.write(bytes));
      stream.on('end', () => stream.end('bye'));
    },
    { settings: { enableConnectProtocol: true } },
  );
  const front = await startFront({ ...upstream, isHttp2Backend: true });
  const socket = connect({ port: front.port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let got = '';
  socket.on('data', (bytes: Buffer) => (got += bytes.toString('latin1')));
  socket.write(UPGRADE);
  await until('the greeting', () => got.endsWith('hi '));
  expect(got).toMatch(/^HTTP\/1\.1 101 /);
  expect(got).toMatch(/\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  expect(got).toMatch(/\r\nsec-websocket-protocol: chat\r\n/);
  socket.end('there ');
  await until('the answer', () => got.endsWith('hi there bye'));
  expect(asked).toMatchObject({
    ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', ':scheme': 'http' },
    ...{ ':authority': 'shop.example', 'sec-websocket-version': '13' },
  });
  expect(asked).not.toHaveProperty('sec-websocket-key');
  await until('the record', () => front.records.length === 1);
  expect(front.records[0]).toMatchObject({ status: 101, reason: 'ok', bytesIn: 6, bytesOut: 12 });
});

test('a WebSocket of HTTP/2 stays one, side by side with other streams', async () => {
  const upstream = await startHttp2Upstream(
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    },
    { settings: { enableConnectProtocol: true } },
  );
  const front = await startFront({ ...upstream, isHttp2Backend: true });
  const session = connectHttp2(`http://127.0.0.1:${front.port}`);
  onTestFinished(() => session.destroy());
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  const stream = session.request({
    ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' },
    ...{ ':scheme': 'http', ':authority': 'shop.example', 'sec-websocket-version': '13' },
  });
  stream.write('echo');
  await new Promise((resolve) => stream.once('response', resolve));
  expect((await askHttp2(front.port, { method: 'POST', body: Buffer.from('x') })).status).toBe(200);
  stream.end();
  expect(await text(stream)).toBe('echo');
  expect(upstream.connections).toBe(1);
});

test('an upstream that refuses a WebSocket is passed on', async () => {
  const upstream = await startHttp2Upstream(
    (stream) => {
      stream.respond({ ':status': 403 });
      stream.end('no');
    },
    { settings: { enableConnectProtocol: true } },
  );
  const front = await startFront({ ...upstream, isHttp2Backend: true });
  const answer = await exchangeBytes(front.port, UPGRADE.replace('upgrade', 'upgrade, close'));
  expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  expect(answer).toMatch(/no\r\n0\r\n\r\n$/);
});

test('an upstream that offers no WebSocket: 502 that says so', async () => {
  const upstream = await startHttp2Upstream((stream) => stream.respond());
  const front = await startFront({ ...upstream, isHttp2Backend: true });
  const answer = await exchangeBytes(front.port, UPGRADE.replace('upgrade', 'upgrade, close'));
  expect(answer).toMatch(/^HTTP\/1\.1 502 /);
  expect(answer).toContain('offers no WebSocket');
  expect(upstream.seen).toEqual([]);
  expect(front.records[0]?.reason).toBe('upstream_invalid');
});
