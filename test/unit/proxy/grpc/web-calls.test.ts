import { once } from 'node:events';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import { FakeClock } from '#platform/clock.ts';
import { trailersFrame } from '#proxy/grpc/web-frames.ts';
import { HeaderList } from '#proxy/headers.ts';
import { until } from '#test/processes.ts';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type FrontOptions,
  exchangeBytes,
  startFront,
  startRawUpstream,
  startUpstream,
} from '../forward/harness.ts';
import { type Answer, type Asked, askHttp1, askHttp2 } from '../forward/http2-upstream.ts';
import { type Serve, startServed } from './served.ts';
import { message, randomBytes, readWeb } from './web.ts';

const WEB = 'application/grpc-web';
const CALL = { 'content-type': 'application/grpc+proto' };
const CANCEL = 8;

function answerWith(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.respond({ ':status': 200, ...CALL }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
}

/** Sends back what it gets. */
const echo: Serve = (stream) => {
  answerWith(stream, { 'grpc-status': '0', 'x-more-bin': 'AAA' });
  stream.pipe(stream);
};

const start = (serve: Serve, options: Partial<FrontOptions> = {}) =>
  startServed(serve, { isHttp2Backend: true, ...options });

function asked(body: Buffer | readonly Buffer[], type = `${WEB}+proto`, more: object = {}): Asked {
  const headers = { 'content-type': type, 'x-grpc-web': '1', 'x-user-agent': 'grpc-web/1' };
  return { method: 'POST', path: '/shop.Orders/Place', headers: { ...headers, ...more }, body };
}

/** The head is all there is, and says so. */
function expectHeadOnly(answer: Answer, type: string, status: string): void {
  expect(answer).toMatchObject({ status: 200, ended: true, body: Buffer.of() });
  expect(answer.headers).toMatchObject({ 'content-type': type, 'grpc-status': status });
}

describe.each([
  ['HTTP/1.1', askHttp1],
  ['HTTP/2', askHttp2],
])('over %s', (_name, ask) => {
  test.each([
    [WEB, WEB, 'application/grpc', undefined],
    [`${WEB}+proto`, `${WEB}+proto`, 'application/grpc+proto', '*/*'],
    [`${WEB}-text`, `${WEB}-text`, 'application/grpc', undefined],
    [`${WEB}-text+proto`, `${WEB}-text+proto`, 'application/grpc+proto', `${WEB}-text+proto`],
    [`${WEB}+proto`, `${WEB}-text+proto`, 'application/grpc+proto', `${WEB}-text`],
    [`${WEB}-text`, WEB, 'application/grpc', WEB],
  ])('a call in %s is answered in %s and served as %s', async (sent, answered, served, accept) => {
    let seen: IncomingHttpHeaders = {};
    const { port, front, record } = await start((stream, headers) => {
      seen = headers;
      stream.respond({ ':status': 200, 'content-type': served }, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '5', 'Grpc-Message': 'no %20', 'x-more-bin': 'AAA' });
      });
      stream.pipe(stream);
    });
    const content = randomBytes(100_000);
    const bytes = message(content);
    const isTextIn = sent.includes('text');
    const body = isTextIn ? Buffer.from(bytes.toString('base64')) : bytes;
    const answer = await ask(port, asked(body, sent, accept === undefined ? {} : { accept }));
    expect(seen).toMatchObject({
      ...{ 'content-type': served, te: 'trailers', 'x-grpc-web': '1' },
      ...{ ':method': 'POST', 'x-user-agent': 'grpc-web/1' },
    });
    expect(seen).not.toHaveProperty('content-length');
    expect(answer).toMatchObject({ status: 200, ended: true, trailers: {} });
    expect(answer.headers['content-type']).toBe(answered);
    expect(answer.headers).not.toHaveProperty('grpc-status');
    expect(readWeb(answer.body, answered.includes('text'))).toEqual({
      messages: [content.toString('latin1')],
      trailers: { 'grpc-status': '5', 'grpc-message': 'no %20', 'x-more-bin': 'AAA' },
    });
    expect(await record()).toEqual({ reason: 'ok', status: 200, grpc: 5 });
    const [exchange] = front.records;
    expect([exchange?.bytesIn, exchange?.bytesOut]).toEqual([body.length, answer.body.length]);
  });

  test.each([WEB, `${WEB}-text`])('messages in %s come one by one', async (type) => {
    const streams: ServerHttp2Stream[] = [];
    const { port, record } = await start((stream) => {
      streams.push(stream);
      answerWith(stream, { 'grpc-status': '0' });
      stream.write(message('one'));
    });
    let pieces = 0;
    // The second is sent when the first has come, and the end when the second has.
    const onData = (): void => {
      pieces++;
      if (pieces === 1) streams[0]?.write(message('two'));
      if (pieces === 2) streams[0]?.end();
    };
    const body = type === WEB ? message('') : Buffer.from(message('').toString('base64'));
    const answer = await ask(port, { ...asked(body, type), onData });
    expect(readWeb(answer.body, type !== WEB)).toEqual({
      messages: ['one', 'two'],
      trailers: { 'grpc-status': '0' },
    });
    expect(await record()).toEqual({ reason: 'ok', status: 200, grpc: 0 });
  });

  test.each([WEB, `${WEB}-text`])(
    'a head that is the trailers too stays one, in %s',
    async (type) => {
      const { port, record } = await start((stream) => {
        const status = { 'grpc-status': '14', 'grpc-message': 'later' };
        stream.respond({ ':status': 200, ...CALL, ...status }, { endStream: true });
      });
      const answer = await ask(port, asked(Buffer.of(), type));
      expectHeadOnly(answer, `${type}+proto`, '14');
      expect(answer.headers['grpc-message']).toBe('later');
      expect(await record()).toEqual({ reason: 'ok', status: 200, grpc: 14 });
    },
  );

  test('an end without a status is told as one that is unknown', async () => {
    const { port, record } = await start((stream) => {
      stream.respond({ ':status': 200, ...CALL }, { endStream: true });
    });
    const answer = await ask(port, asked(Buffer.of()));
    const { messages, trailers } = readWeb(answer.body, false);
    expect([messages, trailers?.['grpc-status'], answer.ended]).toEqual([[], '2', true]);
    expect(await record()).toEqual({ reason: 'ok', status: 200, grpc: 2 });
  });

  test('a length that a server gives does not cost the trailers', async () => {
    const { port } = await start((stream) => {
      const bytes = message('hello');
      const head = { ':status': 200, ...CALL, 'content-length': String(bytes.length) };
      stream.respond(head, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '7' }));
      stream.end(bytes);
    });
    const answer = await ask(port, asked(message('')));
    expect(answer.headers).not.toHaveProperty('content-length');
    const expected = { messages: ['hello'], trailers: { 'grpc-status': '7' } };
    expect(readWeb(answer.body, false)).toEqual(expected);
  });

  test('what is no answer of gRPC goes on as it is', async () => {
    const { port, record } = await start((stream) => {
      stream.respond({ ':status': 503, 'content-type': 'text/plain' });
      stream.end('no');
    });
    const answer = await ask(port, asked(message('')));
    expect([answer.status, answer.headers['content-type'], answer.body.toString()]).toEqual([
      ...[503, 'text/plain', 'no'],
    ]);
    expect(await record()).toEqual({ reason: 'ok', status: 503, grpc: 14 });
  });

  test.each([WEB, `${WEB}-text+proto`])(
    'an error of the proxy is a status, in %s',
    async (type) => {
      const { port, record } = await start((stream) => stream.destroy(new Error('reset')));
      const answer = await ask(port, asked(Buffer.of(), type));
      expectHeadOnly(answer, type, '14');
      expect(answer.headers['grpc-message']).toMatch(/reset/);
      expect(await record()).toEqual({ reason: 'upstream_reset', status: 200, grpc: 14 });
    },
  );

  test.each(['AAA', 'AAAA!', 'AAAAAA=A', 'AAAAA'])('the body %j is no base64', async (text) => {
    const streams: ServerHttp2Stream[] = [];
    const { port, record } = await start((stream) => {
      streams.push(stream);
    });
    const pieces = [...text].map((each) => Buffer.from(each));
    const answer = await ask(port, asked(pieces, `${WEB}-text`));
    expectHeadOnly(answer, `${WEB}-text`, '13');
    expect(await record()).toEqual({ reason: 'bad_request', status: 200, grpc: 13 });
    await until('the server was told', () => streams.every(({ closed }) => closed));
    expect(streams.map(({ rstCode }) => rstCode)).not.toContain(0);
  });

  test('a failure between two messages is a status behind the first', async () => {
    const { port, record } = await start((stream) => {
      stream.respond({ ':status': 200, ...CALL });
      stream.write(message('half'));
      setImmediate(() => stream.destroy(new Error('reset')));
    });
    const answer = await ask(port, asked(message('')));
    const { messages, trailers } = readWeb(answer.body, false);
    expect([messages, trailers?.['grpc-status'], answer.ended]).toEqual([['half'], '14', true]);
    expect(await record()).toEqual({ reason: 'upstream_aborted', status: 200, grpc: 14 });
  });

  test.each([
    ['a reset', (stream: ServerHttp2Stream) => stream.destroy(new Error('reset'))],
    ['an end in order', (stream: ServerHttp2Stream) => stream.end()],
  ])('%s within a message breaks the answer off', async (_what, stop) => {
    const streams: ServerHttp2Stream[] = [];
    const { port, record } = await start((stream) => {
      streams.push(stream);
      answerWith(stream, { 'grpc-status': '0' });
      stream.write(message('half').subarray(0, 7));
    });
    const onData = (): void => {
      for (const stream of streams) stop(stream);
    };
    const answer = await ask(port, { ...asked(message('')), onData });
    expect([answer.body.length, answer.ended]).toEqual([7, false]);
    expect(await record()).toMatchObject({ reason: 'upstream_aborted', status: 200 });
  });

  test('a client that goes away: CANCEL to the server, CANCELLED in the record', async () => {
    const streams: ServerHttp2Stream[] = [];
    const { port, record } = await start((stream) => {
      streams.push(stream);
      answerWith(stream, { 'grpc-status': '0' });
      stream.write(message('one'));
    });
    await ask(port, { ...asked(message('')), leaves: true });
    await until('the server was told', () => streams[0]?.closed === true);
    expect(streams[0]?.rstCode).toBe(CANCEL);
    expect(await record()).toMatchObject({ reason: 'client_closed', grpc: 1 });
  });

  test.each([
    ['before the head', false],
    ['behind it', true],
  ])('the time of a call runs out %s', async (_when, begins) => {
    const clock = new FakeClock(1_000);
    const streams: ServerHttp2Stream[] = [];
    const { port, record } = await start(
      (stream) => {
        streams.push(stream);
        if (begins) stream.respond({ ':status': 200, ...CALL });
        if (begins) stream.write(message('one'));
      },
      { clock, limits: { headTimeoutMs: 30_000 } },
    );
    let got = 0;
    const body = asked(message(''), WEB, { 'grpc-timeout': '2S' });
    const answered = ask(port, { ...body, onData: () => got++ });
    await until('it has begun', () => (begins ? got : streams.length) > 0);
    clock.advance(2_100);
    const answer = await answered;
    if (!begins) expectHeadOnly(answer, WEB, '4');
    else expect(readWeb(answer.body, false).trailers?.['grpc-status']).toBe('4');
    await until('the server was told', () => streams[0]?.closed === true);
    expect(streams[0]?.rstCode).toBe(CANCEL);
    expect(await record()).toEqual({ reason: 'request_timeout', status: 200, grpc: 4 });
  });

  test('a malformed time-out is refused', async () => {
    const { port, upstream, record } = await start(echo);
    const answer = await ask(port, asked(message(''), WEB, { 'grpc-timeout': 'soon' }));
    expectHeadOnly(answer, WEB, '13');
    expect(await record()).toEqual({ reason: 'bad_request', status: 200, grpc: 13 });
    expect(upstream.connections).toBe(0);
  });

  test('a proxy that follows sees plain gRPC, with the time that is left', async () => {
    let seen: IncomingHttpHeaders = {};
    const { port } = await start(
      (stream, headers) => {
        seen = headers;
        echo(stream, headers);
      },
      {
        endpoint: { address: '', port: 0, proxy: 'p', zone: '' },
        ...{ clock: new FakeClock(1_000), deadlineMs: 3_000 },
      },
    );
    const answer = await ask(port, asked(message('hello'), WEB, { 'grpc-timeout': '7S' }));
    expect(readWeb(answer.body, false).messages).toEqual(['hello']);
    expect(seen).toMatchObject({ 'x-windrose-hop': '1', 'grpc-timeout': '3000000u' });
    expect(seen['content-type']).toBe('application/grpc');
    expect(seen).not.toHaveProperty('x-windrose-timeout');
  });

  test('an application of HTTP/1.1 gets what came and answers for itself', async () => {
    let seen: IncomingHttpHeaders = {};
    const upstream = await startUpstream((request, response) => {
      seen = request.headers;
      response.writeHead(200, { 'content-type': `${WEB}-text` });
      request.pipe(response);
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const text = Buffer.from('any bytes');
    const answer = await ask(front.port, asked(text, `${WEB}-text`, { 'grpc-timeout': '7S' }));
    expect([answer.body, answer.headers['content-type'], answer.ended]).toEqual([
      ...[text, `${WEB}-text`, true],
    ]);
    expect(seen).toMatchObject({
      ...{ 'content-type': `${WEB}-text`, 'content-length': String(text.length) },
      'grpc-timeout': '7S',
    });
    await until('the record', () => front.records.length > 0);
    expect(front.records[0]).toMatchObject({ reason: 'ok', status: 200, grpcStatus: -1 });
  });

  test('one that cannot be reached is told in the form of the call', async () => {
    const endpoint = await startRawUpstream((socket) => socket.destroy());
    const front = await startFront({ endpoint });
    const answer = await ask(front.port, asked(Buffer.from('AAAA'), `${WEB}-text`));
    expectHeadOnly(answer, `${WEB}-text`, '14');
  });
});

