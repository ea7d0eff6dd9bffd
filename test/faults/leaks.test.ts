import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { until } from '#test/processes.ts';
import { expect, it, onTestFinished } from 'vitest';
import { oneOf, seeded } from '../unit/proxy/support/world.ts';
import { freePort } from '#test/parts.ts';
import { isDrill } from './support/call.ts';
import { endpointAt, openFront, routed } from './support/front.ts';
import { note } from './support/figures.ts';
import { heapInUse } from './support/memory.ts';

const MIB = 1024 * 1024;
const AT_ONCE = 32;
const BIG = 'x'.repeat(50_000);

/** What the upstream does with a request is said by its target. */
const ANSWERS: Readonly<Record<string, (socket: Socket) => void>> = {
  '/ok': (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  '/chunked': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n');
  },
  '/big': (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BIG.length}\r\n\r\n${BIG}`);
  },
  '/none': (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'),
  '/until-close': (socket) => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${BIG}`),
  '/reset': (socket) => void socket.resetAndDestroy(),
  '/close': (socket) => socket.end(),
  '/reset-in-head': (socket) => {
    socket.write('HTTP/1.1 200 O', () => void socket.resetAndDestroy());
  },
  '/reset-in-body': (socket) => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello';
    socket.write(head, () => void socket.resetAndDestroy());
  },
  '/garbage': (socket) => socket.end('SSH-2.0-x\r\n'),
  '/interim': (socket) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  },
  '/never': () => undefined,
};

/** Reads heads and, where there is one, `Content-Length` or chunks; answers each request. */
function serve(socket: Socket): void {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    for (;;) {
      const headEnd = text.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = text.slice(0, headEnd);
      let end = headEnd + 4;
      if (/^transfer-encoding: chunked$/im.test(head)) {
        const last = text.indexOf('0\r\n\r\n', end);
        if (last < 0) return;
        end = last + 5;
      } else end += Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
      if (text.length < end) return;
      text = text.slice(end);
      const target = /^\w+ (\/[a-z-]*)/.exec(head)?.[1] ?? '';
      if (head.startsWith('HEAD')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');
      else ANSWERS[target]?.(socket);
    }
  });
}

const head = (line: string, ...fields: string[]): string =>
  `${line} HTTP/1.1\r\nHost: a\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;

const CHUNKS = '5\r\nhello\r\n5\r\nagain\r\n0\r\n\r\n';

/** Bytes of one connection, and how many requests are in them. */
function script(random: () => number): { bytes: string; requests: number } {
  const target = oneOf(random, Object.keys(ANSWERS));
  return oneOf(random, [
    { bytes: head(`GET ${target}`), requests: 1 },
    { bytes: head(`GET ${target}`, 'Connection: close'), requests: 1 },
    { bytes: head(`HEAD ${target}`), requests: 1 },
    { bytes: `${head(`POST ${target}`, 'Content-Length: 5')}hello`, requests: 1 },
    { bytes: `${head(`PUT ${target}`, `Content-Length: ${BIG.length}`)}${BIG}`, requests: 1 },
    { bytes: head(`POST ${target}`, 'Transfer-Encoding: chunked') + CHUNKS, requests: 1 },
    {
      bytes: `${head(`POST ${target}`, 'Content-Length: 2', 'Expect: 100-continue')}ok`,
      requests: 1,
    },
    { bytes: head('GET /ok') + head(`GET ${target}`) + head('GET /chunked'), requests: 3 },
    { bytes: `${head('GET /ok').repeat(79)}${head('GET /ok', 'Connection: close')}`, requests: 80 },
    { bytes: `${head(`POST ${target}`, 'Transfer-Encoding: chunked')}zz\r\n`, requests: 1 },
    { bytes: head('GET /../etc'), requests: 1 },
    { bytes: 'no HTTP at all\r\n\r\n', requests: 1 },
    { bytes: head('GET /ok').replace('1.1', '1.0'), requests: 1 },
  ]);
}

/** How the client leaves: after some bytes of what it sends, or of what it gets. */
async function visit(port: number, random: () => number): Promise<number> {
  const { bytes, requests } = script(random);
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
  const way = oneOf(random, ['sends a part', 'takes a part', 'stays', 'ends its side']);
  // Node does not reset a socket whose end is on its way: that would never say `close`.
  const isReset = way !== 'ends its side' && random() < 0.3;
  const leave = (): void => void (isReset ? socket.resetAndDestroy() : socket.destroy());
  const cutAt = Math.floor(random() * bytes.length);
  const takes = Math.floor(random() * 400);
  let got = 0;
  let quiet = setTimeout(leave, 50);
  socket.on('data', (chunk) => {
    got += chunk.length;
    clearTimeout(quiet);
    if (way === 'takes a part' && got >= takes) leave();
    else quiet = setTimeout(leave, 15);
  });
  if (way === 'sends a part') socket.write(bytes.slice(0, cutAt), 'latin1', leave);
  else if (way === 'ends its side') socket.end(bytes, 'latin1');
  else socket.write(bytes, 'latin1');
  await closed;
  clearTimeout(quiet);
  return requests;
}

it(
  'F05, F06, F10, F15: after all that can happen to a request nothing is left of it',
  { timeout: isDrill ? 1_800_000 : 180_000 },
  async () => {
    const total = isDrill ? 100_000 : 10_000;
    const refusing = endpointAt(await freePort());
    // It keeps nothing of its connections either: they would be counted as the proxy's.
    const upstream = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      serve(socket);
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    onTestFinished(() => void upstream.close());
    const endpoint = endpointAt((upstream.address() as AddressInfo).port);
    const plane = routed({
      endpoints: [refusing, endpoint],
      rule: { timeouts: { backendRequest: '300ms' } },
    });
    let recorded = 0;
    const front = await openFront({ dataPlane: plane, record: () => recorded++ });
    const random = seeded(7);
    const run = async (count: number): Promise<void> => {
      let sent = 0;
      const loop = async (): Promise<void> => {
        while (sent < count) sent += await visit(front.port, random);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, loop));
      await until('all clients are gone', () => front.server.connections === 0, 20_000);
      await until('no request is left', () => front.door.inFlight === 0);
      // Kept connections go after 4 s, and the last time-out with them.
      await until('no connection to an upstream is left', () => front.pool.size === 0, 20_000);
      await until('no time-out is left', () => front.wheel.size === 0);
      expect(front.clients.size).toBe(0);
      expect(plane.endpoints().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
    };
    // What is made once, such as the code itself, is there after the first round.
    await run(total / 10);
    const before = await heapInUse();
    await run(total);
    const grown = (await heapInUse()) - before;
    expect(grown).toBeLessThan(3 * MIB);
    note(
      'F05',
      `${total} mixed requests, aborts at every point`,
      `heap ${grown} bytes beyond before`,
    );
    expect(recorded).toBeGreaterThan(total / 8);
    // It still serves. The storm has used up the budget of retries: without the endpoint that
    // refuses, none is needed.
    plane.setEndpoints({ mesh: 'm', service: 'shop/app', endpoints: [endpoint], time: '' });
    const socket = connect(front.port, '127.0.0.1');
    socket.write(head('GET /ok'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  },
);
