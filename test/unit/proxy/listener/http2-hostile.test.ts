import { constants } from 'node:http2';
import { FakeClock } from '#platform/clock.ts';
import { expect, test } from 'vitest';
import { type Front, type Upstream, startFront, startUpstream } from '../forward/harness.ts';
import {
  END_HEADERS,
  END_STREAM,
  GET,
  PREFACE,
  RawClient,
  TYPE,
  block,
  frame,
  headers,
  settings,
  uint32,
  until,
} from './http2-frames.ts';

const { NGHTTP2_ENHANCE_YOUR_CALM: CALM } = constants;

type Fields = readonly (readonly [string, string])[];

const withFields = (...more: Fields): Fields => [...GET, ...more];
const post = (...more: Fields): Fields => [[':method', 'POST'], ...GET.slice(1), ...more];

async function start(): Promise<{ front: Front; upstream: Upstream; raw: RawClient }> {
  const upstream = await startUpstream((request, response) => {
    request.resume();
    request.once('end', () => response.end(request.rawHeaders.join('\n')));
  });
  const front = await startFront({ endpoint: upstream.endpoint });
  const raw = new RawClient(front.port);
  raw.send(PREFACE, settings());
  return { front, upstream, raw };
}

function many(length: number, make: (index: number) => readonly [string, string]): Fields {
  return Array.from({ length }, (_, index) => make(index));
}

/** How the proxy took stream 1: with a status of its own, the upstream's answer, or a reset. */
async function verdict(raw: RawClient): Promise<string> {
  await until(
    () =>
      raw.closed ||
      raw.goaway !== undefined ||
      raw.reset(1) !== undefined ||
      raw.of(TYPE.data, 1).length > 0,
  );
  if (raw.of(TYPE.data, 1).length > 0) {
    const body = Buffer.concat(raw.of(TYPE.data, 1).map((each) => each.payload)).toString();
    return body.startsWith('{') ? `status ${String(JSON.parse(body).status)}` : 'answered';
  }
  if (raw.reset(1) !== undefined) return `reset ${raw.reset(1)}`;
  return `goaway ${raw.goaway}`;
}

test.each<[string, Fields]>([
  ['capitals in a name', withFields(['X-Upper', 'a'])],
  ['connection', withFields(['connection', 'close'])],
  ['keep-alive', withFields(['keep-alive', '1'])],
  ['proxy-connection', withFields(['proxy-connection', 'close'])],
  ['transfer-encoding', post(['transfer-encoding', 'chunked'])],
  ['upgrade', withFields(['upgrade', 'websocket'])],
  ['http2-settings', withFields(['http2-settings', 'AAMAAABkAAQAAP__'])],
  ['te: gzip', withFields(['te', 'gzip'])],
  ['a pseudo-header field behind others', [...GET.slice(0, 3), ['x', 'a'], [':path', '/']]],
  ['an unknown pseudo-header field', withFields([':admin', '1'])],
  ['a pseudo-header field twice', [...GET, [':path', '/other']]],
  ['no path', GET.slice(0, 3)],
  ['an empty path', [...GET.slice(0, 3), [':path', '']]],
  ['a path with a space', [...GET.slice(0, 3), [':path', '/ HTTP/1.1']]],
  ['a path with a line end', [...GET.slice(0, 3), [':path', '/\r\nx: y']]],
  ['a path that is a URL', [...GET.slice(0, 3), [':path', 'http://other/']]],
  ['a method with a space', [[':method', 'GET / HTTP/1.1\r\nx:'], ...GET.slice(1)]],
  ['a method that is empty', [[':method', ''], ...GET.slice(1)]],
  ['a scheme of another kind', [GET[0] ?? ['', ''], [':scheme', 'ftp'], ...GET.slice(2)]],
  ['an authority with user', [...GET.slice(0, 2), [':authority', 'a@b'], [':path', '/']]],
  ['an authority with a line end', [...GET.slice(0, 2), [':authority', 'a\r\nb'], [':path', '/']]],
  ['a Host that contradicts the authority', withFields(['host', 'other.example'])],
  ['two Hosts', withFields(['host', 'shop.example'], ['host', 'other.example'])],
  ['neither authority nor Host', [...GET.slice(0, 2), [':path', '/']]],
  ['two content lengths', post(['content-length', '0'], ['content-length', '5'])],
  ['a content length that is no number', post(['content-length', '+5'])],
  ['a body that is missing', post(['content-length', '5'])],
  [
    'CONNECT',
    [
      [':method', 'CONNECT'],
      [':authority', 'a:1'],
    ],
  ],
  [':protocol without CONNECT', withFields([':protocol', 'websocket'])],
  [
    'another protocol than websocket',
    [[':method', 'CONNECT'], ...GET.slice(1), [':protocol', 'connect-udp']],
  ],
  ['TRACE', [[':method', 'TRACE'], ...GET.slice(1)]],
  ['more than 100 fields', [...GET, ...many(101, (i) => [`x-${i}`, 'a'])]],
  ['more than 200 lines', [...GET, ...many(220, () => ['cookie', 'a'])]],
])('refused, and nothing goes upstream: %s', async (_name, fields) => {
  const { raw, upstream } = await start();
  raw.send(headers(1, fields));
  expect(await verdict(raw)).toMatch(/^(reset|status (400|405|431|501)|goaway)/);
  expect(upstream.seen).toEqual([]);
});

