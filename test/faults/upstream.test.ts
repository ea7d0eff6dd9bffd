import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { FakeClock } from '#platform/clock.ts';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { describe, expect, it } from 'vitest';
import { startRawUpstream, startUpstream } from '../unit/proxy/forward/harness.ts';
import { own } from '../unit/proxy/support/world.ts';
import { GET, call, detailOf, rawClient } from './support/call.ts';
import { direct, endpointAt, openFront, routed } from './support/front.ts';
import { heapInUse } from './support/memory.ts';

const IDLE_MS = 300_000;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('F04: an endpoint refuses', () => {
  it('the next one answers every request, a body too; after 5 errors it is ejected', async () => {
    const upstream = await startUpstream((request, response) => void request.pipe(response));
    const refusing = endpointAt(await freePort());
    const plane = routed({ endpoints: [refusing, upstream.endpoint] });
    const front = await openFront({ dataPlane: plane });
    for (let i = 0; i < 40; i++) {
      const answer = await call(front.port, { method: 'POST' }, Buffer.from(`body ${i}`));
      expect([answer.status, answer.body.toString()]).toEqual([200, `body ${i}`]);
    }
    const views = plane.endpoints();
    expect(views.find(({ port }) => port === refusing.port)).toMatchObject({ state: 'ejected' });
    expect(views.find(({ port }) => port === upstream.endpoint.port)).toMatchObject({
      ...{ state: 'healthy', inFlight: 0 },
    });
    await until('the records', () => front.records.length === 40);
    const retried = front.records.filter(({ retries }) => retries > 0);
    expect(retried).toHaveLength(5);
    expect(new Set(retried.map(({ retryReason }) => retryReason))).toEqual(
      new Set(['ConnectFailure']),
    );
    expect(front.records.filter(({ ejected }) => ejected)).toHaveLength(1);
  });

  it('no endpoint is left: 503 with the reason, and the circuit is empty again', async () => {
    const endpoints = [endpointAt(await freePort()), endpointAt(await freePort())];
    const plane = routed({ endpoints });
    const front = await openFront({ dataPlane: plane });
    const refused = await call(front.port);
    expect([refused.status, detailOf(refused)]).toEqual([503, 'the service cannot be reached']);
    plane.setEndpoints({ mesh: 'm', service: 'shop/app', endpoints: [], time: '' });
    const none = await call(front.port);
    expect([none.status, detailOf(none)]).toEqual([503, 'the service has no endpoint']);
    await until('the records', () => front.records.length === 2);
    expect(front.records.map(({ reason }) => reason)).toEqual(['upstream_refused', 'no_endpoint']);
  });
});

describe('F05: a reset before the response head', () => {
  it.each([
    ['GET', '', 200, 2],
    ['HEAD', '', 200, 2],
    ['DELETE', '', 200, 2],
    ['POST', '', 502, 1],
    ['PATCH', '', 502, 1],
    ['POST', 'hello', 502, 1],
    // It could be sent again, but its body is on its way and is not kept.
    ['PUT', 'hello', 502, 1],
  ])('%s with body "%s": %i after %i tries', async (method, body, status, tries) => {
    let connections = 0;
    const endpoint = await startRawUpstream((socket) => {
      const isFirst = ++connections === 1;
      socket.once('data', () => {
        if (isFirst) socket.resetAndDestroy();
        else socket.write(method === 'HEAD' ? OK.slice(0, -2) : OK);
      });
    });
    const front = await openFront({ dataPlane: routed({ endpoints: [endpoint, endpoint] }) });
    const headers = { host: 'a', 'content-length': String(body.length) };
    const answer = await call(front.port, { method, headers }, Buffer.from(body));
    expect([answer.status, connections]).toEqual([status, tries]);
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ retries: tries - 1 });
  });
});

