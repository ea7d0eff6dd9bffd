import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { FakeClock } from '#platform/clock.ts';
import { ERRORS } from '#proxy/errors.ts';
import { grpcTimeoutMs } from '#proxy/grpc/timeout.ts';
import { until } from '#test/processes.ts';
import { expect, test } from 'vitest';
import { exchangeBytes } from '../forward/harness.ts';
import { askHttp1 } from '../forward/http2-upstream.ts';
import { call } from './calls.ts';
import { startServed } from './served.ts';

const CALL = { 'content-type': 'application/grpc' };
const CANCEL = 8;
const INTERNAL = 13;

/** Answers with a status behind what it got. */
function answerWith(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.respond({ ':status': 200, ...CALL }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.pipe(stream);
}

test('a call goes by HTTP/2, whatever the port says; its status is recorded', async () => {
  let seen: IncomingHttpHeaders = {};
  const { port, record } = await startServed((stream, headers) => {
    seen = headers;
    answerWith(stream, { 'grpc-status': '5', 'grpc-message': 'no %20', 'x-more-bin': 'AAA' });
  });
  const made = call(port, { 'grpc-encoding': 'identity' });
  made.stream.end('hello');
  await made.closed;
  expect(seen).toMatchObject({ ...CALL, te: 'trailers', 'grpc-encoding': 'identity' });
  expect(seen).not.toHaveProperty('grpc-timeout');
  expect([made.head[':status'], made.body.toString()]).toEqual([200, 'hello']);
  expect(Object.entries(made.trailers)).toEqual([
    ...[
      ['grpc-status', '5'],
      ['grpc-message', 'no %20'],
      ['x-more-bin', 'AAA'],
    ],
  ]);
  expect(await record()).toEqual({ reason: 'ok', status: 200, grpc: 5 });
});

test('messages go to and fro one by one', async () => {
  const { port, record } = await startServed((stream) =>
    answerWith(stream, { 'grpc-status': '0' }),
  );
  const made = call(port);
  for (const message of ['one', 'two', 'three']) {
    made.stream.write(message);
    await until(message, () => made.body.toString().endsWith(message));
  }
  made.stream.end();
  await made.closed;
  expect(made.trailers['grpc-status']).toBe('0');
  expect(await record()).toEqual({ reason: 'ok', status: 200, grpc: 0 });
});

test('a head that is the trailers too stays one', async () => {
  const { port, record } = await startServed((stream) => {
    stream.respond({ ...CALL, 'grpc-status': '14', 'grpc-message': 'later' }, { endStream: true });
  });
  const made = call(port);
  made.stream.end('hello');
  await made.closed;
  expect(made.trailersOnly).toBe(true);
  expect(made.head).toMatchObject({ 'grpc-status': '14', 'grpc-message': 'later' });
  expect(await record()).toEqual({ reason: 'ok', status: 200, grpc: 14 });
});

test.each([
  ['14', 1],
  ['13', 0],
  ['0', 0],
])(
  'the status %s behind an answer counts as an error of the endpoint: %i',
  async (code, errors) => {
    const { port, front } = await startServed((stream) =>
      answerWith(stream, { 'grpc-status': code }),
    );
    const made = call(port);
    made.stream.end('hello');
    await made.closed;
    await until('its release', () => front.released === 1);
    expect(front.aborted).toBe(errors);
  },
);

test('a length that a server gives does not cost the trailers', async () => {
  const { port, record } = await startServed((stream) => {
    const head = { ':status': 200, ...CALL, 'content-length': '5' };
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '7' }));
    stream.end('hello');
  });
  const made = call(port);
  made.stream.end();
  await made.closed;
  expect([made.body.toString(), made.trailers['grpc-status']]).toEqual(['hello', '7']);
  expect(await record()).toEqual({ reason: 'ok', status: 200, grpc: 7 });
});

test('an answer that says no status is recorded as the client takes it', async () => {
  const { port, record } = await startServed((stream) => {
    stream.respond({ ':status': 503, 'content-type': 'text/plain' });
    stream.end('no');
  });
  const made = call(port);
  made.stream.end();
  await made.closed;
  expect(await record()).toEqual({ reason: 'ok', status: 503, grpc: 14 });
});

test('an answer to a client that goes on sending ends the call', async () => {
  let server: ServerHttp2Stream | undefined;
  const { port, record } = await startServed((stream) => {
    server = stream;
    stream.respond({ ':status': 200, ...CALL }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '3' }));
    stream.end('enough');
  });
  const made = call(port);
  await made.closed;
  expect([made.body.toString(), made.trailers['grpc-status']]).toEqual(['enough', '3']);
  await until('the server is done', () => server?.closed === true);
  expect(await record()).toEqual({ reason: 'ok', status: 200, grpc: 3 });
});