// nghttp2 leaves such a field out and goes on with the rest; node has no way to hear of it. What
// can be held is that nothing of it reaches the upstream.
test.each<[string, string, string]>([
  ['white space in a name', 'bad name', 'evil'],
  ['a colon in a name', 'bad:name', 'evil'],
  ['a line end in a name', 'bad\r\nname', 'evil'],
  ['an empty name', '', 'evil'],
  ['CR in a value', 'bad', 'evil\rb: c'],
  ['LF in a value', 'bad', 'evil\nb: c'],
  ['NUL in a value', 'bad', 'evil\0b'],
  ['white space before a value', 'bad', ' evil'],
  ['white space behind a value', 'bad', 'evil '],
])('left out of what goes upstream: %s', async (_name, name, value) => {
  const { raw } = await start();
  raw.send(headers(1, withFields([name, value], ['x-good', '1'])));
  expect(await verdict(raw)).toBe('answered');
  const passed = Buffer.concat(raw.of(TYPE.data, 1).map(({ payload }) => payload)).toString();
  expect(passed).toContain('x-good');
  // Ids are hexadecimal digits, which may well say 'bad': a field's name is a line of its own.
  expect(passed).not.toMatch(/^(bad|:).*$|evil|\0/m);
});

test('DATA that contradicts the content length breaks the request off', async () => {
  for (const body of ['123', '12345678']) {
    const { raw, front } = await start();
    raw.send(headers(1, post(['content-length', '5']), END_HEADERS));
    raw.send(frame(TYPE.data, END_STREAM, 1, Buffer.from(body)));
    // Node ends the whole connection for what nghttp2 calls a stream error of the protocol.
    expect(await verdict(raw)).toMatch(/^(reset 1|goaway)/);
    await until(() => front.records.length > 0);
    for (const { reason } of front.records) expect(reason).toMatch(/^(bad_request|client_closed)$/);
  }
});

test('the same Host as the authority is no contradiction', async () => {
  const { raw } = await start();
  raw.send(headers(1, withFields(['host', 'Shop.Example'], ['te', 'trailers'])));
  expect(await verdict(raw)).toBe('answered');
});

test('a block of fields over 64 KiB is refused', async () => {
  const { raw, upstream } = await start();
  const big = block(withFields(['x', 'a'.repeat(70_000)]));
  raw.send(frame(TYPE.headers, END_STREAM, 1, big.subarray(0, 16_000)));
  for (let at = 16_000; at < big.length; at += 16_000) {
    const isLast = at + 16_000 >= big.length;
    const part = big.subarray(at, at + 16_000);
    raw.send(frame(TYPE.continuation, isLast ? END_HEADERS : 0, 1, part));
  }
  expect(await verdict(raw)).toMatch(/^(goaway|reset)/);
  expect(upstream.seen).toEqual([]);
});

