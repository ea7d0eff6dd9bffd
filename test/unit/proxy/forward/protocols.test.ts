// Every combination of what the client speaks and what the upstream speaks behaves the same.
import { describe, expect, test } from 'vitest';
import { until } from '#test/processes.ts';
import { startFront } from './harness.ts';
import { type Ask, askHttp1, askHttp2 } from './http2-upstream.ts';
import { type Origin, type OriginRequest, startOrigin } from './origins.ts';

const CLIENTS: readonly (readonly [string, Ask])[] = [
  ['HTTP/1.1', askHttp1],
  ['HTTP/2', askHttp2],
];
const ORIGINS: readonly Origin[] = ['HTTP/1.1', 'HTTP/2'];
const PAIRS = CLIENTS.flatMap(([client, ask]) =>
  ORIGINS.map((origin) => ({ client, ask, origin })),
);

async function start(origin: Origin, serve: (request: OriginRequest) => void) {
  const upstream = await startOrigin(origin, serve);
  const front = await startFront({ ...upstream, limits: { headTimeoutMs: 5_000 } });
  const record = async () => {
    await until('the record', () => front.records.length > 0);
    const [exchange] = front.records;
    return { status: exchange?.status, reason: exchange?.reason };
  };
  return { port: front.port, front, record, upstream };
}