test('a failure before the head is a status in place of one', async () => {
  const { port, record } = await startServed((stream) => stream.destroy(new Error('reset')));
  const made = call(port);
  made.stream.end('hello');
  await made.closed;
  expect(made.trailersOnly).toBe(true);
  expect(made.head).toMatchObject({ ':status': 200, ...CALL, 'grpc-status': '14' });
  expect(made.head['grpc-message']).toMatch(/reset/);
  expect(await record()).toEqual({ reason: 'upstream_reset', status: 200, grpc: 14 });
});

test('a client of HTTP/1.1 is answered likewise, and its connection ends in order', async () => {
  const { port } = await startServed((stream) => stream.destroy(new Error('reset')));
  const text = await exchangeBytes(
    port,
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n' +
      'Connection: close\r\n\r\n',
  );
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text).toMatch(/\r\ngrpc-status: 14\r\n/);
  expect(text).toMatch(/\r\ncontent-length: 0\r\n(?:.*\r\n)*\r\n$/);
});

test('a failure behind the head is a status in the trailers', async () => {
  let reset = (): void => undefined;
  const { port, record } = await startServed((stream) => {
    stream.respond({ ':status': 200, ...CALL });
    stream.write('half');
    reset = () => stream.destroy(new Error('reset'));
  });
  const made = call(port);
  made.stream.write('hello');
  await until('half of it', () => made.body.length === 4);
  reset();
  await made.closed;
  expect(made.trailers).toMatchObject({ 'grpc-status': '14' });
  expect(await record()).toEqual({ reason: 'upstream_aborted', status: 200, grpc: 14 });
});

test('to a client of HTTP/1.1 it breaks off', async () => {
  let reset = (): void => undefined;
  const { port, record } = await startServed((stream) => {
    stream.respond({ ':status': 200, ...CALL });
    stream.write('half');
    reset = () => stream.destroy(new Error('reset'));
  });
  const answer = await askHttp1(port, { method: 'POST', headers: CALL, onData: () => reset() });
  expect(answer.ended).toBe(false);
  expect(await record()).toEqual({ reason: 'upstream_aborted', status: 200, grpc: 14 });
});

test.each([
  ['before the head', false],
  ['behind it', true],
])(
  'the time of a call runs out %s: 4 to the client, CANCEL to the server',
  async (_name, begins) => {
    const clock = new FakeClock(1_000);
    let server: ServerHttp2Stream | undefined;
    const { port, record } = await startServed(
      (stream) => {
        server = stream;
        if (begins) stream.respond({ ':status': 200, ...CALL });
      },
      { clock, deadlineMs: 60_000, limits: { headTimeoutMs: 30_000 } },
    );
    const made = call(port, { 'grpc-timeout': '2S' });
    made.stream.write('hello');
    await until('it has begun', () => (begins ? made.head[':status'] : server) !== undefined);
    clock.advance(1_900);
    expect(made.isClosed).toBe(false);
    clock.advance(200);
    await made.closed;
    expect((begins ? made.trailers : made.head)['grpc-status']).toBe('4');
    expect(made.trailersOnly).toBe(!begins);
    await until('the server was told', () => server?.closed === true);
    expect(server?.rstCode).toBe(CANCEL);
    expect(await record()).toEqual({ reason: 'request_timeout', status: 200, grpc: 4 });
  },
);

test('a call whose deadline is later than five minutes waits for its head until then', async () => {
  const clock = new FakeClock(1_000);
  const servers: ServerHttp2Stream[] = [];
  const { port, front } = await startServed((stream) => servers.push(stream), {
    ...{ clock, limits: { headTimeoutMs: Number.POSITIVE_INFINITY } },
  });
  const late = call(port, { 'grpc-timeout': '10M' });
  const hung = call(port, { 'grpc-timeout': '10M' });
  late.stream.end('hello');
  hung.stream.end('hello');
  await until('both have arrived', () => servers.length === 2);
  clock.advance(480_000);
  expect([late.isClosed, hung.isClosed]).toEqual([false, false]);
  if (servers[0] !== undefined) answerWith(servers[0], { 'grpc-status': '0' });
  await until('one has ended', () => late.isClosed || hung.isClosed);
  clock.advance(119_000);
  expect(late.isClosed && hung.isClosed).toBe(false);
  clock.advance(1_100);
  await Promise.all([late.closed, hung.closed]);
  await until('the records', () => front.records.length === 2);
  expect(front.records.map(({ reason, grpcStatus }) => [reason, grpcStatus])).toEqual([
    ['ok', 0],
    ['request_timeout', 4],
  ]);
});

