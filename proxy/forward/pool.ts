import type { Socket } from 'node:net';
import type { Endpoint } from '#contracts/events.ts';
import type { Clock } from '#platform/clock.ts';
import type { BackendTls } from '../upstream/settings.ts';
import { type Wheel, WheelTimer } from '../wheel.ts';
import { type Connecting, Connector } from './connect.ts';
import { Http1Upstream, type Http1UpstreamOwner } from './http1-upstream.ts';
import { type ConnectFailed, Http2Pool } from './http2-pool.ts';

/** Idle connections kept per endpoint. Those in use are bounded by the circuit limit. */
const IDLE_PER_ENDPOINT_MAX = 256;
/** Many servers drop a quiet connection after 5 s without saying so: let it go before they do. */
const IDLE_UNANNOUNCED_MS = 4_000;
const IDLE_ANNOUNCED_MAX_MS = 60_000;
/** How much earlier than announced an idle connection is given up. */
const IDLE_MARGIN_MS = 1_000;
const SWEEP_MS = 500;
/** Over TLS it is said what is spoken; a server that does not choose speaks it all the same. */
const PROTOCOLS = ['http/1.1'];

/**
 * Kept connections to endpoints; of HTTP/1.1 the newest first. How long an idle one of these is
 * kept follows what the server's Keep-Alive field says, and is short when it says nothing: a
 * request on a connection that the server is just closing is lost.
 */
export class UpstreamPool {
  readonly #clock: Clock;
  readonly #wheel: Wheel;
  readonly #idle = new Map<string, Http1Upstream[]>();
  readonly #open = new Set<Http1Upstream>();
  readonly #sweeper = new WheelTimer(() => this.#sweep());
  readonly http2: Http2Pool;
  /** How connections open, also those that are not kept here. */
  readonly connector: Connector;

  constructor(clock: Clock, wheel: Wheel, connector = new Connector()) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.connector = connector;
    this.http2 = new Http2Pool(clock, wheel, connector);
  }

  /** Connections that stand, in use or not. */
  get size(): number {
    return this.#open.size + this.http2.size;
  }

  /** An idle connection to the endpoint. */
  take(endpoint: Endpoint, tls?: BackendTls): Http1Upstream | undefined {
    const idle = this.#idle.get(nameOf(endpoint, tls));
    if (idle === undefined) return undefined;
    for (;;) {
      const connection = idle.pop();
      if (connection === undefined || connection.isUsable) return connection;
    }
  }

  connect(
    endpoint: Endpoint,
    done: (connection: Http1Upstream) => void,
    failed: ConnectFailed,
    tls?: BackendTls,
  ): Connecting {
    return this.connector.open(endpoint, { tls, protocols: PROTOCOLS }, (result) => {
      if (result.ok) done(this.#adopt(result.socket, nameOf(endpoint, tls)));
      else failed(result.error);
    });
  }

  /** Closes the idle connections to an endpoint, for one of them has proved stale. */
  forget(endpoint: Endpoint, tls?: BackendTls): void {
    const name = nameOf(endpoint, tls);
    const idle = this.#idle.get(name) ?? [];
    this.#idle.delete(name);
    for (const connection of idle) connection.abort();
  }

  destroy(): void {
    this.#wheel.clear(this.#sweeper);
    for (const connection of this.#open) connection.abort();
    this.#idle.clear();
    this.http2.destroy();
  }

  #adopt(socket: Socket, name: string): Http1Upstream {
    const owner: Http1UpstreamOwner = {
      free: (connection, hint) => this.#keep(name, connection, hint),
      closed: (connection) => this.#closed(name, connection),
    };
    const connection = new Http1Upstream(socket, owner);
    this.#open.add(connection);
    return connection;
  }

  #keep(name: string, connection: Http1Upstream, hint: string | undefined): void {
    const idleMs = hint === undefined ? IDLE_UNANNOUNCED_MS : announcedIdleMs(hint);
    let idle = this.#idle.get(name);
    if (idle === undefined) this.#idle.set(name, (idle = []));
    if (idleMs <= 0 || idle.length >= IDLE_PER_ENDPOINT_MAX) {
      connection.abort();
      return;
    }
    connection.idleUntilMs = this.#clock.nowMs() + idleMs;
    idle.push(connection);
    if (!this.#sweeper.isSet) this.#wheel.set(this.#sweeper, SWEEP_MS);
  }

  #closed(name: string, connection: Http1Upstream): void {
    this.#open.delete(connection);
    const idle = this.#idle.get(name);
    const at = idle?.indexOf(connection) ?? -1;
    if (at >= 0) idle?.splice(at, 1);
    if (idle?.length === 0) this.#idle.delete(name);
  }

  #sweep(): void {
    const nowMs = this.#clock.nowMs();
    for (const [name, idle] of this.#idle) {
      for (const connection of idle.filter(({ idleUntilMs }) => idleUntilMs <= nowMs)) {
        idle.splice(idle.indexOf(connection), 1);
        connection.abort();
      }
      if (idle.length === 0) this.#idle.delete(name);
    }
    if (this.#idle.size > 0) this.#wheel.set(this.#sweeper, SWEEP_MS);
  }
}

function nameOf({ address, port }: Endpoint, tls: BackendTls | undefined): string {
  return tls === undefined ? `${address} ${port}` : `${address} ${port} ${tls.key}`;
}

function announcedIdleMs(hint: string): number {
  const seconds = /\btimeout=([0-9]{1,6})/i.exec(hint)?.[1];
  if (seconds === undefined) return IDLE_UNANNOUNCED_MS;
  return Math.min(Number(seconds) * 1_000 - IDLE_MARGIN_MS, IDLE_ANNOUNCED_MAX_MS);
}
