import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { FIELD, type HeaderList } from '../headers.ts';
import type { HeadLimits } from '../http1/head-scanner.ts';
import { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } from '../node-http2.ts';
import type { BodySink, ClientStream, ResponseHead } from '../stream.ts';
import { readHttp2Fields, toHttp2Fields } from './http2-head.ts';

/** What a stream asks of the connection that carries it. */
export interface Http2Carrier {
  /** Of trailers, too. */
  readonly headLimits: HeadLimits;
  nowMs(): number;
  /** The stream is closed, in whatever way. */
  closed(stream: Http2Stream): void;
}

export interface Http2Request {
  method: string;
  /** END_STREAM came with the head. */
  ended: boolean;
  expectsContinue: boolean;
  /** In which a body or a tunnel may stand still. */
  idleMs: number;
}

const CONTINUE = 100;
const CONNECTED = 200;
const SENT_POLL_MS = 10;
/** Of HTTP/1.1's handshake: an extended CONNECT has no use for it (RFC 8441 section 5). */
const OF_HANDSHAKE = new Set(['sec-websocket-accept', 'content-length']);
/** Resets a stream with INTERNAL_ERROR. */
const BROKEN_OFF = new Error('the response was broken off');

/** One request and its response on an HTTP/2 connection. */
export class Http2Stream implements ClientStream {
  readonly #carrier: Http2Carrier;
  readonly #stream: ServerHttp2Stream;
  readonly #isHead: boolean;
  readonly idleMs: number;
  #sink: BodySink | undefined;
  #trailers: HeaderList | undefined;
  #responseTrailers: HeaderList | undefined;
  #wantsTrailers = false;
  #expectsContinue: boolean;
  #paused = false;
  /** It was full once: what tells of room is heard. */
  #hearsDrain = false;
  #tunneled = false;
  #endsEarly = false;
  #quietSinceMs: number;
  gone = false;
  requestEnded: boolean;
  headSent = false;
  finished = false;
  /** We broke it off: no fault of the client. */
  aborted = false;
  onGone: (() => void) | undefined;
  onDrain: (() => void) | undefined;
  onOver: (() => void) | undefined;

