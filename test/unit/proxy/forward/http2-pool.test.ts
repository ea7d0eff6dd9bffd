import type { ServerHttp2Stream } from 'node:http2';
import { FakeClock } from '#platform/clock.ts';
import { until } from '#test/processes.ts';
import { expect, test } from 'vitest';
import { frame, headers, TYPE, uint32 } from '../listener/http2-frames.ts';
import { type FrontOptions, startFront, startRawUpstream, startUpstream } from './harness.ts';
import { startPeer } from './http2-peer.ts';
import { askHttp1, askHttp2, startHttp2Upstream } from './http2-upstream.ts';

const OK = [[':status', '200']] as const;
const NO_ERROR = 0;
const PROTOCOL_ERROR = 1;
const REFUSED_STREAM = 7;
const LAST_STREAM = 2 ** 31 - 1;

const goaway = (lastStream: number, code: number): Buffer =>
  frame(TYPE.goaway, 0, 0, Buffer.concat([uint32(lastStream), uint32(code)]));
const reset = (stream: number, code: number): Buffer => frame(TYPE.reset, 0, stream, uint32(code));

function start(options: FrontOptions) {
  return startFront({ isHttp2Backend: true, limits: { headTimeoutMs: 5_000 }, ...options });
}

test('requests share one connection, also those that came before it stood', async () => {
  const upstream = await startHttp2Upstream((stream) => {
    stream.respond();
    stream.end('x');
  });
  const front = await start(upstream);
  const asked = Array.from({ length: 20 }, () => askHttp1(front.port));
  for (const answer of await Promise.all(asked)) expect(answer.status).toBe(200);
  await askHttp1(front.port);
  expect(upstream.connections).toBe(1);
  expect(front.records[0]?.connectMs).toBeGreaterThan(0);
  expect(front.records.at(-1)?.connectMs).toBe(0);
});

test('to a proxy of the mesh an ordinary request goes by HTTP/1.1', async () => {
  const upstream = await startUpstream((_request, response) => response.end('x'), 'sidecar');
  const front = await start(upstream);
  expect((await askHttp2(front.port)).body.toString()).toBe('x');
});

test('beyond the streams that the server allows there is a further connection', async () => {
  const waiting: ServerHttp2Stream[] = [];
  const upstream = await startHttp2Upstream(
    (stream) => {
      waiting.push(stream);
    },
    { settings: { maxConcurrentStreams: 2 } },
  );
  const front = await start(upstream);
  const asked = Array.from({ length: 5 }, () => askHttp1(front.port));
  await until('all have arrived', () => waiting.length === 5);
  expect(upstream.connections).toBe(3);
  for (const stream of waiting) stream.respond({ ':status': 204 }, { endStream: true });
  for (const answer of await Promise.all(asked)) expect(answer.status).toBe(204);
  waiting.length = 0;
  const again = askHttp1(front.port);
  await until('it has arrived', () => waiting.length === 1);
  expect(upstream.connections).toBe(3);
  waiting[0]?.respond({ ':status': 204 }, { endStream: true });
  await again;
});

test('a server that allows no stream at all is no server', async () => {
  const upstream = await startHttp2Upstream((stream) => stream.respond(), {
    settings: { maxConcurrentStreams: 0 },
  });
  const front = await start(upstream);
  expect((await askHttp1(front.port)).status).toBe(503);
  expect(front.records[0]?.reason).toBe('upstream_refused');
  expect(upstream.seen).toEqual([]);
});

test('a connection that nobody uses is closed after a minute, one in use is not', async () => {
  const clock = new FakeClock(1_000);
  const waiting: ServerHttp2Stream[] = [];
  const upstream = await startHttp2Upstream((stream) => waiting.push(stream));
  const front = await start({ ...upstream, clock, limits: { headTimeoutMs: 300_000 } });
  const first = askHttp2(front.port);
  await until('it has arrived', () => waiting.length === 1);
  clock.advance(70_000);
  expect(front.pool.size).toBe(1);
  waiting[0]?.respond({ ':status': 204 }, { endStream: true });
  expect((await first).status).toBe(204);
  await until('it is free', () => front.records.length === 1);
  clock.advance(50_000);
  expect(front.pool.size).toBe(1);
  clock.advance(15_000);
  await until('it is closed', () => front.pool.size === 0 && upstream.sessions.size === 0);
});

