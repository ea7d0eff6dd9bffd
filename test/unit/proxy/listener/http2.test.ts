import { createHash } from 'node:crypto';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  connect as connectHttp2,
  constants,
} from 'node:http2';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { exchangeBytes, startFront, startRawUpstream, startUpstream } from '../forward/harness.ts';
import { GET, PREFACE, RawClient, TYPE, headers, settings, until } from './http2-frames.ts';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;
const MIB = 1024 * 1024;

function client(port: number): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

function head(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders & { ':status'?: number }> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
  });
}

function closed(stream: ClientHttp2Stream): Promise<number | undefined> {
  stream.on('error', () => undefined);
  return new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode)));
}

test('a request is answered, recorded as http/2, and its cookie is one field', async () => {
  const upstream = await startUpstream((request, response) => {
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.setHeader('connection', 'x-hop');
    response.setHeader('x-hop', '1');
    const { host, cookie, via } = request.headers;
    response.end(JSON.stringify({ host, cookie, via, url: request.url }));
  });
  const front = await startFront({ endpoint: upstream.endpoint });
  const stream = client(front.port).request({
    ...{ ':path': '/a?b=c', ':authority': 'shop.example' },
    cookie: ['a=1', 'b=2'] as unknown as string,
  });
  const answer = await head(stream);
  expect(answer[':status']).toBe(200);
  expect(answer['set-cookie']).toEqual(['a=1', 'b=2']);
  expect(answer).not.toHaveProperty('x-hop');
  expect(JSON.parse(await text(stream))).toMatchObject({
    ...{ host: 'shop.example', cookie: 'a=1; b=2', url: '/a?b=c', via: '2.0 windrose' },
  });
  await until(() => front.records.length === 1);
  const [record] = front.records;
  expect(record?.request.protocol).toBe('http/2');
  expect([record?.status, record?.reason, front.released]).toEqual([200, 'ok', 1]);
});

test('many streams of one connection are answered side by side', async () => {
  const upstream = await startUpstream((request, response) => {
    setImmediate(() => response.end(request.url));
  });
  const front = await startFront({ endpoint: upstream.endpoint });
  const session = client(front.port);
  const paths = Array.from({ length: 400 }, (_, index) => `/${index}`);
  const bodies = await Promise.all(paths.map((path) => text(session.request({ ':path': path }))));
  expect(bodies).toEqual(paths);
  expect(front.server.connections).toBe(1);
  await until(() => front.records.length === 400);
  expect(session.remoteSettings).toMatchObject({
    ...{ maxConcurrentStreams: 100, initialWindowSize: 65_536, enableConnectProtocol: true },
  });
});

test('an upload of unknown length arrives with trailers, at the pace of the upstream', async () => {
  // More than the kernel's buffers take of a connection to an upstream that does not read.
  const body = Buffer.alloc(32 * MIB, 'upload');
  let release = (): void => undefined;
  const upstream = await startUpstream((request, response) => {
    release = () => {
      const hash = createHash('sha256');
      request.on('data', (bytes: Buffer) => hash.update(bytes));
      request.on('end', () => {
        const { 'transfer-encoding': coding } = request.headers;
        const { trailers } = request;
        response.end(JSON.stringify({ digest: hash.digest('hex'), coding, trailers }));
      });
    };
  });
  const front = await startFront({ endpoint: upstream.endpoint, limits: { headTimeoutMs: 5_000 } });
  const session = client(front.port);
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'abc' }));
  for (let at = 0; at < body.length; at += 16_384) {
    stream.write(body.subarray(at, at + 16_384));
  }
  stream.end();
  await until(() => upstream.seen.length === 1);
  let before = -1;
  await until(() => {
    const sent = session.socket.bytesWritten;
    const isStill = sent === before;
    before = sent;
    return isStill;
  });
  expect(before).toBeLessThan(body.length);
  release();
  expect(JSON.parse(await text(stream))).toEqual({
    digest: createHash('sha256').update(body).digest('hex'),
    coding: 'chunked',
    trailers: { 'x-sum': 'abc' },
  });
});

