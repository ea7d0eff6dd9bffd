import { once } from 'node:events';
import { connect } from 'node:net';
import type http from 'node:http';
import { FakeClock } from '#platform/clock.ts';
import { until } from '#test/processes.ts';
import { describe, expect, it } from 'vitest';
import { exchangeBytes, startRawUpstream, startUpstream } from '../unit/proxy/forward/harness.ts';
import { GET, call, isDrill, rawClient } from './support/call.ts';
import { type FaultFront, direct, openFront, routed } from './support/front.ts';
import { heapInUse } from './support/memory.ts';

const MIB = 1024 * 1024;
const HEAD_READ_MS = 10_000;
const KEEP_ALIVE_MS = 60_000;
const IDLE_MS = 300_000;
const LINGER_MS = 2_100;
/** A wheel may be so much late. */
const LATE_MS = 20;

/** What the proxy holds of bodies on their way, outside of the kernel. */
function buffered({ clients, pool }: FaultFront): number {
  const sockets = [...clients, ...pool.sockets];
  return sockets.reduce((sum, each) => sum + each.readableLength + each.writableLength, 0);
}

/** Writes at the pace of its reader; `onWrite` is called for each piece. */
function endless(bytes: number, onWrite: () => void): http.RequestListener {
  const piece = Buffer.alloc(64 * 1024, 'x');
  return (_request, response) => {
    let left = bytes;
    const push = (): void => {
      while (left > 0) {
        left -= piece.length;
        onWrite();
        if (!response.write(piece)) {
          response.once('drain', push);
          return;
        }
      }
      response.end();
    };
    push();
  };
}

/** Looks in a row that find nothing moved: buffers are full, it was no hiccup of the machine. */
const STILL_LOOKS = 20;

describe('F09: a large answer to a reader that stalls', () => {
  const size = isDrill ? 1024 * MIB : 64 * MIB;

  it('holds a few buffers and no more; then all of it arrives', async () => {
    let most = 0;
    let pieces = 0;
    const measure = (): void => {
      most = Math.max(most, buffered(front));
    };
    const upstream = await startUpstream(
      endless(size, () => {
        pieces++;
        measure();
      }),
    );
    const front: FaultFront = await openFront({ dataPlane: direct(() => upstream.endpoint) });
    const socket = connect(front.port, '127.0.0.1');
    let received = 0;
    let stalls = 0;
    socket.write(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    socket.on('data', (chunk) => {
      const before = received;
      received += chunk.length;
      // Stands still at every eighth of the way, until nothing moves any more.
      if (Math.floor((before * 8) / size) === Math.floor((received * 8) / size)) return;
      socket.pause();
      let last = -1;
      void until('nothing moves', () => {
        measure();
        const isStill = last === pieces;
        last = pieces;
        return isStill;
      }).then(() => {
        stalls++;
        socket.resume();
      });
    });
    await once(socket, 'close');
    expect(received).toBeGreaterThan(size);
    expect(stalls).toBeGreaterThan(4);
    expect(most).toBeLessThan(512 * 1024);
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason: 'ok', bytesOut: size });
  }, 120_000);
});