test('however streams end, nothing of them is left', async () => {
  const clock = new FakeClock(1_000);
  const upstream = await startHttp2Upstream((stream, { ':path': path }) => {
    if (path === '/reset') stream.destroy(new Error('reset'));
    else if (path === '/refused') stream.close(REFUSED_STREAM);
    else stream.respond({ ':status': path === '/none' ? 204 : 200 });
    if (path === '/leaves' || path === '/half') stream.write('half');
    if (path === '/half') setImmediate(() => stream.destroy(new Error('reset')));
    if (path === '/whole') stream.end('whole');
  });
  const front = await start({ ...upstream, clock, limits: { headTimeoutMs: 60_000 } });
  const paths = ['/reset', '/refused', '/none', '/leaves', '/half', '/whole'];
  const asked = Array.from({ length: 120 }, (_, index) => {
    const path = paths[index % paths.length] ?? '';
    const ask = index % 4 < 2 ? askHttp1 : askHttp2;
    const body = index % 3 === 0 ? { method: 'POST', body: [Buffer.alloc(1_000)] } : {};
    return ask(front.port, { path, leaves: path === '/leaves', ...body });
  });
  await Promise.all(asked);
  await until('the records', () => {
    // A client of HTTP/1.1 that left is asked after a second.
    clock.advance(1_000);
    return front.records.length === asked.length;
  });
  expect(front.released).toBe(asked.length);
  // Only a connection without streams is idle; a stream that was lost would keep it.
  await until('their ends', () => {
    clock.advance(70_000);
    return front.pool.size === 0;
  });
  expect(upstream.seen.length).toBeGreaterThanOrEqual(asked.length);
});

test('GOAWAY: what runs ends in order, what comes goes elsewhere', async () => {
  const waiting: ServerHttp2Stream[] = [];
  const upstream = await startHttp2Upstream((stream) => waiting.push(stream));
  const front = await start(upstream);
  const first = askHttp1(front.port);
  await until('it has arrived', () => waiting.length === 1);
  for (const session of upstream.sessions) session.goaway(NO_ERROR, LAST_STREAM);
  await until('a second connection', async () => {
    const second = askHttp1(front.port);
    await until('it has arrived', () => waiting.length > 1);
    waiting.pop()?.respond({ ':status': 204 }, { endStream: true });
    expect((await second).status).toBe(204);
    return upstream.connections === 2;
  });
  waiting[0]?.respond();
  waiting[0]?.end('late');
  const answer = await first;
  expect([answer.status, answer.body.toString()]).toEqual([200, 'late']);
});

test.each([
  ['REFUSED_STREAM', reset(1, REFUSED_STREAM)],
  ['a GOAWAY that it came too late for', goaway(0, NO_ERROR)],
  ['a GOAWAY with an error', goaway(0, PROTOCOL_ERROR)],
])('%s: sent once more on another connection, whatever its method', async (_name, refusal) => {
  const bodies: string[] = [];
  const peer = await startPeer((got, connection, number) => {
    if (number === 1 && got.type === TYPE.headers) connection.send(refusal);
    if (number === 1 || (got.type !== TYPE.data && got.type !== TYPE.headers)) return;
    bodies.push(got.type === TYPE.data ? got.payload.toString() : '');
    if ((got.flags & 1) === 1) connection.send(headers(got.stream, OK));
  });
  const front = await start(peer);
  const answer = await askHttp1(front.port, { method: 'POST', body: Buffer.from('once') });
  expect(answer.status).toBe(200);
  expect(bodies.join('')).toBe('once');
  expect(peer.connections).toHaveLength(2);
  expect(front.records[0]).toMatchObject({ reason: 'ok', bytesIn: 4 });
});

test('refused twice, it is told; refused with a large body, it is told at once', async () => {
  const peer = await startPeer((got, connection) => {
    if (got.type === TYPE.headers) connection.send(reset(got.stream, REFUSED_STREAM));
  });
  const front = await start(peer);
  for (const connections of [2, 4]) {
    expect((await askHttp1(front.port)).status).toBe(502);
    expect(peer.connections).toHaveLength(connections);
  }
  // What refuses is not kept.
  await until('both are closed', () => front.pool.size === 0);
  const slow = await startPeer((got, connection) => {
    const isLate = connection.frames.filter(({ type }) => type === TYPE.data).length === 4;
    if (got.type === TYPE.data && isLate) connection.send(reset(got.stream, REFUSED_STREAM));
  });
  const other = await start(slow);
  const body = Buffer.alloc(60 * 1024);
  expect((await askHttp1(other.port, { method: 'POST', body })).status).toBe(502);
  expect(slow.connections).toHaveLength(1);
  for (const { records } of [front, other]) expect(records[0]?.reason).toBe('upstream_reset');
});

test('a stream that was reset without an error before its end is broken off', async () => {
  const peer = await startPeer((got, connection) => {
    if (got.type !== TYPE.headers) return;
    connection.send(headers(got.stream, OK, 4));
    connection.send(frame(TYPE.data, 0, got.stream, Buffer.from('half')));
    connection.send(reset(got.stream, NO_ERROR));
  });
  const front = await start(peer);
  for (const ask of [askHttp1, askHttp2]) expect((await ask(front.port)).ended).toBe(false);
  expect(front.records.map(({ reason }) => reason)).toEqual([
    ...['upstream_aborted', 'upstream_aborted'],
  ]);
});

test('one whose whole length has come by then is not', async () => {
  const peer = await startPeer((got, connection) => {
    if (got.type !== TYPE.headers) return;
    connection.send(headers(got.stream, [...OK, ['content-length', '5']], 4));
    connection.send(frame(TYPE.data, 0, got.stream, Buffer.from('whole')));
    connection.send(reset(got.stream, NO_ERROR));
  });
  const front = await start(peer);
  for (const ask of [askHttp1, askHttp2]) {
    const answer = await ask(front.port);
    expect([answer.ended, answer.body.toString()]).toEqual([true, 'whole']);
  }
});