test('a download waits for a client that reads slowly, and has its trailers', async () => {
  const piece = Buffer.alloc(64 * 1024, 'download');
  let written = 0;
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { trailer: 'x-sum' });
    const more = (): void => {
      while (written < 16 * MIB) {
        written += piece.length;
        if (!response.write(piece)) {
          response.once('drain', more);
          return;
        }
      }
      response.addTrailers({ 'x-sum': 'abc' });
      response.end();
    };
    more();
  });
  const front = await startFront({ endpoint: upstream.endpoint });
  const stream = client(front.port).request({ ':path': '/' });
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields) => (trailers = fields));
  await head(stream);
  let before = -1;
  await until(() => {
    const isStill = written === before;
    before = written;
    return isStill;
  });
  expect(written).toBeLessThan(16 * MIB);
  expect((await buffer(stream)).length).toBe(16 * MIB);
  expect(trailers['x-sum']).toBe('abc');
});

test('HEAD, 204 and 304 have no body', async () => {
  const upstream = await startUpstream((request, response) => {
    response.statusCode = Number(request.url?.slice(1));
    if (request.method === 'HEAD') response.setHeader('content-length', '5');
    response.end();
  });
  const front = await startFront({ endpoint: upstream.endpoint });
  const session = client(front.port);
  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ] as const) {
    const stream = session.request({ ':method': method, ':path': `/${status}` });
    const answer = await head(stream);
    expect(answer[':status']).toBe(status);
    if (method === 'HEAD') expect(answer['content-length']).toBe('5');
    expect(await text(stream)).toBe('');
  }
  await until(() => front.records.length === 3);
  expect(front.records.map((record) => record.reason)).toEqual(['ok', 'ok', 'ok']);
});

test('interim responses: early hints, and 100 for a client that waits for it', async () => {
  const upstream = await startUpstream((request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    request.on('data', () => undefined);
    request.on('end', () => response.end('ok'));
  });
  const front = await startFront({ endpoint: upstream.endpoint });
  const stream = client(front.port).request({
    ...{ ':method': 'POST', ':path': '/', expect: '100-continue', 'content-length': 4 },
  });
  const interim: unknown[] = [];
  stream.on('continue', () => stream.end('body'));
  stream.on('headers', (fields) => interim.push(fields[':status'], fields['link']));
  expect((await head(stream))[':status']).toBe(200);
  expect(await text(stream)).toBe('ok');
  expect(interim).toEqual(expect.arrayContaining([103, '</a.css>; rel=preload']));
});

