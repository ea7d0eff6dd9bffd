import type { Socket } from 'node:net';
import type { Endpoint } from '#contracts/events.ts';
import type { Clock } from '#platform/clock.ts';
import { HTTP2_LIMITS } from '../listener/limits.ts';
import { endpointName } from '../upstream/addresses.ts';
import type { BackendTls } from '../upstream/settings.ts';
import { type Wheel, WheelTimer } from '../wheel.ts';
import { Http2Session, type Http2SessionOwner } from './http2-session.ts';
import { Http2Upstream } from './http2-upstream.ts';
import type { Connecting, Connector } from './connect.ts';

export type ConnectFailed = (error: NodeJS.ErrnoException) => void;

/** A session without streams is kept this long: its end is announced, so nothing is lost on it. */
const IDLE_MS = 60_000;
const SWEEP_MS = 5_000;
const PROTOCOLS = ['h2'];
/** Of nghttp2: what the server said first is no HTTP/2. */
export const NO_HTTP2 = 'ERR_HTTP2_ERROR';

interface Waiter {
  readonly done: (stream: Http2Upstream) => void;
  readonly failed: ConnectFailed;
  opening: Opening | undefined;
}

/** A connection that is not open yet, and who waits for it. */
interface Opening {
  readonly peer: Peer;
  readonly waiters: Set<Waiter>;
  socket: Connecting | undefined;
  session: Http2Session | undefined;
}

interface Peer {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly tls: BackendTls | undefined;
  readonly sessions: Http2Session[];
  readonly openings: Set<Opening>;
}

/**
 * HTTP/2 connections to endpoints. Streams share one as far as the server allows; a further
 * connection is made for those beyond. A connection serves once the server's settings have come,
 * so a server of another protocol is noticed before a request is sent to it.
 */
export class Http2Pool {
  readonly #clock: Clock;
  readonly #wheel: Wheel;
  readonly #connector: Connector;
  readonly #peers = new Map<string, Peer>();
  /** Those that still have streams after they were closed, too. */
  readonly #alive = new Set<Http2Session>();
  readonly #sweeper = new WheelTimer(() => this.#sweep());

  constructor(clock: Clock, wheel: Wheel, connector: Connector) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.#connector = connector;
  }

  get size(): number {
    return this.#alive.size;
  }

  /** A stream on a connection that stands. */
  take(endpoint: Endpoint, tls?: BackendTls): Http2Upstream | undefined {
    const sessions = this.#peers.get(nameOf(endpoint, tls))?.sessions;
    if (sessions === undefined) return undefined;
    for (const session of sessions) if (session.room > 0) return new Http2Upstream(session, true);
    return undefined;
  }

  /** A stream on a new connection, which others that wait for one share. */
  connect(
    endpoint: Endpoint,
    done: (stream: Http2Upstream) => void,
    failed: ConnectFailed,
    tls?: BackendTls,
  ): Connecting {
    const waiter: Waiter = { done, failed, opening: undefined };
    this.#join(this.#peer(endpoint, tls), waiter);
    return {
      cancel: () => {
        const { opening } = waiter;
        if (opening?.waiters.delete(waiter) === true && opening.waiters.size === 0) {
          this.#giveUp(opening);
        }
      },
    };
  }

  destroy(): void {
    this.#wheel.clear(this.#sweeper);
    for (const { openings } of this.#peers.values()) {
      for (const opening of openings) this.#giveUp(opening);
    }
    for (const session of this.#alive) session.destroy();
    this.#peers.clear();
  }

  #peer(endpoint: Endpoint, tls: BackendTls | undefined): Peer {
    const name = nameOf(endpoint, tls);
    let peer = this.#peers.get(name);
    if (peer === undefined) {
      peer = { name, endpoint, tls, sessions: [], openings: new Set() };
      this.#peers.set(name, peer);
    }
    return peer;
  }

  #join(peer: Peer, waiter: Waiter): void {
    for (const opening of peer.openings) {
      if (opening.waiters.size >= HTTP2_LIMITS.streams) continue;
      waiter.opening = opening;
      opening.waiters.add(waiter);
      return;
    }
    this.#open(peer, waiter);
  }

  #open(peer: Peer, waiter: Waiter): void {
    const opening: Opening = {
      ...{ peer, waiters: new Set([waiter]) },
      ...{ socket: undefined, session: undefined },
    };
    waiter.opening = opening;
    peer.openings.add(opening);
    const { endpoint, tls } = peer;
    opening.socket = this.#connector.open(endpoint, { tls, protocols: PROTOCOLS }, (result) => {
      opening.socket = undefined;
      if (!result.ok) this.#fail(opening, result.error);
      else if (tls === undefined || result.protocol === 'h2') this.#begin(opening, result.socket);
      else {
        result.socket.destroy();
        this.#fail(opening, Object.assign(new Error('no HTTP/2 by ALPN'), { code: NO_HTTP2 }));
      }
    });
  }

  #begin(opening: Opening, socket: Socket): void {
    const { peer } = opening;
    const owner: Http2SessionOwner = {
      opened: (session) => this.#opened(opening, session),
      left: (session) => {
        if (session.streams === 0) session.idleSinceMs = this.#clock.nowMs();
      },
      closed: (session, error) => {
        const at = peer.sessions.indexOf(session);
        if (at >= 0) peer.sessions.splice(at, 1);
        this.#fail(opening, error ?? new Error('the connection was closed'));
        this.#forget(peer);
      },
      gone: (session) => this.#alive.delete(session),
    };
    const session = new Http2Session(socket, owner);
    opening.session = session;
    this.#alive.add(session);
  }

  #opened(opening: Opening, session: Http2Session): void {
    const { peer, waiters } = opening;
    if (session.room === 0) {
      this.#fail(opening, new Error('the server takes no streams'));
      session.close();
      return;
    }
    peer.openings.delete(opening);
    peer.sessions.push(session);
    session.idleSinceMs = this.#clock.nowMs();
    if (!this.#sweeper.isSet) this.#wheel.set(this.#sweeper, SWEEP_MS);
    for (const waiter of waiters) {
      waiters.delete(waiter);
      waiter.opening = undefined;
      if (session.room > 0) waiter.done(new Http2Upstream(session, false));
      else this.#join(peer, waiter);
    }
  }

  #fail(opening: Opening, error: NodeJS.ErrnoException): void {
    opening.peer.openings.delete(opening);
    this.#forget(opening.peer);
    for (const waiter of opening.waiters) {
      opening.waiters.delete(waiter);
      waiter.opening = undefined;
      waiter.failed(error);
    }
  }

  /** Nobody waits for it any more. */
  #giveUp(opening: Opening): void {
    opening.peer.openings.delete(opening);
    this.#forget(opening.peer);
    opening.socket?.cancel();
    opening.session?.destroy();
  }

  #forget({ name, sessions, openings }: Peer): void {
    if (sessions.length === 0 && openings.size === 0) this.#peers.delete(name);
  }

  #sweep(): void {
    const untilMs = this.#clock.nowMs() - IDLE_MS;
    for (const { sessions } of this.#peers.values()) {
      for (const session of sessions.slice()) {
        if (session.streams === 0 && session.idleSinceMs <= untilMs) session.close();
      }
    }
    if (this.#peers.size > 0) this.#wheel.set(this.#sweeper, SWEEP_MS);
  }
}

function nameOf(endpoint: Endpoint, tls: BackendTls | undefined): string {
  const name = endpointName(endpoint);
  return tls === undefined ? name : `${name} ${tls.key}`;
}