test.each([
  ['the time that it says', '7S', undefined, 7_000],
  ['less where the route says less', '7S', 3_000, 3_000],
  ['what the route says where it says nothing', undefined, 3_000, 3_000],
])('a call has %s, and the server is told what is left', async (_name, text, routeMs, leftMs) => {
  const seen: IncomingHttpHeaders[] = [];
  const clock = new FakeClock(1_000);
  const { port } = await startServed(
    (stream, headers) => {
      seen.push(headers);
      answerWith(stream, { 'grpc-status': '0' });
    },
    {
      ...{ clock, endpoint: { address: '', port: 0, proxy: 'p', zone: '' } },
      ...(routeMs === undefined ? {} : { deadlineMs: routeMs }),
    },
  );
  const made = call(port, text === undefined ? {} : { 'grpc-timeout': text });
  made.stream.end('hello');
  await made.closed;
  expect(grpcTimeoutMs(String(seen[0]?.['grpc-timeout']))).toBe(leftMs);
  expect(seen[0]).toMatchObject({ 'x-windrose-hop': '1' });
  expect(seen[0]).not.toHaveProperty('x-windrose-timeout');
});

test.each(['123456789S', '1s', 'soon', '', '1S, 2S'])(
  'a call with the malformed time-out "%s" is refused and never sent on',
  async (text) => {
    const { port, front, upstream, record } = await startServed(() => undefined);
    const made = call(port, { 'grpc-timeout': text });
    made.stream.write('hello');
    await made.closed;
    expect(made.trailersOnly).toBe(true);
    const { grpc, reason } = ERRORS.bad_request;
    const message = 'the field grpc-timeout is malformed';
    expect(made.head).toMatchObject({ ':status': 200, ...CALL, 'grpc-message': message });
    expect(made.head['grpc-status']).toBe(String(grpc));
    expect(grpc).toBe(INTERNAL);
    expect(await record()).toEqual({ reason, status: 200, grpc });
    expect([upstream.connections, front.pool.size]).toEqual([0, 0]);
  },
);

test('only a call of gRPC has to have a valid one', async () => {
  let seen: IncomingHttpHeaders = {};
  const { port } = await startServed(
    (stream, headers) => {
      seen = headers;
      stream.respond({ ':status': 204 }, { endStream: true });
    },
    { isHttp2Backend: true },
  );
  const answer = await askHttp1(port, { headers: { 'grpc-timeout': 'soon' } });
  expect([answer.status, seen['grpc-timeout']]).toEqual([204, 'soon']);
});

test('a client that cancels: CANCEL to the server, CANCELLED in the record', async () => {
  let server: ServerHttp2Stream | undefined;
  const { port, record } = await startServed((stream) => {
    server = stream;
  });
  const made = call(port);
  made.stream.write('hello');
  await until('it has arrived', () => server !== undefined);
  made.stream.close(CANCEL);
  await until('the server was told', () => server?.closed === true);
  expect(server?.rstCode).toBe(CANCEL);
  expect(await record()).toMatchObject({ reason: 'client_closed', grpc: 1 });
});

test('half a stream of messages never looks like a whole one to the server', async () => {
  let ended = false;
  let server: ServerHttp2Stream | undefined;
  const { port } = await startServed((stream) => {
    server = stream;
    stream.resume();
    stream.once('end', () => (ended = stream.rstCode === 0));
  });
  const made = call(port);
  made.stream.write('half');
  await until('it has arrived', () => server !== undefined);
  made.stream.destroy(new Error('gone'));
  await until('the server was told', () => server?.destroyed === true);
  expect(ended).toBe(false);
  expect(server?.rstCode).toBe(CANCEL);
});

test('a stream is not idle while one side of it talks', async () => {
  const clock = new FakeClock(1_000);
  const servers: ServerHttp2Stream[] = [];
  let got = 0;
  const { port, front } = await startServed(
    (stream) => {
      servers.push(stream);
      stream.on('data', (bytes: Buffer) => (got += servers[0] === stream ? bytes.length : 0));
      stream.respond({ ':status': 200, ...CALL });
    },
    { clock, limits: { headTimeoutMs: 300_000 } },
  );
  const talker = call(port);
  const listener = call(port);
  for (const made of [talker, listener]) {
    made.stream.write('hello');
    await until('its head', () => made.head[':status'] !== undefined);
  }
  for (let minute = 1; minute <= 12; minute++) {
    talker.stream.write('!');
    servers[1]?.write('!');
    const received = 5 + minute;
    await until('both have moved', () => {
      return front.pool.size === 1 && listener.body.length === minute && got === received;
    });
    clock.advance(60_000);
  }
  expect([talker.isClosed, listener.isClosed]).toEqual([false, false]);
  clock.advance(400_000);
  await Promise.all([talker.closed, listener.closed]);
});