test('an HPACK bomb: small on the wire, large when unpacked', async () => {
  const { raw, upstream } = await start();
  // One entry of 4,000 bytes in the dynamic table, then named 16,000 times.
  const entry = Buffer.concat([Buffer.of(0x40, 1, 0x78, 127, 0xa1, 0x1e), Buffer.alloc(4_000, 97)]);
  const bomb = Buffer.concat([block(GET), entry, Buffer.alloc(12_000, 0x80 | 62)]);
  raw.send(frame(TYPE.headers, END_STREAM | END_HEADERS, 1, bomb));
  expect(await verdict(raw)).toBe(`reset ${CALM}`);
  expect(upstream.seen).toEqual([]);
});

test('HPACK bombs, one after the other: told to calm down', async () => {
  const upstream = await startUpstream((_request, response) => response.end('ok'));
  const clock = new FakeClock();
  const front = await startFront({ endpoint: upstream.endpoint, clock });
  const raw = new RawClient(front.port);
  const bomb = Buffer.concat([block(GET), block([['x', 'a'.repeat(4_000)]]).fill(0x40, 0, 1)]);
  const bytes = Buffer.concat([bomb, Buffer.alloc(12_000, 0x80 | 62)]);
  raw.send(PREFACE, settings());
  const send = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      raw.send(frame(TYPE.headers, END_STREAM | END_HEADERS, 2 * i + 1, bytes));
    }
    await until(() => raw.of(TYPE.reset).length === to);
  };
  await send(0, 100);
  clock.advance(2_020);
  expect(raw.goaway).toBeUndefined();
  await send(100, 201);
  clock.advance(2_020);
  await until(() => raw.goaway === CALM);
  expect(upstream.seen).toEqual([]);
  // It is one refused request, as every connection that is no use of HTTP/2.
  await until(() => front.records.length === 1);
});

