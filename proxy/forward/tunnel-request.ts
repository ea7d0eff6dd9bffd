import type { Socket } from 'node:net';
import { HEADERS } from '#contracts/headers.ts';
import type { Exchange } from '../exchange.ts';
import { HTTP1_FAILURES } from '../http1/failure.ts';
import { HeadReader } from '../http1/head.ts';
import { HEAD_LIMITS } from '../listener/limits.ts';

/** Called once, later: with why there is no tunnel, or with nothing when it stands. */
export type TunnelAnswered = (refusal: string | undefined) => void;

/**
 * Asks the sidecar at the other end of a fresh connection for a tunnel to its application (RFC
 * 9110 section 9.3.6): it reads HTTP, so that it can tell who calls and for which port. When it
 * stands the socket is paused, and everything behind the answer is still to be read.
 */
export class TunnelRequest {
  readonly #socket: Socket;
  readonly #answered: TunnelAnswered;
  readonly #reader = new HeadReader('response', HEAD_LIMITS);
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onEnd = (): void => this.#over('the sidecar closed the connection');

  constructor(socket: Socket, answered: TunnelAnswered) {
    this.#socket = socket;
    this.#answered = answered;
  }

  send(exchange: Exchange): void {
    this.#socket.on('data', this.#onData);
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('error', this.#onEnd);
    this.#socket.write(requestOf(exchange));
  }

  #read(chunk: Buffer): void {
    const state = this.#reader.push(chunk, 0);
    if (state === 'more') return;
    if (state !== 'done') {
      this.#over(HTTP1_FAILURES[state]);
      return;
    }
    const line = this.#reader.statusLine();
    const { next } = this.#reader;
    this.#reader.reset();
    if (typeof line === 'string') this.#over(HTTP1_FAILURES[line]);
    else if (line.status !== 200) this.#over(refusedWith(line.status));
    else {
      this.#socket.pause();
      this.#let();
      if (next < chunk.length) this.#socket.unshift(chunk.subarray(next));
      this.#answered(undefined);
    }
  }

  #over(why: string): void {
    this.#let();
    this.#socket.on('error', () => undefined).destroy();
    this.#answered(why);
  }

  #let(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('error', this.#onEnd);
  }
}

function refusedWith(status: number): string {
  const hint = 'write appProtocol: tcp at the port of the Service';
  return `the sidecar answered ${status} and takes no connection for this port; ${hint}`;
}

/** `shop/db:5432` of the record is `db.shop:5432` to whoever reads a host. */
function requestOf({ backend, upstreamHeaders }: Exchange): string {
  const [, namespace, name, port] = /^(.*)\/(.*):([0-9]+)$/.exec(backend) ?? [];
  const authority = `${name}.${namespace}:${port}`;
  const headers = upstreamHeaders.clone();
  headers.set('host', authority);
  headers.remove(HEADERS.timeout);
  headers.set(HEADERS.hop, '1');
  return `CONNECT ${authority} HTTP/1.1\r\n${headers.toLines()}\r\n`;
}
