import { once } from 'node:events';
import http from 'node:http';
import { connect } from 'node:net';
import { FakeClock } from '#platform/clock.ts';
import { until } from '#test/processes.ts';
import { describe, expect, it } from 'vitest';
import { freePort } from '#test/parts.ts';
import { exchangeBytes, startFront, startRawUpstream, startUpstream } from './harness.ts';

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** One request with node:http; rejects when the response breaks off. */
function call(port: number, options: http.RequestOptions = {}, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, headers: { host: 'shop.example' }, ...options },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: text });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

describe('forwarding', () => {
  it('passes a request on and its answer back, and records both', async () => {
    const upstream = await startUpstream((request, response) => {
      response.writeHead(201, { 'x-seen': JSON.stringify(request.headers), etag: '"1"' });
      response.end('hello');
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const answer = await call(front.port, {
      path: '/a/../b?c=1',
      headers: { host: 'shop.example' },
    });
    expect(answer).toMatchObject({ status: 201, body: 'hello' });
    expect(answer.headers).toMatchObject({ etag: '"1"', 'transfer-encoding': 'chunked' });
    expect(upstream.seen).toEqual(['GET /b?c=1']);
    const seen = JSON.parse(String(answer.headers['x-seen'])) as Record<string, string>;
    expect(seen).toMatchObject({
      host: 'shop.example',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'shop.example',
      via: '1.1 windrose',
    });
    await until('the record', () => front.records.length === 1);
    const [record] = front.records;
    expect(record).toMatchObject({ status: 201, reason: 'ok', bytesOut: 5, bytesIn: 0 });
    expect(seen['x-request-id']).toBe(record?.requestId);
    const { traceId, spanId } = record?.trace ?? {};
    expect(seen['traceparent']).toBe(`00-${traceId}-${spanId}-01`);
    expect(record?.ttfbMs).toBeGreaterThan(0);
    expect(record?.upstreamMs).toBeGreaterThan(0);
    expect(front.released).toBe(1);
  });

  it('names a request by the trace that it begins, and else as it was named or anew', async () => {
    const upstream = await startUpstream((_request, response) => response.end('x'));
    const front = await startFront({ endpoint: upstream.endpoint });
    const traceId = 'a'.repeat(32);
    const traceparent = `00-${traceId}-${'b'.repeat(16)}-01`;
    await call(front.port);
    await call(front.port, { headers: { 'x-request-id': 'mine' } });
    await call(front.port, { headers: { traceparent } });
    await call(front.port, { headers: { traceparent } });
    await until('the records', () => front.records.length === 4);
    const [root, named, ...inOneTrace] = front.records;
    expect(root?.requestId).toMatch(/^[0-9a-f]{32}$/);
    expect(root?.requestId).toBe(root?.trace.traceId);
    expect(named?.requestId).toBe('mine');
    expect(inOneTrace.map((each) => each.trace.traceId)).toEqual([traceId, traceId]);
    expect(new Set([...inOneTrace.map((each) => each.requestId), traceId]).size).toBe(3);
  });

  it('keeps the connection to the upstream', async () => {
    const upstream = await startUpstream((_request, response) => response.end('x'));
    let connections = 0;
    upstream.server.on('connection', () => connections++);
    const front = await startFront({ endpoint: upstream.endpoint });
    for (let i = 0; i < 5; i++) await call(front.port);
    expect(connections).toBe(1);
    expect(front.records.map((record) => record.connectMs > 0)).toEqual([
      ...[true, false, false, false, false],
    ]);
  });

  it('frames bodies as they came: a length, chunks, or none', async () => {
    const upstream = await startUpstream((request, response) => {
      const { 'content-length': length = '-', 'transfer-encoding': coding = '-' } = request.headers;
      let size = 0;
      request.on('data', (chunk: Buffer) => (size += chunk.length));
      request.on('end', () => response.end(`${request.method ?? ''} ${length} ${coding} ${size}`));
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const host = 'shop.example';
    const sized = { method: 'POST', headers: { host, 'content-length': '5' } };
    const chunked = { method: 'PUT', headers: { host, 'transfer-encoding': 'chunked' } };
    expect((await call(front.port, sized, Buffer.from('hello'))).body).toBe('POST 5 - 5');
    expect((await call(front.port, chunked, Buffer.from('hello!'))).body).toBe('PUT - chunked 6');
    const empty = await exchangeBytes(
      front.port,
      `POST / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    expect(empty).toContain('POST 0 - 0');
    expect((await call(front.port)).body).toBe('GET - - 0');
    expect(front.records.map((record) => record.bytesIn)).toEqual([5, 6, 0, 0]);
  });

  it('answers HEAD, 204 and 304 without a body and without losing what they say', async () => {
    const upstream = await startUpstream((request, response) => {
      if (request.url === '/none') response.writeHead(204).end();
      else if (request.url === '/same') response.writeHead(304, { etag: '"1"' }).end();
      else response.writeHead(200, { 'content-length': '5' }).end('hello');
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const head = await call(front.port, { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body]).toEqual([200, '5', '']);
    expect(await call(front.port, { path: '/none' })).toMatchObject({ status: 204, body: '' });
    expect(await call(front.port, { path: '/same' })).toMatchObject({
      status: 304,
      headers: { etag: '"1"' },
    });
  });

  it('says 100 Continue only when it wants the body', async () => {
    const upstream = await startUpstream((request, response) => {
      request.resume().on('end', () => response.end('thanks'));
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const request = http.request({
      ...{ host: '127.0.0.1', port: front.port, method: 'POST' },
      headers: { expect: '100-continue', 'content-length': '2' },
    });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('ok');
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
    const refusing = await startFront({
      endpoint: { ...upstream.endpoint, port: await freePort() },
    });
    const bytes =
      'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n';
    expect(await exchangeBytes(refusing.port, bytes)).not.toContain('100 Continue');
  });

  it('slows the upstream down to the pace of the client', async () => {
    const size = 64 * 1024 * 1024;
    let written = 0;
    const upstream = await startUpstream((_request, response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const push = (): void => {
        while (written < size) {
          written += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', push);
            return;
          }
        }
        response.end();
      };
      push();
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const socket = connect(front.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await once(socket, 'readable');
    // Nothing is read: what is under way is bounded by buffers, not by the body.
    let before = -1;
    await until('the upstream stalls', () => {
      const stalled = before === written;
      before = written;
      return stalled;
    });
    expect(written).toBeLessThan(size / 2);
    let received = 0;
    socket.on('data', (chunk) => (received += chunk.length));
    await once(socket, 'close');
    expect(received).toBeGreaterThan(size);
    expect(front.records[0]).toMatchObject({ reason: 'ok', bytesOut: size });
  });
});

describe('deadline and hop between proxies', () => {
  it('tells a proxy of the mesh what is left of the time, and marks the hop', async () => {
    const echo: http.RequestListener = (request, response) => {
      const { 'x-windrose-timeout': left, 'x-windrose-hop': hop } = request.headers;
      response.end(JSON.stringify({ left, hop }));
    };
    const proxied = await startUpstream(echo, 'reviews-1');
    const plain = await startUpstream(echo);
    const options = { direction: 'outbound', deadlineMs: 5_000 } as const;
    const toProxy = await startFront({ ...options, endpoint: proxied.endpoint });
    const toPlain = await startFront({ ...options, endpoint: plain.endpoint });
    const headers = { host: 'a', 'x-windrose-timeout': '1', 'x-windrose-consumer': 'me' };
    const told = JSON.parse((await call(toProxy.port, { headers })).body) as { left: string };
    expect(Number(told.left)).toBeGreaterThan(3_000);
    expect(told).toMatchObject({ hop: '1' });
    expect((await call(toPlain.port, { headers })).body).toBe('{}');
    expect(toProxy.records[0]?.source).toBe('shop/orders');
  });

  it('believes the deadline of a request that carries the hop mark, on inbound only', async () => {
    const upstream = await startUpstream(() => undefined);
    const hop = { host: 'a', 'x-windrose-timeout': '80', 'x-windrose-hop': '1' };
    const inbound = await startFront({ endpoint: upstream.endpoint, direction: 'inbound' });
    await call(inbound.port, { headers: hop });
    expect(inbound.records[0]).toMatchObject({ reason: 'request_timeout', source: '' });
    const limits = { headTimeoutMs: 100 };
    const unmarked = { host: 'a', 'x-windrose-timeout': '1' };
    const other = await startFront({ endpoint: upstream.endpoint, direction: 'inbound', limits });
    await call(other.port, { headers: unmarked });
    expect(other.records[0]).toMatchObject({ reason: 'upstream_timeout', source: 'unknown' });
  });
});

describe('an upstream that fails', () => {
  it('refuses: no connection, and the body was not touched', async () => {
    const port = await freePort();
    const front = await startFront({
      endpoint: { address: '127.0.0.1', port, proxy: '', zone: '' },
    });
    const answer = await call(front.port, { method: 'POST' }, Buffer.from('hello'));
    expect(answer.status).toBe(503);
    expect(answer.headers).toMatchObject({
      server: 'windrose',
      'content-type': 'application/problem+json',
    });
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'about:blank', status: 503 });
    expect(front.records[0]).toMatchObject({ reason: 'upstream_refused', bytesIn: 0 });
  });

  it.each([
    ['closes without an answer', '', 'upstream_reset'],
    ['breaks off in its head', 'HTTP/1.1 200 OK\r\nContent-', 'upstream_reset'],
    ['does not speak HTTP', 'SSH-2.0-x\r\n', 'upstream_invalid'],
    [
      'says two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      'upstream_invalid',
    ],
    [
      'says length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'upstream_invalid',
    ],
    [
      'changes the protocol unasked',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      'upstream_invalid',
    ],
    [
      'has a status that does not exist',
      'HTTP/1.1 999 Hm\r\nContent-Length: 0\r\n\r\n',
      'upstream_invalid',
    ],
    [
      'has a head without end',
      `HTTP/1.1 200 OK\r\n${'abcdefgh: ijklmnop\r\n'.repeat(9_000)}`,
      'upstream_invalid',
    ],
  ])('%s', async (_name, bytes, reason) => {
    const endpoint = await startRawUpstream((socket) => {
      socket.once('data', () => socket.end(bytes, 'latin1'));
    });
    const front = await startFront({ endpoint });
    expect((await call(front.port)).status).toBe(502);
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason, status: 502 });
  });

  it('says nothing: the time for its head runs out, and its connection is not kept', async () => {
    const upstream = await startUpstream(() => undefined);
    const front = await startFront({ endpoint: upstream.endpoint, limits: { headTimeoutMs: 50 } });
    expect((await call(front.port)).status).toBe(504);
    expect(front.records[0]).toMatchObject({ reason: 'upstream_timeout' });
    await until('the connection is closed', () => upstream.sockets.size === 0);
  });

  it.each([
    ['with a length', 'Content-Length: 100\r\n\r\nhello'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ])('breaks off mid-body %s: never a clean end downstream', async (_name, rest) => {
    const endpoint = await startRawUpstream((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${rest}`));
    });
    const front = await startFront({ endpoint });
    await expect(call(front.port)).rejects.toThrow('aborted');
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({
      reason: 'upstream_aborted',
      status: 200,
      bytesOut: 5,
    });
  });

  it('is out of time mid-body: broken off at the deadline', async () => {
    const upstream = await startUpstream((_request, response) => response.write('hello'));
    const front = await startFront({ endpoint: upstream.endpoint, deadlineMs: 150 });
    await expect(call(front.port)).rejects.toThrow('aborted');
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason: 'request_timeout', status: 200 });
    await until('the connection is closed', () => upstream.sockets.size === 0);
  });

  it('closed a kept connection: tried once more on a new one when that does no harm', async () => {
    let connections = 0;
    const endpoint = await startRawUpstream((socket) => {
      connections++;
      let requests = 0;
      socket.on('data', () => {
        // The first connection dies under its second request.
        if (++requests > 1 && connections === 1) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      });
    });
    const front = await startFront({ endpoint });
    expect((await call(front.port)).status).toBe(200);
    expect((await call(front.port)).status).toBe(200);
    expect(connections).toBe(2);
    expect(front.records.map((record) => record.retries)).toEqual([0, 0]);
  });

  it('closed a kept connection under a POST: the failure is told, not hidden', async () => {
    let connections = 0;
    const endpoint = await startRawUpstream((socket) => {
      connections++;
      let requests = 0;
      socket.on('data', () => {
        if (++requests > 1) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      });
    });
    const front = await startFront({ endpoint });
    await call(front.port);
    expect((await call(front.port, { method: 'POST' }, Buffer.from('x'))).status).toBe(502);
    expect(connections).toBe(1);
    expect(front.records[1]).toMatchObject({ reason: 'upstream_reset' });
  });
});