describe('F10: a client that stalls', () => {
  it.each([
    ['with the first of its body', 0],
    ['later', 100_000],
  ])('in its upload, %s: closed at the idle limit', async (_name, laterMs) => {
    let complete = false;
    let got = 0;
    const upstream = await startUpstream((request) => {
      request.on('error', () => undefined);
      request.on('data', (chunk: Buffer) => (got += chunk.length));
      request.on('end', () => (complete = true));
    });
    const clock = new FakeClock();
    const plane = routed({ endpoints: [upstream.endpoint], clock });
    const front = await openFront({ dataPlane: plane, clock });
    const client = await rawClient(
      front.port,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhello',
    );
    await until('the body has begun', () => got === 5);
    if (laterMs > 0) {
      clock.advance(laterMs);
      client.socket.write('again');
      await until('the body goes on', () => got === 10);
    }
    clock.advance(IDLE_MS - LATE_MS);
    expect(front.records).toHaveLength(0);
    clock.advance(2 * LATE_MS);
    await until('the record', () => front.records.length === 1);
    await until('the upstream is let go', () => upstream.sockets.size === 0);
    // It may have been told why, and is given a while to read that.
    clock.advance(LINGER_MS);
    await until('the client is closed', client.closed);
    await until('the connection is gone', () => front.server.connections === 0);
    expect(complete).toBe(false);
    expect(front.records[0]?.reason).toBe('client_closed');
    // It is not the endpoint's fault.
    expect(plane.endpoints()[0]).toMatchObject({ consecutiveErrors: 0, inFlight: 0 });
  });

  it('in its download: closed at the idle limit', async () => {
    let pieces = 0;
    const upstream = await startUpstream(endless(64 * MIB, () => pieces++));
    const clock = new FakeClock();
    const plane = routed({ endpoints: [upstream.endpoint], clock });
    const front = await openFront({ dataPlane: plane, clock });
    const client = await rawClient(front.port);
    client.socket.pause();
    client.socket.write(GET);
    let last = -1;
    let still = 0;
    await until('nothing moves', () => {
      still = pieces > 0 && last === pieces ? still + 1 : 0;
      last = pieces;
      return still >= STILL_LOOKS;
    });
    clock.advance(IDLE_MS - LATE_MS);
    expect(front.records).toHaveLength(0);
    clock.advance(2 * LATE_MS);
    await until('the record', () => front.records.length === 1);
    await until('the upstream is let go', () => upstream.sockets.size === 0);
    await until('the connection is gone', () => front.server.connections === 0);
    expect(front.records[0]?.reason).toBe('client_closed');
    // It is not the endpoint's fault.
    expect(plane.endpoints()[0]).toMatchObject({ consecutiveErrors: 0, inFlight: 0 });
  });

  it.each([
    ['half of a head', 'GET / HTTP/1.1\r\nHost: a\r\nX: ', /^HTTP\/1\.1 408 /],
    ['one byte', 'G', /^HTTP\/1\.1 408 /],
    ['nothing at all', '', /^$/],
  ])('with %s: closed after 10 s', async (_name, bytes, answer) => {
    const upstream = await startUpstream((_request, response) => response.end());
    const clock = new FakeClock();
    const front = await openFront({ dataPlane: direct(() => upstream.endpoint), clock });
    const client = await rawClient(front.port, bytes);
    await until('it is accepted', () => front.server.connections === 1);
    // What was written is read once a later connection has been answered.
    await call(front.port, { headers: { host: 'a', connection: 'close' } });
    clock.advance(HEAD_READ_MS - LATE_MS);
    expect(client.text()).toBe('');
    clock.advance(2 * LATE_MS);
    await until('the client is closed', client.closed);
    expect(client.text()).toMatch(answer);
    await until('the connection is gone', () => front.server.connections === 0);
    expect(upstream.seen).toHaveLength(1);
  });

  it('byte by byte: the time for a head is the time for all of it', async () => {
    const upstream = await startUpstream((_request, response) => response.end());
    const clock = new FakeClock();
    const front = await openFront({ dataPlane: direct(() => upstream.endpoint), clock });
    const client = await rawClient(front.port);
    for (const byte of 'GET / HTTP') {
      client.socket.write(byte);
      await call(front.port, { headers: { host: 'a', connection: 'close' } });
      clock.advance(HEAD_READ_MS / 10);
    }
    clock.advance(LATE_MS);
    await until('the client is closed', client.closed);
    expect(client.text()).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe('F12: idle connections', () => {
  const COUNT = 500;
  /** With the client's end, which stands in this process too. */
  const BYTES_MAX = 24 * 1024;

  it('take a bounded amount of memory and leave at the idle limit', async () => {
    const endpoint = await startRawUpstream((socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    });
    const clock = new FakeClock();
    const dataPlane = direct(() => endpoint);
    const front = await openFront({ dataPlane, clock, record: () => undefined });
    await call(front.port);
    await until('the first has gone', () => front.server.connections === 0);
    const before = await heapInUse();
    const clients = Array.from({ length: COUNT }, () => {
      const socket = connect(front.port, '127.0.0.1');
      socket.on('error', () => socket.destroy());
      socket.write(GET);
      return socket;
    });
    await Promise.all(clients.map((socket) => once(socket, 'data')));
    await until('all are idle', () => front.door.inFlight === 0);
    expect(front.server.connections).toBe(COUNT);
    const each = ((await heapInUse()) - before) / COUNT;
    expect(each).toBeLessThan(BYTES_MAX);
    clock.advance(KEEP_ALIVE_MS - 100);
    expect(front.server.connections).toBe(COUNT);
    clock.advance(200);
    await until('all have left', () => front.server.connections === 0);
    expect([front.wheel.size, front.pool.size]).toEqual([0, 0]);
  });
});

const HOST = 'Host: shop.example\r\n';
const POST = (...fields: string[]): string =>
  `POST / HTTP/1.1\r\n${HOST}${fields.map((field) => `${field}\r\n`).join('')}\r\n`;
const EVIL = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked';

describe('F15: a smuggling payload', () => {
  it.each([
    ['CL.TE', POST('Content-Length: 6', CHUNKED), '0\r\n\r\n'],
    ['TE.CL', POST(CHUNKED, 'Content-Length: 4'), '0\r\n\r\n'],
    ['CL.0', POST('Content-Length: 0', CHUNKED), '0\r\n\r\n'],
    ['TE.TE', POST(CHUNKED, 'Transfer-Encoding: cow'), '0\r\n\r\n'],
    ['TE.TE, the other way', POST('Transfer-Encoding: x', CHUNKED), '0\r\n\r\n'],
    ['TE twice', POST(CHUNKED, CHUNKED), '0\r\n\r\n'],
    ['TE in a list', POST('Transfer-Encoding: gzip, chunked'), '0\r\n\r\n'],
    ['TE behind a space', POST('Transfer-Encoding : chunked'), '0\r\n\r\n'],
    ['TE folded', POST('Transfer-Encoding:', ' chunked'), '0\r\n\r\n'],
    ['TE behind a bare LF', POST(`X: y\n${CHUNKED}`), '0\r\n\r\n'],
    ['TE behind a bare CR', POST(`X: y\r${CHUNKED}`), '0\r\n\r\n'],
    ['TE with a vertical tab', POST('Transfer-Encoding: \x0bchunked'), '0\r\n\r\n'],
    ['TE with an underscore', POST('Transfer_Encoding: chunked'), '0\r\n\r\n'],
    ['TE in HTTP/1.0', POST(CHUNKED).replace('1.1', '1.0'), '0\r\n\r\n'],
    ['CL.CL', POST('Content-Length: 0', 'Content-Length: 44'), ''],
    ['CL in a list', POST('Content-Length: 0, 44'), ''],
    ['CL with a plus', POST('Content-Length: +0'), ''],
    ['CL in hexadecimal', POST('Content-Length: 0x0'), ''],
    ['CL with NUL', POST('Content-Length: 0\0'), ''],
    ['CL that overflows', POST('Content-Length: 18446744073709551616'), ''],
    ['CL that Connection takes away', POST('Content-Length: 5', 'Connection: content-length'), ''],
    ['a bare LF for every line end', `GET / HTTP/1.1\n${HOST.replace('\r', '')}\n`, ''],
    ['two Hosts', `GET / HTTP/1.1\r\n${HOST}Host: b\r\n\r\n`, ''],
    ['a line end in the target', `GET /a\r\nX: y HTTP/1.1\r\n${HOST}\r\n`, ''],
  ])('%s: 400 and close, no byte upstream', async (_name, head, rest) => {
    let connections = 0;
    const endpoint = await startRawUpstream(() => connections++);
    const front = await openFront({ dataPlane: direct(() => endpoint) });
    const answer = await exchangeBytes(front.port, head + rest + EVIL);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect([connections, front.pool.size, front.door.inFlight]).toEqual([0, 0, 0]);
    expect(front.records).toMatchObject([{ status: 400, reason: 'bad_request' }]);
  });

  it.each([
    ['a bare LF behind the size', '5\nhello\r\n'],
    ['a bare LF in an extension', '5;\nxx\r\nhello\r\n'],
    ['a line end that is none', '5\r\nhelloXX'],
    ['a size of more than 64 bits', '10000000000000005\r\nhello\r\n'],
    ['a size with 0x', '0x5\r\nhello\r\n'],
    ['a negative size', '-5\r\nhello\r\n'],
  ])('in chunks, %s: 400 and close, and never a whole request', async (_name, chunks) => {
    let got = '';
    const endpoint = await startRawUpstream((socket) => {
      socket.on('data', (bytes) => (got += bytes.toString('latin1')));
    });
    const front = await openFront({ dataPlane: direct(() => endpoint) });
    const answer = await exchangeBytes(front.port, `${POST(CHUNKED)}${chunks}0\r\n\r\n${EVIL}`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(got).not.toContain('smuggled');
    expect(got).not.toContain('\r\n0\r\n\r\n');
    await until('the upstream is let go', () => front.pool.size === 0);
  });
});
