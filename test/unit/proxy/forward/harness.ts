import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, BoundSocket, type Socket, connect, createServer as tcp } from 'node:net';
import type { Endpoint } from '#contracts/events.ts';
import { type Clock, systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { replyFor } from '#proxy/errors.ts';
import type { AttemptLimits, Direction, Exchange } from '#proxy/exchange.ts';
import { UpstreamPool } from '#proxy/forward/pool.ts';
import { takeBackend } from '#proxy/grpc/web.ts';
import { Door, type DoorParts } from '#proxy/listener/door.ts';
import { ListenerServer } from '#proxy/listener/server.ts';
import type { PortSettings } from '#proxy/listener/settings.ts';
import { RandomHex } from '#proxy/listener/trace.ts';
import type { CompiledSnapshot } from '#proxy/snapshot/compiled.ts';
import { Wheel } from '#proxy/wheel.ts';
import { onTestFinished } from 'vitest';

export interface Front {
  port: number;
  server: ListenerServer;
  pool: UpstreamPool;
  /** Exchanges in the order in which they were recorded. */
  records: Exchange[];
  /** How often an exchange was released. */
  released: number;
  /** Of these, those whose upstream did not keep its word. */
  aborted: number;
  setDraining(): void;
}

export interface FrontOptions {
  endpoint: Endpoint;
  /** As a Service port with `appProtocol: kubernetes.io/h2c`. */
  isHttp2Backend?: boolean;
  direction?: Direction;
  limits?: Partial<AttemptLimits>;
  /** Milliseconds for the whole request. */
  deadlineMs?: number;
  clock?: Clock;
  settings?: PortSettings;
}

const LIMITS: AttemptLimits = { connectTimeoutMs: 1_000, headTimeoutMs: 1_000 };

/** A listener that decides nothing: each request goes to one endpoint, once. */
export async function startFront(options: FrontOptions): Promise<Front> {
  const clock = options.clock ?? systemClock;
  const wheel = new Wheel(clock);
  const pool = new UpstreamPool(clock, wheel);
  let draining = false;
  const records: Exchange[] = [];
  const dataPlane: DoorParts['dataPlane'] = {
    snapshot: { revision: { epoch: 1, sequence: 1 } } as CompiledSnapshot,
    handle: (exchange, attempt, done) => {
      takeBackend(exchange, options.isHttp2Backend === true);
      if (options.deadlineMs !== undefined) {
        const routeMs = exchange.startedMs + options.deadlineMs;
        exchange.deadlineMs = Math.min(exchange.deadlineMs, routeMs);
      }
      const limits = { ...LIMITS, ...options.limits };
      attempt(exchange, options.endpoint, limits, (result) => {
        if (result.kind === 'head') {
          done({ kind: 'head', head: result });
          return;
        }
        const { reason, message, told } = result;
        done({ kind: 'reply', reply: replyFor(reason, told ?? message) });
      });
    },
    release: (_exchange, { aborted }) => {
      front.released++;
      if (aborted) front.aborted++;
    },
  };
  const door = new Door({
    dataPlane,
    pool,
    telemetry: { record: (exchange) => records.push(exchange) },
    ...{ clock, wheel },
    hex: new RandomHex(),
    workload: 'shop/orders',
    log: createLog({ service: 'test', level: 'silent' }),
    draining: () => draining,
    sheds: () => false,
  });
  const direction = options.direction ?? 'edge';
  const server = new ListenerServer(
    { direction, socket: direction === 'edge' ? ':80' : direction },
    {
      ...{ clock, wheel },
      request: door.request.bind(door),
      left: door.left.bind(door),
      unreadable: door.unreadable.bind(door),
    },
    options.settings,
  );
  const socket = new BoundSocket({ host: '127.0.0.1' });
  const { port } = socket.address();
  await server.listen(socket);
  onTestFinished(async () => {
    await server.drained(0);
    pool.destroy();
  });
  const front: Front = {
    ...{ port, server, pool, records },
    ...{ released: 0, aborted: 0 },
    setDraining: () => {
      draining = true;
    },
  };
  return front;
}

export interface Upstream {
  endpoint: Endpoint;
  server: Server;
  /** Heads that arrived: `GET /path`. */
  seen: string[];
  sockets: Set<Socket>;
}

/** A real HTTP server as the upstream. */
export async function startUpstream(handler: RequestListener, proxy = ''): Promise<Upstream> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''}`);
    handler(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { endpoint: { address: '127.0.0.1', port, proxy, zone: '' }, server, seen, sockets };
}

/** An upstream that speaks whatever bytes the test gives it. */
export async function startRawUpstream(onConnection: (socket: Socket) => void): Promise<Endpoint> {
  const sockets = new Set<Socket>();
  const server = tcp((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { address: '127.0.0.1', port, proxy: '', zone: '' };
}

/** Sends bytes and resolves with all that comes back until the connection ends. */
export function exchangeBytes(port: number, bytes: string, timeoutMs = 3_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    let text = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection stayed open after: ${JSON.stringify(text)}`));
    }, timeoutMs);
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}
