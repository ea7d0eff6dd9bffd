import { type BoundSocket, type Server, type Socket, createServer } from 'node:net';
import type { Clock } from '#platform/clock.ts';
import type { Cause } from '../errors.ts';
import type { Wheel } from '../wheel.ts';
import type { Arrival } from './intake.ts';
import { Connections } from './connections.ts';
import { FirstBytes } from './first-bytes.ts';
import type { Http1Owner } from './http1-connection.ts';
import type { Http2Connection } from './http2-connection.ts';
import { LIMITS } from './limits.ts';
import type { ReceivedRequest } from './received-request.ts';

/** A bound socket to listen on: our own, or a native handle that a supervisor passed. */
export type ListenHandle = BoundSocket | object;

export interface ServerHandlers {
  clock: Clock;
  wheel: Wheel;
  request: (arrival: Arrival, request: ReceivedRequest, socket: Socket) => void;
  /** Bytes that are no HTTP request; they were answered already. */
  unreadable: (arrival: Arrival, socket: Socket, cause: Cause) => void;
}

/** Idle connections stay this long into a drain, so that their next request is still answered. */
const IDLE_GRACE_MS = 1_000;
const POLL_MS = 20;

/** One listening socket with the limits of SAFETY.md. */
export class ListenerServer {
  readonly arrival: Arrival;
  readonly #server: Server;
  readonly #connections: Connections;
  readonly #owner: Http1Owner;
  readonly #http2 = new Map<Socket, Http2Connection>();
  #draining = false;

  constructor(arrival: Arrival, handlers: ServerHandlers) {
    this.arrival = arrival;
    const edge = arrival.direction === 'edge';
    this.#connections = new Connections({
      total: LIMITS.connections,
      // Everything that a workload or a gateway sends a sidecar comes from one address.
      perAddress: edge ? LIMITS.connectionsPerAddress : LIMITS.connections,
    });
    const { clock, wheel, request, unreadable } = handlers;
    const isDraining = (): boolean => this.#draining;
    this.#owner = {
      direction: arrival.direction,
      ...{ clock, wheel },
      keepAliveIdleMs: edge ? LIMITS.keepAliveIdleEdgeMs : LIMITS.keepAliveIdleMeshMs,
      get draining() {
        return isDraining();
      },
      request: (received, socket) => request(arrival, received, socket),
      unreadable: (socket, cause) => unreadable(arrival, socket, cause),
      busy: (socket) => this.#connections.begin(socket),
      idle: (socket) => this.#connections.end(socket),
    };
    this.#server = createServer(
      { noDelay: true, allowHalfOpen: true, highWaterMark: LIMITS.bufferBytes },
      (socket) => this.#accept(socket),
    );
  }

  get draining(): boolean {
    return this.#draining;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get turnedAway(): number {
    return this.#connections.turnedAway;
  }

  /** Starts to accept; rejects when the address turns out to be taken. */
  listen(handle: ListenHandle): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(handle, () => {
        this.#server.off('error', reject);
        // Out of file descriptors: idle connections give theirs back, and the rest goes on.
        this.#server.on('error', () => this.#connections.closeIdle());
        resolve();
      });
    });
  }

  /** Stops accepting; what is open goes on until `drained` or `destroy`. */
  stopAccepting(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#server.close();
    for (const connection of this.#http2.values()) connection.drain();
  }

  /**
   * Resolves when every connection has ended: busy ones with their answer, which says
   * `Connection: close` (HTTP/2 has said GOAWAY), idle ones after a short grace, all of them
   * after `limitMs`.
   */
  async drained(limitMs: number): Promise<void> {
    this.stopAccepting();
    const startMs = performance.now();
    while (this.#connections.size > 0) {
      const waitedMs = performance.now() - startMs;
      if (waitedMs > limitMs) this.#connections.closeAll();
      else if (waitedMs > Math.min(IDLE_GRACE_MS, limitMs)) this.#connections.closeIdle();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #accept(socket: Socket): void {
    // A connection that broke before it was accepted.
    socket.on('error', () => socket.destroy());
    if (!this.#connections.admit(socket)) return;
    new FirstBytes(socket, this.#owner, (connection) => {
      this.#http2.set(socket, connection);
      socket.once('close', () => this.#http2.delete(socket));
    });
  }
}