/** What the flooder is told; whoever else has a connection is served all the while. */
async function flood(bytes: (index: number) => Buffer, count = 20_000): Promise<Set<number>> {
  const { raw, front, upstream } = await start();
  const good = new RawClient(front.port);
  good.send(PREFACE, settings());
  await until(() => raw.frames.length > 0);
  for (let i = 0; i < count && !raw.closed; i++) {
    raw.send(bytes(i));
    if (i % 500 === 499) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  raw.socket.end();
  await until(() => raw.closed);
  expect(upstream.seen.length).toBeLessThan(150);
  good.send(headers(1, GET));
  await until(() => good.of(TYPE.data, 1).length > 0);
  return new Set(raw.of(TYPE.goaway).map(({ payload }) => payload.readUInt32BE(4)));
}

const resetOf = (index: number): Buffer[] => [
  headers(2 * index + 1, GET),
  frame(TYPE.reset, 0, 2 * index + 1, uint32(8)),
];

test.each<[string, (index: number) => Buffer]>([
  ['rapid reset', (i) => Buffer.concat(resetOf(i))],
  ['PING', () => frame(TYPE.ping, 0, 0, Buffer.alloc(8))],
  ['SETTINGS', () => settings()],
])('told to calm down: a flood of %s', async (_name, bytes) => {
  expect(await flood(bytes)).toContain(CALM);
});

test('told to calm down: thousands of resets in one piece', async () => {
  const all = Array.from({ length: 3_000 }, (_, index) => resetOf(index)).flat();
  expect(await flood(() => Buffer.concat(all), 1)).toContain(CALM);
});

// These end inside nghttp2 and node: with the code that they chose, or with the connection only.
test.each<[string, (index: number) => Buffer]>([
  ['empty DATA', (i) => (i === 0 ? headers(1, post(), END_HEADERS) : frame(TYPE.data, 0, 1))],
  [
    'CONTINUATION',
    (i) => (i === 0 ? open() : frame(TYPE.continuation, 0, 1, block([[`x-${i}`, 'a']]))),
  ],
  ['empty CONTINUATION', (i) => (i === 0 ? open() : frame(TYPE.continuation, 0, 1))],
  ['frames that make us reset (MadeYouReset), no increment', (i) => windowUpdate(i, 0)],
  ['frames that make us reset (MadeYouReset), too much', (i) => windowUpdate(i, 2 ** 31 - 1)],
  ['PRIORITY', (i) => frame(TYPE.priority, 0, 2 * i + 1, Buffer.alloc(5))],
])('closed: a flood of %s', async (_name, bytes) => {
  expect(await flood(bytes)).not.toContain(0);
});

function windowUpdate(index: number, increment: number): Buffer {
  const id = 2 * index + 1;
  return Buffer.concat([headers(id, GET), frame(TYPE.windowUpdate, 0, id, uint32(increment))]);
}

function open(): Buffer {
  return frame(TYPE.headers, END_STREAM, 1, block(GET));
}

test('a connection that nobody uses is let go with a GOAWAY, whatever it pings', async () => {
  const clock = new FakeClock();
  const upstream = await startUpstream((_request, response) => response.end('ok'));
  const front = await startFront({ endpoint: upstream.endpoint, clock });
  const raw = new RawClient(front.port);
  raw.send(PREFACE, settings(), headers(1, GET));
  await until(() => raw.of(TYPE.data, 1).length > 0 && front.records.length === 1);
  clock.advance(50_000);
  raw.send(frame(TYPE.ping, 0, 0, Buffer.alloc(8)));
  await until(() => raw.of(TYPE.ping).length === 1);
  expect(raw.goaway).toBeUndefined();
  clock.advance(11_000);
  await until(() => raw.goaway === 0);
  clock.advance(3_000);
  await until(() => raw.closed);
});

test('a connection that says nothing, or half a preface, is closed', async () => {
  const clock = new FakeClock();
  const upstream = await startUpstream((_request, response) => response.end('ok'));
  const front = await startFront({ endpoint: upstream.endpoint, clock });
  const silent = new RawClient(front.port);
  const half = new RawClient(front.port);
  half.send(PREFACE.subarray(0, 10));
  await until(() => front.server.connections === 2 && half.socket.bytesWritten === 10);
  await new Promise((resolve) => setTimeout(resolve, 20));
  clock.advance(11_000);
  await until(() => silent.closed && half.closed);
});

test('a stream is reset when its client takes or sends nothing for five minutes', async () => {
  const clock = new FakeClock();
  const upstream = await startUpstream((request, response) => {
    if (request.method === 'GET') response.end('x'.repeat(1_000_000));
  });
  const front = await startFront({ endpoint: upstream.endpoint, clock });
  const raw = new RawClient(front.port);
  raw.send(PREFACE, settings(), headers(1, GET), headers(3, post(), END_HEADERS));
  await until(() => raw.of(TYPE.data, 1).length > 3 && upstream.seen.length === 2);
  await new Promise((resolve) => setTimeout(resolve, 50));
  clock.advance(310_000);
  await until(() => raw.reset(1) !== undefined && raw.reset(3) !== undefined);
  await until(() => front.records.length === 2);
});

test('what is no HTTP/2 is one refused request; a connection that breaks is none', async () => {
  const { raw, front } = await start();
  await until(() => raw.frames.length > 0);
  const broken = new RawClient(front.port);
  broken.send(PREFACE, settings());
  await until(() => broken.frames.length > 0);
  broken.socket.resetAndDestroy();
  await until(() => front.server.connections === 1);
  expect(front.records).toEqual([]);
  raw.send(frame(TYPE.data, 0, 1, Buffer.from('of no stream')));
  await until(() => raw.closed);
  expect(front.records.map(({ reason, status }) => [reason, status])).toEqual([
    ['bad_request', 400],
  ]);
});
