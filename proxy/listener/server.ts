import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type BoundSocket, Server as NetServer, type Socket } from 'node:net';
import type { Arrival } from './intake.ts';
import { Connections } from './connections.ts';
import { LIMITS } from './limits.ts';
import { rawReply } from './respond.ts';

/** A bound socket to listen on: our own, or a native handle that a supervisor passed. */
export type ListenHandle = BoundSocket | object;

export interface ServerHandlers {
  request: (
    arrival: Arrival,
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ) => void;
  /** Bytes that are no HTTP request; they were answered already. */
  unreadable: (arrival: Arrival, socket: Socket, status: number) => void;
}

const CHECK_INTERVAL_MS = 1_000;
/** Idle connections stay this long into a drain, so that their next request is still answered. */
const IDLE_GRACE_MS = 1_000;
const POLL_MS = 20;

/** One listening socket with the limits of SAFETY.md. */
export class ListenerServer {
  readonly arrival: Arrival;
  readonly #server: Server;
  readonly #connections: Connections;
  readonly #handlers: ServerHandlers;
  #draining = false;

  constructor(arrival: Arrival, handlers: ServerHandlers) {
    this.arrival = arrival;
    this.#handlers = handlers;
    const edge = arrival.direction === 'edge';
    this.#connections = new Connections({
      total: LIMITS.connections,
      // Everything that a workload or a gateway sends a sidecar comes from one address.
      perAddress: edge ? LIMITS.connectionsPerAddress : LIMITS.connections,
    });
    this.#server = createServer({
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: LIMITS.headerReadMs,
      requestTimeout: 0,
      keepAliveTimeout: edge ? LIMITS.keepAliveIdleEdgeMs : LIMITS.keepAliveIdleMeshMs,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      requireHostHeader: false,
      highWaterMark: LIMITS.bufferBytes,
      noDelay: true,
      insecureHTTPParser: false,
    });
    // Too many fields are refused, never cut off: what is cut off here the upstream would not see.
    this.#server.maxHeadersCount = 0;
    this.#server.timeout = LIMITS.streamIdleMs;
    this.#listenTo(this.#server);
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
        this.#server.on('error', () => this.#connections.closeIdle());
        resolve();
      });
    });
  }

  /** Stops accepting; what is open goes on until `drained` or `destroy`. */
  stopAccepting(): void {
    if (this.#draining) return;
    this.#draining = true;
    // Not http.Server's own close: it cuts idle connections whose next request may be on its way.
    NetServer.prototype.close.call(this.#server);
  }

  /**
   * Resolves when every connection has ended: busy ones with their answer, which says
   * `Connection: close`, idle ones after a short grace, all of them after `limitMs`.
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
    this.#server.closeAllConnections();
  }

  #listenTo(server: Server): void {
    const serve = (
      request: IncomingMessage,
      response: ServerResponse,
      expectsContinue: boolean,
    ): void => {
      const { socket } = request;
      this.#connections.begin(socket);
      response.once('close', () => this.#connections.end(socket));
      this.#handlers.request(this.arrival, request, response, expectsContinue);
    };
    server.on('connection', (socket: Socket) => this.#connections.admit(socket));
    server.on('request', (request, response) => serve(request, response, false));
    server.on('checkContinue', (request, response) => serve(request, response, true));
    // Refused by the parse phase; node:http alone would answer it without a record.
    server.on('checkExpectation', (request, response) => serve(request, response, false));
    server.on('connect', (_request, socket) => {
      this.#refuse(socket as Socket, 501, 'CONNECT is not served here');
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#onClientError(error, socket as Socket);
    });
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const code = error.code ?? '';
    // A connection on which nothing was asked, or that is gone, gets no answer.
    const late = code === 'ERR_HTTP_REQUEST_TIMEOUT';
    if ((!code.startsWith('HPE_') && !late) || (late && socket.bytesRead === 0)) {
      socket.destroy();
    } else if (code === 'HPE_HEADER_OVERFLOW') {
      this.#refuse(socket, 431, 'the header block is too large');
    } else if (late) {
      this.#refuse(socket, 408, 'the request head did not come in time');
    } else {
      this.#refuse(socket, 400, 'the request is not valid HTTP');
    }
  }

  #refuse(socket: Socket, status: number, message: string): void {
    // In the middle of another answer on this connection: a second one would corrupt it.
    if (this.#connections.isActive(socket) || !socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(rawReply(status, message));
    socket.destroySoon();
    this.#handlers.unreadable(this.arrival, socket, status);
  }
}
