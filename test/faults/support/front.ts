import { BoundSocket, type Socket } from 'node:net';
import type { Endpoint } from '#contracts/events.ts';
import { type Clock, type Random, systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { DataPlane } from '#proxy/dataplane.ts';
import type { AttemptLimits, Exchange } from '#proxy/exchange.ts';
import type { Connecting } from '#proxy/forward/connect.ts';
import { UpstreamPool } from '#proxy/forward/pool.ts';
import { Door, type DoorParts } from '#proxy/listener/door.ts';
import { ListenerServer } from '#proxy/listener/server.ts';
import { RandomHex } from '#proxy/listener/trace.ts';
import { replyFor } from '#proxy/errors.ts';
import type { Overload } from '#proxy/overload/overload.ts';
import { gatewayPorts } from '#proxy/ports.ts';
import type { Lookup } from '#proxy/upstream/dns.ts';
import { Wheel } from '#proxy/wheel.ts';
import { onTestFinished } from 'vitest';
import { World, gateway, route, rule, seeded, service } from '../../unit/proxy/support/world.ts';

/** One listener with all that a worker has behind it, open to be looked into. */
export interface FaultFront {
  port: number;
  server: ListenerServer;
  door: Door;
  pool: WatchedPool;
  wheel: Wheel;
  records: Exchange[];
  /** The proxy's ends of connections on which a request came, and that still stand. */
  clients: Set<Socket>;
}

export interface FaultFrontOptions {
  dataPlane: DoorParts['dataPlane'];
  clock?: Clock;
  /** How much is too much; nothing is without. Read whenever it is asked for. */
  overload?: Partial<Pick<Overload, 'closes' | 'sheds' | 'descriptorsMax' | 'descriptorsShort'>>;
  /** In place of `records`, for more exchanges than should be kept. */
  record?: (exchange: Exchange) => void;
}

/** A pool that shows the proxy's ends of its connections. */
export class WatchedPool extends UpstreamPool {
  readonly sockets = new Set<Socket>();

  override connect(...args: Parameters<UpstreamPool['connect']>): Connecting {
    const [endpoint, done, failed, tls] = args;
    return super.connect(
      endpoint,
      (connection) => {
        watch(this.sockets, connection.socket);
        done(connection);
      },
      failed,
      tls,
    );
  }
}

function watch(sockets: Set<Socket>, socket: Socket): void {
  if (sockets.has(socket)) return;
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

export async function openFront(options: FaultFrontOptions): Promise<FaultFront> {
  const clock = options.clock ?? systemClock;
  const wheel = new Wheel(clock);
  const pool = new WatchedPool(clock, wheel);
  const records: Exchange[] = [];
  const clients = new Set<Socket>();
  const load = options.overload ?? {};
  const overload = {
    get closes() {
      return load.closes ?? false;
    },
    get sheds() {
      return load.sheds ?? false;
    },
    get descriptorsMax() {
      return load.descriptorsMax ?? Number.POSITIVE_INFINITY;
    },
    descriptorsShort: () => load.descriptorsShort?.(),
  };
  const door = new Door({
    ...{ dataPlane: options.dataPlane, pool, clock, wheel },
    telemetry: { record: options.record ?? ((exchange) => records.push(exchange)) },
    hex: new RandomHex(),
    workload: 'shop/orders',
    log: createLog({ service: 'test', level: 'silent' }),
    draining: () => overload.closes,
    sheds: () => overload.sheds,
  });
  const server = new ListenerServer(
    { direction: 'edge', socket: ':80' },
    {
      ...{ clock, wheel, overload },
      request: (arrival, request, socket) => {
        watch(clients, socket);
        door.request(arrival, request, socket);
      },
      left: door.left.bind(door),
      unreadable: door.unreadable.bind(door),
    },
    gatewayPorts(options.dataPlane.snapshot?.listeners ?? [], 1).get(':80'),
  );
  const socket = new BoundSocket({ host: '127.0.0.1' });
  const { port } = socket.address();
  await server.listen(socket);
  onTestFinished(async () => {
    await server.drained(0);
    pool.destroy();
  });
  return { port, server, door, pool, wheel, records, clients };
}

const LIMITS: AttemptLimits = { connectTimeoutMs: 1_000, headTimeoutMs: 600_000 };

/** Decides nothing: each request goes to this endpoint, once. */
export function direct(endpoint: () => Endpoint): DoorParts['dataPlane'] {
  return {
    snapshot: new World().snapshot,
    handle: (exchange, attempt, done) => {
      attempt(exchange, endpoint(), LIMITS, (result) => {
        if (result.kind === 'head') done({ kind: 'head', head: result });
        else done({ kind: 'reply', reply: replyFor(result.reason, result.message) });
      });
    },
    release: () => undefined,
  };
}

export interface RoutedOptions {
  clock?: Clock;
  random?: Random;
  /** Of the only rule. */
  rule?: object;
  /** Policies and whatever else the mesh has. */
  more?: object[];
  /** It has problems, and is served with them. */
  hasProblems?: boolean;
  /** The Service `shop/app`, to which everything goes; absent: one without endpoints of its own. */
  app?: object;
  /** What sidecars of `shop/app` announce. */
  endpoints: Endpoint[];
  lookup?: Lookup;
}

/** The real decisions: a Gateway with one route for all, to `shop/app`. */
export function routed(options: RoutedOptions): DataPlane {
  const world = new World(
    ...[gateway('edge', [{ name: 'http' }]), options.app ?? service('app')],
    route('all', { rules: [rule('/', 'app', options.rule)] }),
    ...(options.more ?? []),
  );
  if (world.findings.length > 0 !== (options.hasProblems ?? false))
    throw new Error(world.findings.join('\n'));
  const plane = new DataPlane({
    scope: {
      ...{ role: 'gateway', proxy: 'p', gateways: undefined, service: undefined, workers: 1 },
    },
    clock: options.clock ?? systemClock,
    random: options.random ?? seeded(1),
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
  });
  onTestFinished(() => plane.close());
  plane.swap(world.snapshot);
  const { endpoints } = options;
  plane.setEndpoints({ mesh: 'm', service: 'shop/app', endpoints, time: '' });
  return plane;
}

export function endpointAt(port: number): Endpoint {
  return { address: '127.0.0.1', port, proxy: '', zone: '' };
}