describe('a client that goes away', () => {
  it('before the head: the upstream is let go', async () => {
    const upstream = await startUpstream(() => undefined);
    const limits = { headTimeoutMs: 10_000 };
    const front = await startFront({ endpoint: upstream.endpoint, limits });
    const socket = connect(front.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until('the request is upstream', () => upstream.seen.length === 1);
    socket.destroy();
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason: 'client_closed', status: 0 });
    await until('the connection is closed', () => upstream.sockets.size === 0);
    expect(front.released).toBe(1);
  });

  it('mid-body: the upstream is let go', async () => {
    const upstream = await startUpstream((_request, response) => response.write('hello'));
    const front = await startFront({ endpoint: upstream.endpoint });
    const socket = connect(front.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason: 'client_closed', status: 200 });
    await until('the connection is closed', () => upstream.sockets.size === 0);
  });

  it('mid-upload: the upstream does not take what it got for the whole', async () => {
    let complete = false;
    const upstream = await startUpstream((request) => {
      request.on('error', () => undefined);
      request.on('end', () => (complete = true)).resume();
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const socket = connect(front.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    await until('the request is upstream', () => upstream.seen.length === 1);
    socket.destroy();
    await until('the record', () => front.records.length === 1);
    await until('the connection is closed', () => upstream.sockets.size === 0);
    expect(complete).toBe(false);
  });
});

describe('draining', () => {
  it('finishes what is under way, says close, and ends idle connections', async () => {
    let release: () => void = () => undefined;
    const upstream = await startUpstream((_request, response) => {
      release = () => response.end('done');
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const agent = new http.Agent({ keepAlive: true });
    const answer = call(front.port, { agent });
    await until('the request is upstream', () => upstream.seen.length === 1);
    front.setDraining();
    const drained = front.server.drained(5_000);
    release();
    expect(await answer).toMatchObject({ body: 'done', headers: { connection: 'close' } });
    await drained;
    await expect(call(front.port)).rejects.toThrow('ECONNREFUSED');
    agent.destroy();
  });

  it('ends what does not end by itself at the limit', async () => {
    const upstream = await startUpstream(() => undefined);
    const front = await startFront({ endpoint: upstream.endpoint });
    const answer = call(front.port);
    answer.catch(() => undefined);
    await until('the request is upstream', () => upstream.seen.length === 1);
    await front.server.drained(50);
    await expect(answer).rejects.toThrow('socket hang up');
  });
});

describe('a slow upload', () => {
  it('may take longer than the head: the time for the head begins after it', async () => {
    const upstream = await startUpstream((request, response) => {
      request.resume().on('end', () => response.end('got it'));
    });
    const clock = new FakeClock();
    const front = await startFront({ endpoint: upstream.endpoint, clock });
    const request = http.request({ host: '127.0.0.1', port: front.port, method: 'POST' });
    request.write('a');
    await until('the request is upstream', () => upstream.seen.length === 1);
    clock.advance(60_000);
    request.end('b');
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  it('is held to the deadline of the whole request', async () => {
    const upstream = await startUpstream((request) => request.resume());
    const front = await startFront({ endpoint: upstream.endpoint, deadlineMs: 100 });
    const request = http.request({ host: '127.0.0.1', port: front.port, method: 'POST' });
    request.on('error', () => undefined);
    request.write('a');
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(response.statusCode).toBe(504);
    response.resume();
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason: 'request_timeout' });
    request.destroy();
  });
});
