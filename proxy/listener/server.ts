import { type BoundSocket, type Server, type Socket, createServer } from 'node:net';
import type { Clock } from '#platform/clock.ts';
import type { Cause } from '../errors.ts';
import type { Wheel } from '../wheel.ts';
import type { Arrival } from './intake.ts';
import { Connections } from './connections.ts';
import { FirstBytes } from './first-bytes.ts';
import type { Http1Owner } from './http1-connection.ts';
import type { Http2Connection } from './http2-connection.ts';
import { descriptorOf } from '../overload/descriptors.ts';
import type { Overload } from '../overload/overload.ts';
import { LIMITS } from './limits.ts';
import type { ReceivedRequest } from './received-request.ts';
import { type PortSettings, defaultPort } from './settings.ts';

/** A bound socket to listen on: our own, or a native handle that a supervisor passed. */
export type ListenHandle = BoundSocket | object;

export interface ServerHandlers {
  clock: Clock;
  wheel: Wheel;
  request: (arrival: Arrival, request: ReceivedRequest, socket: Socket) => void;
  /** Bytes that are no HTTP request; they were answered already. */
  unreadable: (arrival: Arrival, socket: Socket, cause: Cause) => void;
  /** Absent: nothing is ever too much. */
  overload?: Pick<Overload, 'closes' | 'descriptorsMax' | 'descriptorsShort'>;
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
  readonly #overload: ServerHandlers['overload'];
  #draining = false;
  /** What comes all the same is turned away. */
  #accepting = true;
  /** For connections to come, and the next request of those that are there. */
  settings: PortSettings;

  constructor(
    arrival: Arrival,
    handlers: ServerHandlers,
    settings: PortSettings = defaultPort(arrival.direction),
  ) {
    this.arrival = arrival;
    this.settings = settings;
    this.#connections = new Connections(() => this.settings.limits);
    const { clock, wheel, request, unreadable, overload } = handlers;
    this.#overload = overload;
    const isDraining = (): boolean => this.#draining;
    const settingsNow = (): PortSettings => this.settings;
    this.#owner = {
      ...{ clock, wheel },
      get settings() {
        return settingsNow();
      },
      get draining() {
        return isDraining();
      },
      request: (received, socket) => {
        request(arrival, received, socket);
        // What `Connection: close` is in HTTP/1.1.
        if (overload?.closes === true) this.#http2.get(socket)?.drain();
      },
      unreadable: (socket, cause) => unreadable(arrival, socket, cause),
      busy: (socket) => this.#connections.begin(socket),
      idle: (socket) => this.#connections.end(socket),
    };
    this.#server = createServer(
      { noDelay: true, allowHalfOpen: true, highWaterMark: LIMITS.bufferBytes },
      (socket) => this.#accept(socket),
    );
    // An accept that fails is the loss of that connection alone.
    this.#server.on('error', () => undefined);
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
        resolve();
      });
    });
  }

  /**
   * Takes no connection until `resume`; what is open goes on. `closes`: the socket is closed here,
   * since others accept on it; else what comes is turned away, for a closed port would be lost.
   */
  pause(closes: boolean): void {
    this.#accepting = false;
    if (closes) this.#server.close();
  }

  /** Connections reach it; also while they are turned away. */
  get isListening(): boolean {
    return this.#server.listening;
  }

  /** With a new handle where `pause` has closed the old one. */
  async resume(handle: ListenHandle | undefined): Promise<void> {
    this.#accepting = true;
    if (handle !== undefined) await this.listen(handle);
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
    if (!this.#accepting) {
      this.#connections.turnAway(socket);
      return;
    }
    const overload = this.#overload;
    const isLast = overload !== undefined && descriptorOf(socket) >= overload.descriptorsMax;
    if (!this.#connections.admit(socket, isLast)) {
      if (isLast) overload.descriptorsShort();
      return;
    }
    new FirstBytes(socket, this.#owner, (connection) => {
      this.#http2.set(socket, connection);
      socket.once('close', () => this.#http2.delete(socket));
    });
  }
}
