import type { Socket } from 'node:net';
import { WheelTimer } from '../wheel.ts';
import { Http1Connection, type Http1Owner } from './http1-connection.ts';
import { Http2Connection } from './http2-connection.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const P = 0x50;

/** The content type of a TLS record with a ClientHello (RFC 8446 section 5.1). */
const HANDSHAKE = 22;

/** Who takes a connection over. HTTP/1.1 takes what is nobody else's. */
export interface FirstBytesTakers {
  isHttp2(socket: Socket, connection: Http2Connection): void;
  /** Absent: TLS is not expected here. The bytes are taken off the socket already. */
  isTls?: ((socket: Socket, bytes: Buffer) => void) | undefined;
}

/**
 * A connection that has not said yet what it speaks: HTTP/2 by prior knowledge (RFC 9113 section
 * 3.3) begins with a preface that is no request of HTTP/1.1, and TLS with a byte that is in no
 * method. For all others the first byte, or the second one of a POST, decides.
 */
export class FirstBytes {
  readonly #socket: Socket;
  readonly #owner: Http1Owner;
  readonly #takers: FirstBytesTakers;
  readonly #timer: WheelTimer;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onEnd = (): void => this.#close();
  readonly #onGone = (): void => this.#owner.wheel.clear(this.#timer);
  #held: Buffer | undefined;

  constructor(socket: Socket, owner: Http1Owner, takers: FirstBytesTakers) {
    this.#socket = socket;
    this.#owner = owner;
    this.#takers = takers;
    this.#timer = new WheelTimer(() => socket.destroy());
    owner.wheel.set(this.#timer, owner.settings.limits.headerReadMs);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onGone);
  }

  #read(chunk: Buffer): void {
    const held = this.#held;
    if (held === undefined && chunk[0] !== P) {
      this.#let();
      const { isTls } = this.#takers;
      if (chunk[0] === HANDSHAKE && isTls !== undefined) isTls(this.#socket, chunk);
      else new Http1Connection(this.#socket, this.#owner).push(chunk);
      return;
    }
    const bytes = held === undefined ? chunk : Buffer.concat([held, chunk]);
    const length = Math.min(bytes.length, PREFACE.length);
    if (PREFACE.compare(bytes, 0, length, 0, length) !== 0) {
      this.#let();
      new Http1Connection(this.#socket, this.#owner).push(bytes);
    } else if (length < PREFACE.length) this.#held = bytes;
    else {
      this.#let();
      this.#socket.pause();
      this.#socket.unshift(bytes);
      this.#takers.isHttp2(this.#socket, new Http2Connection(this.#socket, this.#owner));
    }
  }

  #let(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onGone);
    this.#owner.wheel.clear(this.#timer);
  }

  #close(): void {
    this.#socket.end();
  }
}
