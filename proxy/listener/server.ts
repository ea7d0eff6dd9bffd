import { type BoundSocket, type Server, type Socket, createServer } from 'node:net';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import type { Clock } from '#platform/clock.ts';
import type { Wheel } from '../wheel.ts';
import type { SocketListeners } from '../route/sockets.ts';
import { readsAtOnce } from '../reads.ts';
import type { ListenerSpec, Transport } from '../snapshot/compiled.ts';
import type { Arrival } from './intake.ts';
import { readingWell } from './accepted.ts';
import { Connections } from './connections.ts';
import { FirstBytes, type FirstBytesTakers } from './first-bytes.ts';
import { descriptorOf } from '../overload/descriptors.ts';
import type { Overload } from '../overload/overload.ts';
import { type Cause, ERRORS } from '../errors.ts';
import { Http1Connection, type Http1Owner } from './http1-connection.ts';
import { Http2Connection } from './http2-connection.ts';
import { noteOutside } from './inside.ts';
import { sayAndClose } from './last-words.ts';
import { LIMITS } from './limits.ts';
import type { ParsedRequest, ReceivedRequest } from './received-request.ts';
import { rawReply } from './respond.ts';
import { type PortSettings, defaultPort } from './settings.ts';
import type { Stream } from './stream-door.ts';
import { TlsEntry, type TlsEntryOwner } from './tls-entry.ts';

/** A bound socket to listen on: our own, or a native handle that a supervisor passed. */
export type ListenHandle = BoundSocket | object;

/** What a listener does with connections that are not HTTP in the clear. */
export interface Entrance {
  /** What the first bytes of a connection are, in the snapshot that serves now. */
  transportAt(arrival: Arrival): Transport;
  /** The listeners of a socket in the snapshot that serves now. */
  listenersAt(socket: string): SocketListeners | undefined;
  /** Who ends TLS for a listener; undefined: it has no certificate that can be served. */
  serverFor(spec: ListenerSpec, serverName: string): TlsServer | undefined;
  stream(arrival: Arrival, stream: Stream): void;
  handshakeFailed(arrival: Arrival, socket: Socket, serverName: string, why: string): void;
}

export interface ServerHandlers {
  clock: Clock;
  wheel: Wheel;
  request: (arrival: Arrival, request: ReceivedRequest, socket: Socket) => void;
  /** A request that its client took back before anything was begun for it. */
  left: (arrival: Arrival, request: ParsedRequest, socket: Socket) => void;
  /** Bytes that are no HTTP request; they were answered already. */
  unreadable: (arrival: Arrival, socket: Socket, cause: Cause) => void;
  /** Absent: nothing is ever too much. */
  overload?: Pick<Overload, 'closes' | 'descriptorsMax' | 'descriptorsShort'>;
  /** For TLS and for what is not HTTP; absent: everything is HTTP in the clear. */
  entrance?: Entrance;
}

/** Idle connections stay this long into a drain, so that their next request is still answered. */
const IDLE_GRACE_MS = 1_000;
const POLL_MS = 20;

/** One listening socket with the limits of SAFETY.md. */
export class ListenerServer {
  readonly arrival: Arrival;
  readonly #server: Server;
  readonly #connections: Connections;
  readonly #handlers: ServerHandlers;
  readonly #owner: Http1Owner;
  readonly #tlsOwner: TlsEntryOwner | undefined;
  readonly #http2 = new Map<Socket, Http2Connection>();
  readonly #overload: ServerHandlers['overload'];
  readonly #takers: FirstBytesTakers;
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
    this.#handlers = handlers;
    this.#overload = handlers.overload;
    this.#owner = this.#ownerOf(arrival);
    const { entrance } = handlers;
    this.#tlsOwner = entrance === undefined ? undefined : this.#tlsOwnerOf(entrance);
    const tlsOwner = arrival.direction === 'outbound' ? this.#tlsOwner : undefined;
    this.#takers = {
      isHttp2: (socket, connection) => this.#speaksHttp2(socket, connection),
      isTls: tlsOwner && ((socket, bytes) => new TlsEntry(socket, tlsOwner).push(bytes)),
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

  #ownerOf(arrival: Arrival): Http1Owner {
    const { clock, wheel, request, left, unreadable, overload } = this.#handlers;
    const isDraining = (): boolean => this.#draining;
    const settingsNow = (): PortSettings => this.settings;
    return {
      scheme: arrival.serverName === undefined ? 'http' : 'https',
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
      left: (read, socket) => left(arrival, read, socket),
      unreadable: (socket, cause) => unreadable(arrival, socket, cause),
      busy: (socket) => this.#connections.begin(socket),
      idle: (socket) => this.#connections.end(socket),
    };
  }

  #accept(accepted: Socket): void {
    const { entrance } = this.#handlers;
    const transport = entrance?.transportAt(this.arrival) ?? 'clear';
    const socket = transport === 'clear' ? readingWell(accepted) : accepted;
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
    if (entrance === undefined || this.#tlsOwner === undefined || transport === 'clear') {
      new FirstBytes(socket, this.#owner, this.#takers);
    } else if (transport === 'tls') new TlsEntry(socket, this.#tlsOwner);
    else this.#stream(entrance, { socket, serverName: '', protocol: 'tcp', isHandshake: false });
  }

  #tlsOwnerOf(entrance: Entrance): TlsEntryOwner {
    const { arrival } = this;
    const { wheel } = this.#handlers;
    const handshakeMs = (): number => this.settings.limits.headerReadMs;
    return {
      wheel,
      passesAll: arrival.direction === 'outbound',
      get handshakeMs() {
        return handshakeMs();
      },
      listeners: () => entrance.listenersAt(arrival.socket),
      serverFor: entrance.serverFor,
      secured: (inside, outside, spec, serverName) => {
        noteOutside(inside, outside);
        inside.on('error', () => inside.destroy());
        readsAtOnce(inside);
        this.#connections.replace(outside, inside);
        if (spec.protocol === 'HTTPS') this.#speakHttp(inside, serverName);
        else {
          this.#stream(entrance, {
            ...{ socket: inside, serverName, protocol: 'tls', isHandshake: false },
          });
        }
      },
      passedThrough: (outside, serverName) => {
        this.#stream(entrance, {
          ...{ socket: outside, serverName, protocol: 'tls', isHandshake: true },
        });
      },
      plain: (outside) => {
        sayAndClose(outside, rawReply(ERRORS.plain_http), wheel);
        this.#owner.unreadable(outside, 'plain_http');
      },
      failed: (outside, serverName, why) => {
        entrance.handshakeFailed(arrival, outside, serverName, why);
      },
    };
  }

  /** What ALPN chose; a client without it speaks HTTP/1.1 (RFC 9113 section 3.2). */
  #speakHttp(inside: TLSSocket, serverName: string): void {
    const owner = this.#ownerOf({ ...this.arrival, serverName });
    if (inside.alpnProtocol === 'h2') {
      this.#speaksHttp2(inside, new Http2Connection(inside, owner));
    } else new Http1Connection(inside, owner);
  }

  #speaksHttp2(socket: Socket, connection: Http2Connection): void {
    this.#http2.set(socket, connection);
    socket.once('close', () => this.#http2.delete(socket));
  }

  #stream(entrance: Entrance, stream: Omit<Stream, 'closed' | 'rules'>): void {
    const { socket, serverName } = stream;
    socket.pause();
    this.#connections.begin(socket);
    const rules = this.settings.rulesOf(serverName);
    const closed = (): void => this.#connections.end(socket);
    entrance.stream(this.arrival, { ...stream, rules, closed });
  }
}
