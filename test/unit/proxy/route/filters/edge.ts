// A Gateway's listener with the real decisions behind it, and a real server for each Service.
import type { IncomingMessage, RequestListener } from 'node:http';
import { BoundSocket } from 'node:net';
import type { Endpoint } from '#contracts/events.ts';
import { type Clock, type Random, systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { DataPlane } from '#proxy/dataplane.ts';
import type { Exchange } from '#proxy/exchange.ts';
import { Copies } from '#proxy/forward/copies.ts';
import { UpstreamPool } from '#proxy/forward/pool.ts';
import { Door } from '#proxy/listener/door.ts';
import { ListenerServer } from '#proxy/listener/server.ts';
import { RandomHex } from '#proxy/listener/trace.ts';
import { gatewayPorts } from '#proxy/ports.ts';
import { Wheel } from '#proxy/wheel.ts';
import { onTestFinished } from 'vitest';
import { type Upstream, startUpstream } from '../../forward/harness.ts';
import { World, gateway, route, seeded, service } from '../../support/world.ts';

export interface Edge {
  port: number;
  records: Exchange[];
  copies: Copies;
  plane: DataPlane;
  /** What went wrong in a phase. */
  errors: unknown[];
}

export interface EdgeOptions {
  rules: object[];
  /** `namespace/name`, or a name in `shop`; those without endpoints have none. */
  services: Readonly<Record<string, Endpoint | undefined>>;
  more?: object[];
  random?: Random;
  clock?: Clock;
}

/** The listener is on port 80 as far as the configuration knows. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { services } = options;
  const names = Object.keys(services);
  const own = (options.more ?? []).filter((each) => 'kind' in each && each.kind === 'Service');
  const world = new World(
    gateway('edge', [{ name: 'http' }]),
    ...(own.length > 0 ? [] : names.map((name) => service(name))),
    route('r', { rules: options.rules }),
    ...(options.more ?? []),
  );
  const clock = options.clock ?? systemClock;
  const wheel = new Wheel(clock);
  const pool = new UpstreamPool(clock, wheel);
  const copies = new Copies({ pool, clock, wheel });
  const records: Exchange[] = [];
  const errors: unknown[] = [];
  const plane = new DataPlane({
    scope: {
      ...{ role: 'gateway', proxy: 'p', gateways: undefined, service: undefined, workers: 1 },
    },
    ...{ clock, wheel, copier: copies, random: options.random ?? seeded(1) },
    onError: (error) => errors.push(error),
  });
  plane.swap(world.snapshot);
  for (const [name, endpoint] of Object.entries(services)) {
    if (endpoint === undefined) continue;
    const of = name.includes('/') ? name : `shop/${name}`;
    plane.setEndpoints({ mesh: 'm', service: of, endpoints: [endpoint], time: '' });
  }
  const door = new Door({
    ...{ dataPlane: plane, pool, clock, wheel, hex: new RandomHex(), workload: '' },
    telemetry: { record: (exchange) => records.push(exchange) },
    log: createLog({ service: 'test', level: 'silent' }),
    draining: () => false,
    sheds: () => false,
  });
  const server = new ListenerServer(
    { direction: 'edge', socket: ':80' },
    {
      ...{ clock, wheel },
      request: door.request.bind(door),
      left: door.left.bind(door),
      unreadable: door.unreadable.bind(door),
    },
    gatewayPorts(world.snapshot.listeners, 1).get(':80'),
  );
  const socket = new BoundSocket({ host: '127.0.0.1' });
  const { port } = socket.address();
  await server.listen(socket);
  onTestFinished(async () => {
    await server.drained(0);
    pool.destroy();
  });
  return { port, records, copies, plane, errors };
}

export interface Seen {
  line: string;
  host: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

/** An upstream that keeps what it got; `answer` is what it says in the end. */
export async function startKeeper(
  answer: RequestListener = (_, response) => response.end('ok'),
): Promise<Upstream & { got: Seen[] }> {
  const got: Seen[] = [];
  const upstream = await startUpstream((request, response) => {
    let body = '';
    request.on('data', (bytes: Buffer) => (body += bytes.toString('latin1')));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      got.push({ line: `${method} ${url}`, host: headers.host, headers, body });
      answer(request, response);
    });
  });
  return { ...upstream, got };
}