test('a connection of HTTP/1.1 serves the next call', async () => {
  const { port } = await start((stream) => {
    const head = { ':status': 200, ...CALL, 'grpc-status': '0' };
    stream.respond(head, { endStream: true });
  });
  const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${WEB}\r\nContent-Length: 0\r\n`;
  const text = await exchangeBytes(port, `${head}\r\n${head}Connection: close\r\n\r\n`);
  expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  expect(text.match(/\r\ncontent-length: 0\r\n/g)).toHaveLength(2);
});

test('a client that does not read holds the server up', async () => {
  const piece = message(Buffer.alloc(64 * 1024));
  const most = 512;
  let sent = 0;
  const { port, front } = await start((stream) => {
    answerWith(stream, { 'grpc-status': '0' });
    const more = (): void => {
      if (sent++ === most) stream.end();
      else stream.write(piece, more);
    };
    more();
  });
  const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${WEB}-text\r\n`;
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write(`${head}Connection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.pause();
  let last = 0;
  let same = 0;
  await until('the server is held up', () => {
    same = sent === last && sent > 0 ? same + 1 : 0;
    last = sent;
    return same === 20;
  });
  expect(sent).toBeLessThan(most / 2);
  let tail = '';
  socket.on('data', (bytes) => (tail = (tail + bytes.toString('latin1')).slice(-500)));
  socket.resume();
  await once(socket, 'close');
  const frame = trailersFrame(HeaderList.fromRaw(['grpc-status', '0'])).toString('base64');
  expect(tail.endsWith(`\r\n${frame}\r\n0\r\n\r\n`)).toBe(true);
  const bytes = most * Math.ceil(piece.length / 3) * 4 + frame.length;
  expect(front.records[0]?.bytesOut).toBeGreaterThanOrEqual(bytes);
});