  constructor(carrier: Http2Carrier, stream: ServerHttp2Stream, request: Http2Request) {
    this.#carrier = carrier;
    this.#stream = stream;
    this.#isHead = request.method === 'HEAD';
    this.idleMs = request.idleMs;
    this.#expectsContinue = request.expectsContinue;
    this.requestEnded = request.ended;
    this.#quietSinceMs = carrier.nowMs();
    stream.on('aborted', () => this.#onGone());
    stream.on('close', () => this.#onClose());
    // Listeners cost a good part of what a stream does: of a request without a body nothing comes.
    if (request.ended) return;
    stream.on('trailers', (_headers, _flags, raw?: readonly string[]) => this.#onTrailers(raw));
    // An empty body may end before anybody receives it.
    stream.on('end', () => this.#onEnd());
    stream.on('finish', () => this.#endEarly());
  }

  get readsTrailers(): boolean {
    return true;
  }

  /** Since when the client owes something, on the monotonic clock; undefined: it owes nothing. */
  get waitsSinceMs(): number | undefined {
    if (this.#tunneled) return undefined;
    const waitsForBody = !this.requestEnded && this.#sink !== undefined && !this.#paused;
    const waitsForRoom = this.#stream.writableNeedDrain || this.finished;
    return waitsForBody || waitsForRoom ? this.#quietSinceMs : undefined;
  }

  receive(sink: BodySink): void {
    this.#sink = sink;
    if (this.requestEnded) {
      sink.end(this.#trailers);
      return;
    }
    if (this.#expectsContinue && !this.headSent && this.#isOpen) {
      this.#stream.additionalHeaders({ ':status': CONTINUE });
    }
    this.#expectsContinue = false;
    this.#quietSinceMs = this.#carrier.nowMs();
    this.#stream.on('data', (bytes: Buffer) => this.#onData(bytes));
    if (!this.#paused) this.#stream.resume();
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#quietSinceMs = this.#carrier.nowMs();
    this.#stream.resume();
  }

  drop(): void {
    this.#sink = undefined;
    this.#paused = false;
    // Node itself reads to its end what ended with the head, and after the answer: a stream whose
    // request was read before is closed while it writes, which makes an error of no use to anybody.
    if (!this.requestEnded) this.#stream.resume();
  }

  inform(status: number, headers: HeaderList): void {
    if (this.headSent || status === CONTINUE || !this.#isOpen) return;
    this.#stream.additionalHeaders({ ...toHttp2Fields(headers), ':status': status });
  }

  head(head: ResponseHead): void {
    const { status, headers, length } = head;
    this.headSent = true;
    if (!this.#isOpen) return;
    const hasBody = !this.#isHead && status !== 204 && status !== 304 && length !== 0;
    this.#wantsTrailers = hasBody && length === undefined;
    if (this.#wantsTrailers) this.#stream.on('wantTrailers', () => this.#onWantTrailers());
    this.#stream.respond(toRaw(status, headers, undefined), {
      endStream: !hasBody,
      waitForTrailers: this.#wantsTrailers,
    });
  }

  body(bytes: Buffer): boolean {
    if (!this.#isOpen || this.#stream.writableEnded) return true;
    // While the answer moves, a client that sends no more of its request need not.
    this.#quietSinceMs = this.#carrier.nowMs();
    if (this.#stream.write(bytes)) return true;
    if (!this.#hearsDrain) this.#stream.on('drain', () => this.#onDrain());
    this.#hearsDrain = true;
    return false;
  }

  /** Node gathers what is written in one turn. */
  flush(): void {}

  finish(trailers: HeaderList | undefined): void {
    if (this.finished || this.gone) return;
    this.finished = true;
    this.#quietSinceMs = this.#carrier.nowMs();
    this.#responseTrailers = trailers;
    this.#stream.end();
    if (this.#stream.writableFinished) this.#endEarly();
  }

  tunnel(head: ResponseHead): Duplex {
    this.headSent = true;
    this.finished = true;
    this.#tunneled = true;
    // Whoever has the tunnel looks after its end, and calls `onOver`.
    this.onGone = undefined;
    if (this.#isOpen) this.#stream.respond(toRaw(CONNECTED, head.headers, OF_HANDSHAKE));
    return this.#stream;
  }

  abort(): void {
    this.aborted = true;
    this.#breakOff();
  }

  /** The client neither sends nor takes what it should. */
  stalled(): void {
    this.#breakOff();
  }

  /** Node's `close` ends a body in order before it resets: half of one would look whole. */
  #breakOff(): void {
    if (this.#stream.destroyed) return;
    if (this.headSent) this.#stream.destroy(BROKEN_OFF);
    else this.#stream.close(NGHTTP2_CANCEL);
  }

  get #isOpen(): boolean {
    return !this.gone && !this.#stream.closed && !this.#stream.destroyed;
  }

  #onData(bytes: Buffer): void {
    this.#quietSinceMs = this.#carrier.nowMs();
    this.#sink?.data(bytes);
  }

  #onTrailers(raw: readonly string[] | undefined): void {
    const trailers = readHttp2Fields(raw ?? [], this.#carrier.headLimits);
    if (trailers !== undefined) {
      this.#trailers = trailers;
      return;
    }
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.broken('bad_request');
    if (this.#isOpen && !this.headSent) this.#stream.close(NGHTTP2_PROTOCOL_ERROR);
  }

  #onEnd(): void {
    // Node ends a stream that was reset, too: that is no end of a body.
    if (this.gone || this.requestEnded || this.#stream.aborted) return;
    this.requestEnded = true;
    this.#sink?.end(this.#trailers);
  }

  #onDrain(): void {
    this.#quietSinceMs = this.#carrier.nowMs();
    if (!this.#tunneled) this.onDrain?.();
  }

  #onWantTrailers(): void {
    const fields = toHttp2Fields(this.#responseTrailers);
    if (!this.#stream.destroyed) this.#stream.sendTrailers(fields);
    this.#wantsTrailers = false;
    this.#endEarly();
  }

  /** Section 8.1: the answer is complete, and nobody wants the rest of the request. */
  #endEarly(): void {
    const isAnswered = this.finished && !this.#tunneled && !this.#wantsTrailers;
    if (!isAnswered || this.requestEnded || this.#endsEarly) return;
    this.#endsEarly = true;
    setImmediate(() => this.#resetWhenSent());
  }

  /** A reset overtakes what nghttp2 has not sent, END_STREAM too: it has to wait for that. */
  #resetWhenSent(): void {
    if (!this.#isOpen) return;
    if (this.#stream.state.localClose === 1) this.#stream.close(NGHTTP2_NO_ERROR);
    else setTimeout(() => this.#resetWhenSent(), SENT_POLL_MS);
  }

  #onGone(): void {
    if (this.gone || this.finished) return;
    this.gone = true;
    const sink = this.#sink;
    this.#sink = undefined;
    if (this.#stream.rstCode === NGHTTP2_PROTOCOL_ERROR && !this.requestEnded) {
      sink?.broken('bad_request');
    }
    this.onGone?.();
  }

  #onClose(): void {
    const isComplete = this.finished && this.#stream.rstCode === NGHTTP2_NO_ERROR;
    if (!isComplete && !this.#tunneled) {
      this.finished = false;
      this.#onGone();
    }
    this.#carrier.closed(this);
    if (!this.#tunneled) this.onOver?.();
  }
}

function toRaw(
  status: number,
  headers: HeaderList,
  except: ReadonlySet<string> | undefined,
): string[] {
  const raw = [':status', String(status)];
  headers.forEach((name, value, _written, bits) => {
    if ((bits & FIELD.hop) === 0 && except?.has(name) !== true) raw.push(name, value);
  });
  return raw;
}