test('a whole answer and then a reset: nobody wants the rest of the request', async () => {
  const peer = await startPeer((got, connection) => {
    if (got.type !== TYPE.headers) return;
    connection.send(headers(got.stream, OK, 4));
    connection.send(frame(TYPE.data, 1, got.stream, Buffer.from('enough')));
    connection.send(reset(got.stream, NO_ERROR));
  });
  const front = await start(peer);
  for (const ask of [askHttp1, askHttp2]) {
    const answer = await ask(front.port, { method: 'POST', body: [Buffer.alloc(1024 * 1024)] });
    expect(answer.body.toString()).toBe('enough');
  }
  await until('both records', () => front.records.length === 2);
  expect(front.records.map(({ reason }) => reason)).toEqual(['ok', 'ok']);
});

const TOO_LARGE = Array.from({ length: 5 }, (_, index) => [`x-${index}`, 'y'.repeat(15_000)]);
const TOO_MANY = Array.from({ length: 101 }, (_, index) => [`x-${index}`, 'y']);

test.each([
  ['no status', [['server', 'x']], 'upstream_invalid'],
  ['a status that is no number', [[':status', '2xx']], 'upstream_invalid'],
  ['101, which HTTP/2 does not have', [[':status', '101']], 'upstream_invalid'],
  ['a field of connections', [...OK, ['connection', 'close']], 'upstream_invalid'],
  ['a name with capitals', [...OK, ['X-A', 'a']], 'upstream_invalid'],
  ['a length that is no number', [...OK, ['content-length', '+5']], 'upstream_invalid'],
  ['more fields than are taken', [...OK, ...TOO_MANY], 'upstream_invalid'],
  ['more bytes than are taken', [...OK, ...TOO_LARGE], 'upstream_invalid'],
] as [string, [string, string][], string][])(
  'a response head with %s: 502, and nothing of it is passed on',
  async (_name, fields, reason) => {
    const peer = await startPeer((got, connection) => {
      if (got.type === TYPE.headers) connection.send(...blocks(got.stream, fields));
    });
    const front = await start(peer);
    const answer = await askHttp1(front.port);
    expect(answer.status).toBe(502);
    expect(answer.headers).not.toHaveProperty('x-a');
    expect(front.records[0]?.reason).toBe(reason);
  },
);

test('a field with a line end in its value is no field', async () => {
  const fields = [...OK, ['x-a', 'a\r\nset-cookie: b'], ['x-b', 'b']] as [string, string][];
  const peer = await startPeer((got, connection) => {
    if (got.type === TYPE.headers) connection.send(headers(got.stream, fields));
  });
  const front = await start(peer);
  const { headers: seen } = await askHttp1(front.port);
  expect(seen['x-b']).toBe('b');
  expect(Object.keys(seen).filter((name) => /^(?:x-a|set-cookie)$/.test(name))).toEqual([]);
});

/** A head that is cut into frames of 16 KiB. */
function blocks(stream: number, fields: [string, string][]): Buffer[] {
  const whole = headers(stream, fields).subarray(9);
  const parts: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 16_384) {
    const isLast = at + 16_384 >= whole.length;
    const type = at === 0 ? TYPE.headers : TYPE.continuation;
    const flags = (at === 0 ? 1 : 0) | (isLast ? 4 : 0);
    parts.push(frame(type, flags, stream, whole.subarray(at, at + 16_384)));
  }
  return parts;
}

test('a server of HTTP/1.1 is noticed before it gets a request', async () => {
  let got = '';
  const endpoint = await startRawUpstream((socket) => {
    socket.on('data', (bytes: Buffer) => {
      got += bytes.toString('latin1');
      socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    });
  });
  const front = await start({ endpoint });
  const answer = await askHttp1(front.port, { method: 'POST', body: Buffer.from('secret') });
  expect(answer.status).toBe(502);
  expect(got).not.toContain('secret');
  expect(front.records[0]?.reason).toBe('upstream_invalid');
  await until('its connection is closed', () => front.pool.size === 0);
});

test('a connection that breaks breaks its streams, each as far as it was', async () => {
  const peer = await startPeer((got, connection) => {
    if (got.type !== TYPE.headers) return;
    if (got.stream === 1) connection.send(headers(1, OK, 4));
    else connection.socket.resetAndDestroy();
  });
  const front = await start(peer);
  const first = askHttp2(front.port, { path: '/a' });
  await until('its head', () => front.pool.size === 1 && peer.connections[0]?.frames.length !== 0);
  const second = await askHttp2(front.port, { path: '/b', method: 'POST' });
  expect(second.status).toBe(502);
  expect((await first).ended).toBe(false);
  await until('the records', () => front.records.length === 2);
  expect(front.records.map(({ reason }) => reason).sort()).toEqual([
    ...['upstream_aborted', 'upstream_reset'],
  ]);
});
