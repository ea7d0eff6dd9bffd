// F03 and F27: the configuration changes under load, again and again.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { type AddressInfo, type Socket, connect } from 'node:net';
import type { Resource } from '#contracts/resources/index.ts';
import { freePort, natsUrl } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { expect, it, onTestFinished } from 'vitest';
import { TestMesh, gateway, route, service, slice } from '../integration/proxy/mesh.ts';
import { fetchOnce, startApp, startProxy } from '../integration/proxy/proxy-process.ts';
import { isDrill } from './support/call.ts';
import { note } from './support/figures.ts';

const SWAPS = isDrill ? 1_000 : 100;
const CONNECTIONS = 8;
const STREAMS = 8;

/** A route whose revision shows on both sides: in what the upstream gets and in the answer. */
function marked(revision: number): Resource {
  const set = (name: string) => ({ set: [{ name, value: String(revision) }] });
  const base = route('echo', 'echo') as unknown as { spec: { rules: object[] } };
  const filters = [
    { type: 'RequestHeaderModifier', requestHeaderModifier: set('x-up') },
    { type: 'ResponseHeaderModifier', responseHeaderModifier: set('x-down') },
  ];
  const rules = base.spec.rules.map((rule) => ({ ...rule, filters }));
  return { ...base, spec: { ...base.spec, rules } } as unknown as Resource;
}

/** Asks on one kept connection until told to stop. */
class Asking {
  readonly problems: string[] = [];
  readonly revisions = new Set<string>();
  answered = 0;
  sockets = 0;
  #isOver = false;
  readonly #loop: Promise<void>;

  constructor(port: number) {
    this.#loop = this.#run(port);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#loop;
  }

  async #run(port: number): Promise<void> {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const createConnection = agent.createConnection.bind(agent);
    agent.createConnection = (...args) => {
      this.sockets++;
      return createConnection(...args);
    };
    while (!this.#isOver) {
      try {
        const { status, body, headers } = await fetchOnce({ port, agent });
        const down = String(headers['x-down']);
        if (status !== 200) this.problems.push(`status ${status}: ${body}`);
        else if (down !== body) this.problems.push(`up ${body}, down ${down}`);
        this.revisions.add(body);
        this.answered++;
      } catch (error) {
        this.problems.push(String(error));
      }
    }
    agent.destroy();
  }
}

/** A WebSocket's bytes: what is sent comes back. */
async function openWebSocket(port: number): Promise<{ socket: Socket; got: () => number }> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await until('the tunnel stands', () => text.includes('\r\n\r\n'));
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  const head = text.length;
  return { socket, got: () => text.length - head };
}

/** A stream of HTTP/2 whose answer never ends; a call of gRPC is one of HTTP/2 on both sides. */
function openStream(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders) {
  const stream = session.request(headers);
  let bytes = 0;
  let isOpen = true;
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  stream.on('error', () => undefined);
  stream.once('close', () => (isOpen = false));
  return { isOpen: () => isOpen, got: () => bytes };
}

/** Takes calls of gRPC and ends none. */
async function startCalls(): Promise<{ port: number; streams: Set<http2.ServerHttp2Stream> }> {
  const streams = new Set<http2.ServerHttp2Stream>();
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    streams.add(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const { session } of streams) session?.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, streams };
}

it(`F03 and F27: ${SWAPS} swaps under load`, { timeout: 600_000 }, async () => {
  const streaming = new Set<http.ServerResponse>();
  const app = await startApp('echo', (request, response) => {
    if (request.url !== '/stream') {
      response.end(request.headers['x-up']);
      return;
    }
    response.writeHead(200);
    response.flushHeaders();
    streaming.add(response);
  });
  app.server.on('upgrade', (_request, socket: Socket) => {
    socket.on('error', () => socket.destroy());
    onTestFinished(() => void socket.destroy());
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    socket.pipe(socket);
  });
  const mesh = await TestMesh.start(natsUrl());
  const [port, other] = [await freePort(), await freePort()];
  const flags = ['--name', 'edge-1', '--mesh', mesh.name, '--nats', natsUrl(), '--workers', '2'];
  const proxy = startProxy(flags);
  await proxy.ready();
  const calls = await startCalls();
  const first = [
    ...[gateway([port]), service('echo'), slice('echo', app.port), marked(0)],
    ...[service('calls'), slice('calls', calls.port), route('calls', 'calls', '/calls')],
  ];
  expect(await mesh.receipt('edge-1', await mesh.apply(first))).toMatchObject({
    result: 'applied',
  });

  const asking = Array.from({ length: CONNECTIONS }, () => new Asking(port));
  const sockets = await Promise.all(Array.from({ length: STREAMS }, () => openWebSocket(port)));
  const session = http2.connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const call = { ':method': 'POST', ':path': '/calls/Watch', 'content-type': 'application/grpc' };
  const streams = Array.from({ length: STREAMS }, () => [
    openStream(session, { ':path': '/stream' }),
    openStream(session, { ...call, te: 'trailers' }),
  ]).flat();
  await until('all streams stand', () => streaming.size + calls.streams.size === streams.length);
  const startMs = performance.now();
  for (let swap = 1; swap <= SWAPS; swap++) {
    // Every tenth opens another listener, or closes it: no business of those that are open.
    const ports = Math.floor(swap / 10) % 2 === 0 ? [port] : [port, other];
    const sequence = await mesh.apply([marked(swap), ...(swap % 10 === 0 ? [gateway(ports)] : [])]);
    expect(await mesh.receipt('edge-1', sequence)).toMatchObject({ result: 'applied' });
    for (const { socket } of sockets) socket.write('.');
    for (const response of [...streaming, ...calls.streams]) response.write('.');
  }
  const tookMs = performance.now() - startMs;
  await until('every stream has had every piece', () =>
    [...sockets, ...streams].every(({ got }) => got() === SWAPS),
  );
  await Promise.all(asking.map((each) => each.stop()));
  expect(asking.flatMap(({ problems }) => problems)).toEqual([]);
  // No connection was closed for any of it.
  expect(asking.map(({ sockets: opened }) => opened)).toEqual(Array(CONNECTIONS).fill(1));
  expect(streams.every(({ isOpen }) => isOpen())).toBe(true);
  expect(sockets.every(({ socket }) => !socket.destroyed)).toBe(true);
  const seen = new Set(asking.flatMap(({ revisions }) => [...revisions]));
  expect(seen.size).toBeGreaterThan(SWAPS / 2);
  const answered = asking.reduce((sum, each) => sum + each.answered, 0);
  note(
    ...['F03', `${SWAPS} swaps, ${CONNECTIONS} connections, 2 workers`],
    `${answered} requests, none failed; ${(tookMs / SWAPS).toFixed(1)} ms a swap to its receipt`,
  );
  const open = `${STREAMS} WebSockets, streams of HTTP/2 and calls of gRPC each`;
  note('F27', open, 'all live, no byte lost');
  session.destroy();
  for (const { socket } of sockets) socket.destroy();
  expect(await proxy.stop()).toBe(0);
});
