import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { type SocketListeners, listenerForHost } from '../route/sockets.ts';
import type { ListenerSpec } from '../snapshot/compiled.ts';
import { type Alert, alertRecord } from '../tls/alert.ts';
import { ClientHelloReader, type HelloFailure } from '../tls/client-hello.ts';
import { type Wheel, WheelTimer } from '../wheel.ts';
import { sayAndClose } from './last-words.ts';

export interface TlsEntryOwner {
  readonly wheel: Wheel;
  /** For all of it, ms. */
  readonly handshakeMs: number;
  /** All TLS goes on to a backend, as at an outbound, whatever the listeners are. */
  readonly passesAll: boolean;
  /** Of the socket on which the connection came, as they are now. */
  listeners(): SocketListeners | undefined;
  /** Who ends TLS here; undefined: there is nothing to end it with. */
  serverFor(spec: ListenerSpec, serverName: string): Server | undefined;
  /** The handshake is done; `socket` is the inside. */
  secured(inside: TLSSocket, outside: Socket, spec: ListenerSpec, serverName: string): void;
  /** TLS goes on to a backend: all bytes of the connection are still to be read. */
  passedThrough(outside: Socket, serverName: string): void;
  /** Bytes of HTTP came in the clear. */
  plain(outside: Socket): void;
  /** There was no handshake; the connection is closed or closing. */
  failed(outside: Socket, serverName: string, why: string): void;
}

/** Where the inside of a connection finds the entry it came through. */
const handshakes = new WeakMap<Server, Map<string, TlsEntry>>();

/** Once for each server that ends TLS: hands its connections back to their entries. */
export function returnConnections(server: Server): void {
  const entries = new Map<string, TlsEntry>();
  handshakes.set(server, entries);
  server.on('secureConnection', (inside) => {
    const entry = entries.get(placeOf(inside));
    // Its outside closed in the same moment.
    if (entry === undefined) inside.destroy();
    else entry.secured(inside);
  });
  // The outside closes with it, which is what counts the failure.
  server.on('tlsClientError', (error: NodeJS.ErrnoException, inside) => {
    entries.get(placeOf(inside))?.failing(error.code ?? error.message);
    inside.destroy();
  });
}

/**
 * A connection on a port for TLS until somebody has it: its ClientHello is read, the server name
 * in it chooses the listener, and then TLS ends here or passes through. All of it within the time
 * for a head.
 */
export class TlsEntry {
  readonly #socket: Socket;
  readonly #owner: TlsEntryOwner;
  readonly #reader = new ClientHelloReader();
  readonly #timer: WheelTimer;
  readonly #onData = (chunk: Buffer): void => this.push(chunk);
  readonly #onEnd = (): void => void this.#socket.destroy();
  readonly #onClose = (): void => this.#closed();
  #spec: ListenerSpec | undefined;
  #serverName = '';
  #server: Server | undefined;
  #place = '';
  #why = 'the connection was closed';
  #isBegun = false;
  #isOver = false;

  constructor(socket: Socket, owner: TlsEntryOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#timer = new WheelTimer(() => this.#giveUp());
    owner.wheel.set(this.#timer, owner.handshakeMs);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
  }

  secured(inside: TLSSocket): void {
    const spec = this.#spec;
    this.#over();
    if (spec === undefined) return;
    this.#owner.secured(inside, this.#socket, spec, this.#serverName);
  }

  failing(why: string): void {
    this.#why = why;
  }

  /** Also of bytes that came before the connection was known to be one. */
  push(chunk: Buffer): void {
    this.#isBegun = true;
    const state = this.#reader.push(chunk);
    if (state === 'more') return;
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.pause();
    if (state !== 'done') this.#onFailure(state);
    else this.#choose(this.#reader.hello?.serverName ?? '');
  }

  #choose(serverName: string): void {
    this.#serverName = serverName;
    if (this.#owner.passesAll) {
      this.#passThrough();
      return;
    }
    const listeners = this.#owner.listeners();
    const spec = listeners === undefined ? undefined : listenerForHost(listeners, serverName);
    if (spec === undefined) {
      this.#refuse('unrecognized_name');
      return;
    }
    this.#spec = spec;
    const { tls, protocol } = spec;
    if (tls === undefined && protocol === 'TLS') {
      this.#passThrough();
      return;
    }
    const server = tls === undefined ? undefined : this.#owner.serverFor(spec, serverName);
    if (server === undefined) this.#refuse('handshake_failure');
    else this.#handshake(server);
  }

  #passThrough(): void {
    this.#over();
    this.#socket.unshift(this.#reader.bytes);
    this.#owner.passedThrough(this.#socket, this.#serverName);
  }

  /** The way into a `tls.Server` that node documents; what it gives out again names its place. */
  #handshake(server: Server): void {
    this.#server = server;
    this.#place = placeOf(this.#socket);
    handshakes.get(server)?.set(this.#place, this);
    this.#socket.unshift(this.#reader.bytes);
    server.emit('connection', this.#socket);
  }

  #onFailure(failure: HelloFailure): void {
    if (failure !== 'not_tls') {
      this.#refuse(failure);
      return;
    }
    const [first = 0] = this.#reader.bytes;
    if (!isLetter(first)) {
      this.#refuse('decode_error');
      return;
    }
    this.#over();
    this.#owner.plain(this.#socket);
  }

  #refuse(alert: Alert): void {
    this.#over();
    this.#owner.failed(this.#socket, this.#serverName, alert);
    sayAndClose(this.#socket, alertRecord(alert), this.#owner.wheel);
  }

  #giveUp(): void {
    this.#why = 'it did not come in time';
    this.#socket.destroy();
  }

  #closed(): void {
    if (this.#isOver) return;
    this.#over();
    // Who says nothing at all only looks whether the port is open.
    if (this.#isBegun) this.#owner.failed(this.#socket, this.#serverName, this.#why);
  }

  #over(): void {
    this.#isOver = true;
    this.#owner.wheel.clear(this.#timer);
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onClose);
    if (this.#server !== undefined) handshakes.get(this.#server)?.delete(this.#place);
  }
}

/** Both ends of a connection: no two that stand have the same. */
function placeOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}