describe.each(PAIRS)('$client to $origin', ({ ask, origin }) => {
  test('a request and its answer, each with a length', async () => {
    const { port, record } = await start(origin, (request) => {
      void request.read().then(({ body }) => {
        const { 'content-length': length = '', 'transfer-encoding': coding = '' } = request.headers;
        const headers = { 'x-length': String(length), 'x-coding': String(coding) };
        request.answer({ status: 201, headers, body });
      });
    });
    const answer = await ask(port, { method: 'PUT', body: Buffer.from('hello') });
    expect(answer).toMatchObject({ status: 201, ended: true, trailers: {} });
    expect(answer.body.toString()).toBe('hello');
    expect(answer.headers).toMatchObject({
      ...{ 'content-length': '5', 'x-length': '5', 'x-coding': '' },
    });
    expect(await record()).toEqual({ status: 201, reason: 'ok' });
  });

  test('bodies whose length nobody says, and trailers both ways', async () => {
    const { port, record } = await start(origin, (request) => {
      void request.read().then(({ body, trailers }) => {
        const fields = { 'x-sum': 'a', 'x-seen': String(trailers['x-up']) };
        request.answer({ body: [body, Buffer.from('!')], trailers: fields });
      });
    });
    const answer = await ask(port, {
      ...{ method: 'POST', body: [Buffer.from('hel'), Buffer.from('lo')] },
      trailers: { 'x-up': 'b' },
    });
    expect(answer).toMatchObject({ status: 200, ended: true });
    expect(answer.body.toString()).toBe('hello!');
    expect(answer.trailers).toMatchObject({ 'x-sum': 'a', 'x-seen': 'b' });
    expect(answer.headers).not.toHaveProperty('content-length');
    expect(await record()).toEqual({ status: 200, reason: 'ok' });
  });

  test('1 MiB each way arrives as it was', async () => {
    const { port } = await start(origin, (request) => {
      void request.read().then(({ body }) => request.answer({ body: [body] }));
    });
    const body = Buffer.alloc(1024 * 1024, 'windrose');
    const answer = await ask(port, { method: 'POST', body: [body] });
    expect(answer.ended).toBe(true);
    expect(answer.body.equals(body)).toBe(true);
  });

  test.each([
    ['HEAD', 200, { 'content-length': '7' }],
    ['GET', 204, {}],
    ['GET', 304, { etag: '"1"' }],
  ] as const)('%s answered with %i has no body', async (method, status, headers) => {
    const { port, record } = await start(origin, (request) => request.answer({ status, headers }));
    const answer = await ask(port, { method });
    expect(answer).toMatchObject({ status, ended: true, headers });
    expect(answer.body).toHaveLength(0);
    expect(await record()).toEqual({ status, reason: 'ok' });
  });

  test('interim responses come before the answer', async () => {
    const { port } = await start(origin, (request) => {
      request.inform(103, { link: '</a>; rel=preload' });
      request.answer({ body: Buffer.from('x') });
    });
    const answer = await ask(port);
    expect(answer).toMatchObject({ interim: [103], status: 200, ended: true });
  });

  test('an answer before the end of the request', async () => {
    const { port, record } = await start(origin, (request) => {
      request.answer({ status: 413, body: Buffer.from('too much') });
    });
    const pieces = Array.from({ length: 64 }, () => Buffer.alloc(32 * 1024, 'x'));
    const answer = await ask(port, { method: 'POST', body: pieces });
    expect(answer.status).toBe(413);
    expect(answer.body.toString()).toBe('too much');
    expect(await record()).toEqual({ status: 413, reason: 'ok' });
  });

  test('an answer before anything of the request came', async () => {
    const { port, front } = await start(origin, (request) => request.answer({ status: 403 }));
    const answers = await Promise.all([1, 2, 3].map(() => ask(port, { method: 'PUT', body: [] })));
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    await until('the records', () => front.records.length === 3);
  });

  test('cookies arrive as one field, and what frames a connection goes no further', async () => {
    const { port } = await start(origin, ({ headers, answer }) => {
      const { cookie, te, connection, 'x-hop': hop } = headers;
      answer({ body: Buffer.from(JSON.stringify({ cookie, te, hop, connection })) });
    });
    const headers: Record<string, string> = { te: 'trailers', cookie: 'a=1; b=2' };
    if (ask === askHttp1) Object.assign(headers, { connection: 'x-hop, te', 'x-hop': '1' });
    const answer = await ask(port, { headers });
    expect(JSON.parse(answer.body.toString())).toEqual({ cookie: 'a=1; b=2' });
  });

  test('a reset before the head: 502, upstream_reset', async () => {
    const { port, record } = await start(origin, (request) => request.reset());
    const answer = await ask(port, { method: 'POST', body: Buffer.from('x') });
    expect(answer).toMatchObject({ status: 502, ended: true });
    expect(await record()).toEqual({ status: 502, reason: 'upstream_reset' });
  });

  test.each([
    ['of a length', { 'content-length': '8' }],
    ['of no length', {}],
  ])('a reset in a body %s: the answer breaks off', async (_name, headers) => {
    let reset = (): void => undefined;
    const { port, record } = await start(origin, (request) => {
      ({ reset } = request);
      request.begin(Buffer.from('half'), headers);
    });
    const answer = await ask(port, { onData: () => reset() });
    expect(answer).toMatchObject({ status: 200, ended: false });
    expect(answer.body.toString()).toBe('half');
    expect(await record()).toEqual({ status: 200, reason: 'upstream_aborted' });
  });

  test('a client that leaves in the body: the upstream is told, client_closed', async () => {
    let isAborted = false;
    const { port, record } = await start(origin, (request) => {
      request.onAborted(() => (isAborted = true));
      request.begin(Buffer.from('half'));
    });
    await ask(port, { leaves: true });
    await until('the upstream was told', () => isAborted);
    expect(await record()).toEqual({ status: 200, reason: 'client_closed' });
  });

  test('an upstream that says nothing: upstream_timeout, and it is told', async () => {
    let isAborted = false;
    const upstream = await startOrigin(origin, (request) => {
      request.onAborted(() => (isAborted = true));
    });
    const front = await startFront({ ...upstream, limits: { headTimeoutMs: 50 } });
    const answer = await ask(front.port);
    expect(answer.status).toBe(504);
    await until('the upstream was told', () => isAborted);
    expect(front.records[0]?.reason).toBe('upstream_timeout');
  });
});