test('a client that resets its stream ends the request upstream, and only this one', async () => {
  let aborted = 0;
  const upstream = await startUpstream((request, response) => {
    if (request.url === '/fine') response.end('fine');
    request.socket.once('close', () => aborted++);
  });
  const front = await startFront({ endpoint: upstream.endpoint });
  const session = client(front.port);
  for (const body of [undefined, 'half']) {
    const stream = session.request({ ':method': 'POST', ':path': '/hangs' }, { endStream: false });
    if (body !== undefined) stream.write(body);
    await until(() => upstream.seen.length === (body === undefined ? 1 : 2)).catch(() => undefined);
    stream.close(body === undefined ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
    await until(() => aborted >= (body === undefined ? 1 : 2));
  }
  expect(await text(session.request({ ':path': '/fine' }))).toBe('fine');
  await until(() => front.records.length === 3);
  const reasons = front.records.map((record) => record.reason);
  expect(reasons).toEqual(['client_closed', 'client_closed', 'ok']);
});

test.each([
  ['little', 10],
  ['much', 300_000],
])('a body that breaks off upstream after %s never looks complete', async (_name, bytes) => {
  const endpoint = await startRawUpstream((socket) => {
    socket.once('data', () => {
      const chunk = `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`;
      socket.end(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`);
    });
  });
  const front = await startFront({ endpoint });
  for (const reads of bytes > 1_000 ? [true] : [true, false]) {
    const stream = client(front.port).request({ ':path': '/' });
    const code = closed(stream);
    let ended = false;
    await head(stream);
    stream.on('end', () => (ended = true));
    if (reads) stream.resume();
    expect(await code).toBe(NGHTTP2_INTERNAL_ERROR);
    expect(ended && stream.rstCode === 0).toBe(false);
  }
  await until(() => front.records.length > 0);
  expect(front.records.map((each) => each.reason)).toContain('upstream_aborted');
});

test.each([
  ['of known length', { 'content-length': 80_000 }],
  ['of unknown length', {}],
])('an answer %s before the upload is over is complete, with NO_ERROR', async (_name, fields) => {
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(413, { connection: 'close', ...fields });
    response.end('too much'.repeat(10_000));
  });
  const front = await startFront({ endpoint: upstream.endpoint });
  const session = client(front.port);
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.write('begin');
  const code = closed(stream);
  expect((await head(stream))[':status']).toBe(413);
  expect(await text(stream)).toBe('too much'.repeat(10_000));
  expect(await code).toBe(NGHTTP2_NO_ERROR);
  await until(() => front.records.length === 1);
});

test('HTTP/1.1 and HTTP/2 share a port, and the preface may come in pieces', async () => {
  const upstream = await startUpstream((_request, response) => response.end('ok'));
  const front = await startFront({ endpoint: upstream.endpoint });
  const post = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n';
  expect(await exchangeBytes(front.port, post)).toMatch(/^HTTP\/1\.1 200 /);
  const propfind = 'PROPFIND / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
  expect(await exchangeBytes(front.port, propfind)).toMatch(/^HTTP\/1\.1 200 /);
  const bytes = Buffer.concat([PREFACE, settings(), headers(1, GET)]);
  const raw = new RawClient(front.port);
  for (const byte of bytes) {
    raw.send(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => raw.of(TYPE.data, 1).length > 0);
  const inPieces = connect(front.port, '127.0.0.1');
  let answer = '';
  inPieces.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  inPieces.write('P');
  await new Promise((resolve) => setTimeout(resolve, 20));
  inPieces.write(post.slice(1));
  await until(() => answer.includes('200 OK'));
  await until(() => front.records.length === 4);
  const protocols = front.records.map((record) => record.request.protocol);
  expect(protocols).toEqual(['http/1.1', 'http/1.1', 'http/2', 'http/1.1']);
});

test('a drain says GOAWAY with the last stream that it answers, and ends with that', async () => {
  const answers: (() => void)[] = [];
  const upstream = await startUpstream((_request, response) => {
    answers.push(() => response.end('late'));
  });
  const front = await startFront({ endpoint: upstream.endpoint, limits: { headTimeoutMs: 5_000 } });
  const raw = new RawClient(front.port);
  const idle = new RawClient(front.port);
  idle.send(PREFACE, settings());
  raw.send(PREFACE, settings(), headers(1, GET));
  await until(() => answers.length === 1 && idle.frames.length > 0);
  const drained = front.server.drained(5_000);
  await until(() => raw.goaway === NGHTTP2_NO_ERROR && idle.goaway === NGHTTP2_NO_ERROR);
  expect(raw.of(TYPE.goaway)[0]?.payload.readUInt32BE(0)).toBe(1);
  raw.send(headers(3, GET));
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const answer of answers) answer();
  await drained;
  await until(() => raw.closed && idle.closed);
  expect(raw.of(TYPE.data, 1)[0]?.payload.toString()).toBe('late');
  expect(upstream.seen.length).toBe(1);
});

test('a WebSocket over HTTP/2 is an upgrade towards the upstream', async () => {
  let asked = '';
  const endpoint = await startRawUpstream((socket) => {
    socket.once('data', (chunk: Buffer) => {
      asked = chunk.toString('latin1');
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n');
      socket.write('upgrade: websocket\r\nsec-websocket-accept: x\r\n\r\nhi ');
      socket.on('data', (bytes: Buffer) => socket.write(bytes));
      socket.on('end', () => socket.end('bye'));
    });
  });
  const front = await startFront({ endpoint });
  const session = client(front.port);
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  const stream = session.request({
    ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' },
    ...{ ':scheme': 'http', ':authority': 'shop.example', 'sec-websocket-version': '13' },
  });
  const answer = await head(stream);
  expect(answer[':status']).toBe(200);
  expect(answer).not.toHaveProperty('sec-websocket-accept');
  stream.write('there ');
  setTimeout(() => stream.end(), 50);
  expect(await text(stream)).toBe('hi there bye');
  expect(asked).toMatch(/^GET \/chat HTTP\/1\.1\r\n/);
  expect(asked).toMatch(/\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\n/);
  expect(asked).toMatch(/\r\nupgrade: websocket\r\n/);
  await until(() => front.records.length === 1);
  expect(front.records[0]?.reason).toBe('ok');
});

test('what a WebSocket sent before its end arrives at a client that reads late', async () => {
  const endpoint = await startRawUpstream((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n');
      socket.write('upgrade: websocket\r\n\r\n');
      socket.end(Buffer.alloc(MIB, 'x'));
    });
  });
  const front = await startFront({ endpoint });
  const session = client(front.port);
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  for (const ends of [true, false]) {
    const stream = session.request({
      ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' },
      ...{ ':scheme': 'http', ':authority': 'shop.example' },
    });
    if (ends) stream.end();
    await head(stream);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await buffer(stream)).length).toBe(MIB);
    stream.destroy();
  }
  await until(() => front.records.length === 2);
});
