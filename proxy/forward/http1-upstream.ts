import type { Socket } from 'node:net';
import { HEAD_LIMITS } from '../listener/limits.ts';
import type { HeaderList } from '../headers.ts';
import { BodyReader, CHUNKED, UNTIL_CLOSE } from '../http1/body.ts';
import { HTTP1_FAILURES } from '../http1/failure.ts';
import { HeadReader } from '../http1/head.ts';
import { keepsAlive } from '../http1/keep-alive.ts';
import { responseBodyLength } from '../http1/response-body.ts';
import { MessageWriter } from '../http1/writer.ts';
import type { UpstreamEvents, UpstreamRequest, UpstreamStream } from './upstream.ts';

export interface Http1UpstreamOwner {
  /** The connection is whole and unused again. */
  free(connection: Http1Upstream, keepAliveHint: string | undefined): void;
  closed(connection: Http1Upstream): void;
}

const IDLE = 0;
const HEAD = 1;
const BODY = 2;
/** The response is complete and the request is still being sent. */
const ANSWERED = 3;
const ENDED = 4;

/** The client's end of one HTTP/1.1 connection: one request at a time, kept where that is safe. */
export class Http1Upstream implements UpstreamStream {
  readonly socket: Socket;
  readonly #owner: Http1UpstreamOwner;
  readonly #writer: MessageWriter;
  readonly #reader = new HeadReader('response', HEAD_LIMITS);
  readonly #body: BodyReader;
  #state = IDLE;
  #events: UpstreamEvents | undefined;
  #method = '';
  #upgrade = false;
  #sent = false;
  #seen = false;
  #keep = true;
  #keepAliveHint: string | undefined;
  #length = 0;
  reused = false;
  /** HTTP/1.1 has no way to say so. */
  readonly refused = false;
  /** For the pool: until when it may be idle, monotonic ms. */
  idleUntilMs = 0;

  constructor(socket: Socket, owner: Http1UpstreamOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.#writer = new MessageWriter(socket);
    this.#body = new BodyReader(HEAD_LIMITS, (bytes) => this.#events?.response(bytes));
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#events?.drain());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    socket.on('close', () => this.#onClose());
  }

  get isUsable(): boolean {
    return this.#state === IDLE && !this.socket.destroyed && this.socket.readable;
  }

  begin(events: UpstreamEvents): void {
    this.#events = events;
  }

  send(request: UpstreamRequest): void {
    const { method, target, headers, isChunked, upgrade } = request;
    this.#method = method;
    this.#upgrade = upgrade !== undefined;
    this.#state = HEAD;
    this.#sent = false;
    this.#seen = false;
    this.#keep = true;
    let text = `${method} ${target} HTTP/1.1\r\n${headers.toLines()}`;
    if (isChunked) text += 'transfer-encoding: chunked\r\n';
    if (upgrade !== undefined) text += `connection: upgrade\r\nupgrade: ${upgrade}\r\n`;
    this.#writer.head(`${text}\r\n`, isChunked);
  }

  body(bytes: Buffer): boolean {
    this.#writer.body(bytes);
    return this.#writer.ready;
  }

  flush(): void {
    this.#writer.flush();
  }

