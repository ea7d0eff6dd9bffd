import type { Duplex } from 'node:stream';
import type { HeaderList } from '../headers.ts';
import type { MessageWriter } from '../http1/writer.ts';
import { STATUS_CODES } from '../node-http.ts';
import type { BodySink, ClientStream, ResponseHead } from '../stream.ts';

/** What a stream asks of the connection that carries it. */
export interface Http1Carrier {
  readonly writer: MessageWriter;
  /** The client takes no more for now. */
  blocked(): void;
  pauseReading(): void;
  resumeReading(): void;
  /** The response is written; `close`: it is the last one here. */
  responded(close: boolean): void;
  /** Ends HTTP on this connection; what came behind the head is still to be read. */
  detach(): Duplex;
  /** `byReset`: an end in order would make a body until close look complete. */
  breakOff(byReset: boolean): void;
}

export interface Http1Request {
  method: string;
  version: string;
  keepAlive: boolean;
  /** Bytes, or CHUNKED. */
  bodyLength: number;
  expectsContinue: boolean;
}

const CONTINUE = 100;
/** What is left of a body that nobody wants is read and dropped up to this size. */
const UNREAD_BYTES_MAX = 64 * 1024;
const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

/** One request and its response on an HTTP/1.1 connection. */
export class Http1Stream implements ClientStream {
  readonly #carrier: Http1Carrier;
  readonly #request: Http1Request;
  #sink: BodySink | undefined;
  #trailers: HeaderList | undefined;
  #dropping = false;
  #expectsContinue: boolean;
  #close = false;
  #untilClose = false;
  gone = false;
  requestEnded = false;
  headSent = false;
  finished = false;
  onGone: (() => void) | undefined;
  onDrain: (() => void) | undefined;
  onOver: (() => void) | undefined;

  constructor(carrier: Http1Carrier, request: Http1Request) {
    this.#carrier = carrier;
    this.#request = request;
    this.#expectsContinue = request.expectsContinue;
  }

  /** Few clients read those of HTTP/1.1. */
  get readsTrailers(): boolean {
    return false;
  }

  get version(): string {
    return this.#request.version;
  }

  /** Somebody takes the body as it comes, or it is dropped. */
  get isReceiving(): boolean {
    return this.#sink !== undefined || this.#dropping;
  }

  /** The rest of a request that was answered before its end may come and be dropped. */
  get restIsSmall(): boolean {
    const { bodyLength } = this.#request;
    return bodyLength >= 0 && bodyLength <= UNREAD_BYTES_MAX && !this.#expectsContinue;
  }

  receive(sink: BodySink): void {
    this.#sink = sink;
    if (this.requestEnded) {
      sink.end(this.#trailers);
      return;
    }
    if (this.#expectsContinue && !this.headSent) {
      this.#carrier.writer.head('HTTP/1.1 100 Continue\r\n\r\n', false);
      this.#carrier.writer.flush();
    }
    this.#expectsContinue = false;
    this.#carrier.resumeReading();
  }

  pause(): void {
    this.#carrier.pauseReading();
  }

  resume(): void {
    this.#carrier.resumeReading();
  }

  drop(): void {
    this.#sink = undefined;
    this.#dropping = true;
    if (!this.#expectsContinue) this.#carrier.resumeReading();
  }

  /** The three that follow are the connection's: what it read of the body. */
  received(bytes: Buffer): void {
    this.#sink?.data(bytes);
  }

  receivedEnd(trailers: HeaderList | undefined): void {
    this.requestEnded = true;
    this.#trailers = trailers;
    this.#sink?.end(trailers);
  }

  broken(why: 'client_closed' | 'bad_request'): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#close = true;
    if (!this.requestEnded) sink?.broken(why);
  }

  inform(status: number, headers: HeaderList): void {
    if (this.#request.version === '1.0' || this.headSent || status === CONTINUE) return;
    this.#carrier.writer.head(`${statusLine(status)}${headers.toLines()}\r\n`, false);
    this.#carrier.writer.flush();
  }

  head(head: ResponseHead): void {
    const { status, headers, length, close } = head;
    const { method, version, keepAlive } = this.#request;
    const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
    const isChunked = hasBody && length === undefined && version === '1.1';
    this.#untilClose = hasBody && length === undefined && !isChunked;
    // An answer that ends before its request does is the last: what comes would not be wanted.
    const isEarly = !this.requestEnded && !this.restIsSmall && length !== undefined;
    this.#close ||= close || !keepAlive || this.#untilClose || isEarly;
    this.headSent = true;
    let text = statusLine(status) + headers.toLines();
    if (isChunked) text += 'transfer-encoding: chunked\r\n';
    if (this.#close) text += 'connection: close\r\n\r\n';
    else if (version === '1.0') text += 'connection: keep-alive\r\n\r\n';
    else text += '\r\n';
    this.#carrier.writer.head(text, isChunked);
  }

  body(bytes: Buffer): boolean {
    const { writer } = this.#carrier;
    writer.body(bytes);
    if (writer.ready) return true;
    this.#carrier.blocked();
    return false;
  }

  flush(): void {
    this.#carrier.writer.flush();
  }

  finish(trailers: HeaderList | undefined): void {
    if (this.finished || this.gone) return;
    this.finished = true;
    this.#carrier.writer.end(trailers);
    this.#carrier.writer.flush();
    this.#carrier.responded(this.#close);
  }

  tunnel(head: ResponseHead): Duplex {
    this.headSent = true;
    this.finished = true;
    const { status, headers } = head;
    const end = status === 101 ? 'connection: upgrade\r\nupgrade: websocket\r\n\r\n' : '\r\n';
    this.#carrier.writer.head(statusLine(status) + headers.toLines() + end, false);
    this.#carrier.writer.flush();
    return this.#carrier.detach();
  }

  abort(): void {
    this.#carrier.breakOff(this.#untilClose);
  }
}