describe('F06: a reset in the body', () => {
  it('until close, to HTTP/1.0: a reset too: an end would make it look complete', async () => {
    let reset: () => void = () => undefined;
    const endpoint = await startRawUpstream((socket) => {
      reset = () => void socket.resetAndDestroy();
      const head = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello';
      socket.once('data', () => socket.write(head));
    });
    const front = await openFront({ dataPlane: direct(() => endpoint) });
    const socket = connect(front.port, '127.0.0.1');
    let text = '';
    let failed = false;
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', () => (failed = true));
    socket.write('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
    await until('the body has begun', () => text.includes('hello'));
    reset();
    await until('the client hears of it', () => socket.closed);
    expect(failed).toBe(true);
  });

  it.each([
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
    ['with a length', 'Content-Length: 100\r\n\r\nhello'],
    ['until close', 'Connection: close\r\n\r\nhello'],
  ])('%s: never a clean end downstream', async (_name, rest) => {
    let reset: () => void = () => undefined;
    const endpoint = await startRawUpstream((socket) => {
      reset = () => void socket.resetAndDestroy();
      socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${rest}`));
    });
    const front = await openFront({ dataPlane: direct(() => endpoint) });
    const client = await rawClient(front.port, GET);
    await until('the body has begun', () => client.text().includes('hello'));
    reset();
    await until('the client is told', client.closed);
    expect(client.text().endsWith('0\r\n\r\n')).toBe(false);
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason: 'upstream_aborted', status: 200 });
    expect(front.pool.size).toBe(0);
  });
});

describe('F07: an upstream that hangs', () => {
  it.each([
    ['the whole request', { request: '400ms' }, 'request_timeout'],
    ['one try', { backendRequest: '400ms' }, 'upstream_timeout'],
  ])('504 at the time-out of %s, ± 250 ms', async (_name, timeouts, reason) => {
    const upstream = await startUpstream(() => undefined);
    const plane = routed({ endpoints: [upstream.endpoint], rule: { timeouts } });
    const front = await openFront({ dataPlane: plane });
    const startMs = performance.now();
    const answer = await call(front.port);
    const tookMs = performance.now() - startMs;
    expect(answer.status).toBe(504);
    expect(Math.abs(tookMs - 400)).toBeLessThan(250);
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason, status: 504, retries: 0 });
    await until('the upstream is let go', () => upstream.sockets.size === 0);
    expect(plane.endpoints()[0]?.inFlight).toBe(0);
  });
});

describe('F08: an upstream that drips', () => {
  it('lives on its drops for hours, and is given up 5 minutes after the last', async () => {
    let drip: () => void = () => undefined;
    const upstream = await startUpstream((_request, response) => {
      drip = () => void response.write('.');
      drip();
    });
    const clock = new FakeClock();
    const front = await openFront({ dataPlane: direct(() => upstream.endpoint), clock });
    const client = await rawClient(front.port, GET);
    const drops = (): number => client.text().split('1\r\n.\r\n').length - 1;
    for (let wanted = 1; wanted <= 30; wanted++) {
      await until(`drop ${wanted}`, () => drops() === wanted);
      clock.advance(IDLE_MS - 10_000);
      if (wanted < 30) drip();
    }
    expect(client.closed()).toBe(false);
    clock.advance(11_000);
    await until('the client is told', client.closed);
    expect(client.text().endsWith('0\r\n\r\n')).toBe(false);
    await until('the upstream is let go', () => upstream.sockets.size === 0);
    expect(front.records[0]).toMatchObject({ reason: 'upstream_timeout', bytesOut: 30 });
    expect(front.door.inFlight).toBe(0);
  });

  it('takes no memory for what has passed', async () => {
    let drip: () => void = () => undefined;
    const upstream = await startUpstream((_request, response) => {
      response.socket?.setNoDelay(true);
      drip = () => void response.write('.');
      drip();
    });
    const front = await openFront({ dataPlane: direct(() => upstream.endpoint) });
    const socket = connect(front.port, '127.0.0.1');
    socket.write(GET);
    const drops = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        drip();
        await once(socket, 'data');
      }
    };
    await once(socket, 'data');
    await drops(500);
    const before = await heapInUse();
    await drops(3_000);
    expect((await heapInUse()) - before).toBeLessThan(512 * 1024);
    socket.destroy();
  });
});

describe('F17: a decompression bomb', () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));

  it('comes down as the bytes it is', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' });
      response.end(bomb);
    });
    const front = await openFront({ dataPlane: direct(() => upstream.endpoint) });
    const headers = { host: 'a', 'accept-encoding': 'gzip' };
    const answer = await call(front.port, { headers });
    expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip' });
    expect(answer.body.equals(bomb)).toBe(true);
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason: 'ok', bytesOut: bomb.length });
  });

  it('goes up as the bytes it is, also where policies look at the request', async () => {
    const got: Buffer[] = [];
    let coding: string | undefined;
    const upstream = await startUpstream((request, response) => {
      coding = request.headers['content-encoding'];
      request.on('data', (chunk: Buffer) => got.push(chunk)).on('end', () => response.end('ok'));
    });
    const limits = [{ name: 'all', requests: 10, per: '1s', key: [] }];
    const targetRefs = [{ kind: 'Service', name: 'app' }];
    const more = [own('RateLimitPolicy', 'p', { targetRefs, limits })];
    const plane = routed({ endpoints: [upstream.endpoint], more });
    const front = await openFront({ dataPlane: plane });
    const headers = { host: 'a', 'content-encoding': 'gzip', 'content-length': bomb.length };
    expect((await call(front.port, { method: 'POST', headers }, bomb)).status).toBe(200);
    expect(coding).toBe('gzip');
    expect(Buffer.concat(got).equals(bomb)).toBe(true);
  });
});