  finish(trailers: HeaderList | undefined): void {
    this.#sent = true;
    this.#writer.end(trailers);
    this.#writer.flush();
    if (this.#state === ANSWERED) this.#over();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  abort(): void {
    this.#events = undefined;
    this.#state = ENDED;
    this.socket.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#state === IDLE || this.#state === ANSWERED) {
      // Nobody asked (SAFETY.md class 11): whatever it is, it is no answer to a later request.
      this.#end();
      return;
    }
    let at = 0;
    while (at >= 0 && at < chunk.length && this.#state !== ENDED) {
      if (this.#state === HEAD) at = this.#readHead(chunk, at);
      else if (this.#state === BODY) at = this.#readBody(chunk, at);
      else {
        this.#keep = false;
        break;
      }
    }
    this.#events?.pieceEnd();
    if (this.#state === ANSWERED && this.#sent) this.#over();
  }

  #readHead(chunk: Buffer, from: number): number {
    const reader = this.#reader;
    const state = reader.push(chunk, from);
    this.#seen = true;
    if (state === 'more') return chunk.length;
    if (state !== 'done') return this.#invalid(HTTP1_FAILURES[state]);
    const line = reader.statusLine();
    if (typeof line === 'string') return this.#invalid(HTTP1_FAILURES[line]);
    const headers = reader.headers();
    const { next } = reader;
    reader.reset();
    const { status, version } = line;
    if (status === 101) return this.#switch(status, headers, chunk.subarray(next));
    if (status >= 100 && status < 200) {
      this.#events?.inform(status, headers);
      return next;
    }
    if (status < 200 || status > 599) return this.#invalid('a status that does not exist');
    const length = responseBodyLength(headers, status, this.#method, version);
    if (length === undefined) return this.#invalid('a body whose end could be read in two ways');
    this.#begin(status, headers, length, version);
    return next;
  }

  #begin(status: number, headers: HeaderList, length: number, version: string): void {
    this.#keepAliveHint = headers.get('keep-alive');
    this.#keep = length !== UNTIL_CLOSE && keepsAlive(version, headers.get('connection'));
    this.#length = length;
    this.#state = length === 0 ? ANSWERED : BODY;
    if (length !== 0) this.#body.begin(length);
    const events = this.#events;
    events?.head(
      status,
      headers,
      length === CHUNKED || length === UNTIL_CLOSE ? undefined : length,
    );
    if (length === 0 && this.#state === ANSWERED) events?.responseEnd(undefined);
  }

  #readBody(chunk: Buffer, from: number): number {
    const state = this.#body.push(chunk, from);
    if (state === 'more') return chunk.length;
    if (state !== 'done') return this.#invalid(HTTP1_FAILURES[state]);
    if (this.#state === BODY) this.#state = ANSWERED;
    this.#events?.responseEnd(this.#body.trailers);
    return this.#body.next;
  }

  #switch(status: number, headers: HeaderList, rest: Buffer): number {
    const events = this.#events;
    const isAsked = this.#upgrade && headers.get('upgrade')?.toLowerCase() === 'websocket';
    if (!isAsked || events === undefined) {
      return this.#invalid('the upstream changed the protocol unasked');
    }
    this.#events = undefined;
    this.#state = ENDED;
    const { socket } = this;
    socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('drain');
    socket.pause();
    if (rest.length > 0) socket.unshift(rest);
    events.head(status, headers, 0);
    events.tunnel(socket);
    return -1;
  }

  #invalid(message: string): -1 {
    this.#fail('upstream_invalid', message);
    return -1;
  }

  /** Request and response are complete: the connection is free, or has served its time. */
  #over(): void {
    this.#events = undefined;
    if (!this.#keep || this.socket.destroyed) {
      this.#end();
      return;
    }
    this.#state = IDLE;
    this.reused = true;
    // A client that was slower than the last piece of its answer has left it paused.
    this.socket.resume();
    this.#owner.free(this, this.#keepAliveHint);
  }

  #end(): void {
    this.#state = ENDED;
    this.socket.destroy();
  }

  #onEnd(): void {
    if (this.#state === BODY && this.#length === UNTIL_CLOSE) {
      this.#state = ANSWERED;
      this.#events?.responseEnd(undefined);
      if (this.#sent) this.#over();
      return;
    }
    this.#fail('upstream_reset', 'the connection was closed');
  }

  #onError(error: NodeJS.ErrnoException): void {
    this.#fail('upstream_reset', `the connection broke: ${error.code ?? error.message}`);
  }

  #fail(reason: 'upstream_reset' | 'upstream_invalid', message: string): void {
    const events = this.#events;
    const isOver = this.#state === IDLE || this.#state === ENDED;
    this.#events = undefined;
    this.#end();
    if (!isOver) events?.failed(reason, this.#seen, message);
  }

  #onClose(): void {
    this.#fail('upstream_reset', 'the connection was closed');
    this.#owner.closed(this);
  }
}
