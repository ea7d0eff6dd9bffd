import type { ClientHttp2Stream } from 'node:http2';
import type { HeaderList } from '../headers.ts';
import { CONTENT_LENGTH } from '../http1/body.ts';
import { readHttp2Fields, toHttp2Fields } from '../listener/http2-head.ts';
import {
  NGHTTP2_CANCEL,
  NGHTTP2_COMPRESSION_ERROR,
  NGHTTP2_FLAG_END_STREAM,
  NGHTTP2_FLOW_CONTROL_ERROR,
  NGHTTP2_FRAME_SIZE_ERROR,
  NGHTTP2_NO_ERROR,
  NGHTTP2_PROTOCOL_ERROR,
} from '../node-http2.ts';
import { type Http2ResponseHead, asHandshake } from './http2-fields.ts';
import { readHttp2Response, toHttp2Request } from './http2-fields.ts';
import type { Http2Session } from './http2-session.ts';
import type { UpstreamEvents, UpstreamRequest, UpstreamStream } from './upstream.ts';

/** Codes by which either side says that the other broke the rules. */
const BROKEN_RULES: ReadonlySet<number | undefined> = new Set([
  NGHTTP2_PROTOCOL_ERROR,
  NGHTTP2_FLOW_CONTROL_ERROR,
  NGHTTP2_FRAME_SIZE_ERROR,
  NGHTTP2_COMPRESSION_ERROR,
]);

const NO_WEBSOCKET = 'the service speaks HTTP/2 and offers no WebSocket there (RFC 8441)';

/** One request and its response as a stream of an HTTP/2 connection. */
export class Http2Upstream implements UpstreamStream {
  readonly #session: Http2Session;
  readonly reused: boolean;
  #stream: ClientHttp2Stream | undefined;
  #events: UpstreamEvents | undefined;
  #method = '';
  #webSocketKey: string | undefined;
  #headSeen = false;
  /** Bytes of the response's body that are still to come; undefined: nobody said how many. */
  #left: number | undefined;
  #trailers: HeaderList | undefined;
  #requestTrailers: HeaderList | undefined;
  #endsPiece = false;
  refused = false;

  constructor(session: Http2Session, reused: boolean) {
    this.#session = session;
    this.reused = reused;
  }

  begin(events: UpstreamEvents): void {
    this.#events = events;
  }

  send(request: UpstreamRequest): void {
    const { method, headers, hasBody, upgrade } = request;
    this.#method = method;
    if (upgrade !== undefined) {
      if (!this.#session.offersWebSocket) {
        this.#fail('upstream_invalid', NO_WEBSOCKET, NO_WEBSOCKET);
        return;
      }
      this.#webSocketKey = headers.get('sec-websocket-key') ?? '';
    }
    const stream = this.#session.open(toHttp2Request(request, this.#session.scheme), {
      endStream: !hasBody && upgrade === undefined,
      // Also where none can come: `close` would else end the body in order before it resets.
      waitForTrailers: hasBody,
    });
    this.#stream = stream;
    // Each error is followed by `close`, which says what became of the stream.
    stream.on('error', ignore);
    stream.on('headers', (_headers, _flags, raw?: readonly string[]) => this.#onInterim(raw));
    stream.on('response', (_headers, flags: number, raw?: readonly string[]) =>
      this.#onHead(raw, flags),
    );
    stream.on('trailers', (_headers, _flags, raw?: readonly string[]) => this.#onTrailers(raw));
    stream.on('drain', () => this.#events?.drain());
    stream.on('wantTrailers', () => {
      if (!stream.destroyed) stream.sendTrailers(toHttp2Fields(this.#requestTrailers));
    });
    stream.on('close', () => this.#onClose());
  }

  body(bytes: Buffer): boolean {
    const stream = this.#stream;
    if (stream === undefined || !isWritable(stream)) return true;
    return stream.write(bytes);
  }

  finish(trailers: HeaderList | undefined): void {
    const stream = this.#stream;
    if (stream === undefined || !isWritable(stream) || this.#webSocketKey !== undefined) return;
    this.#requestTrailers = trailers;
    stream.end();
  }

  /** Node gathers what is written in one turn. */
  flush(): void {}

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    if (this.#headSeen) this.#stream?.resume();
  }

  abort(): void {
    this.#events = undefined;
    const stream = this.#stream;
    if (stream === undefined || stream.closed || stream.destroyed) return;
    // What it still holds is read by nobody, and would keep the stream from its end.
    stream.resume();
    setImmediate(cancel, stream);
  }

  #onInterim(raw: readonly string[] = []): void {
    const head = readHttp2Response(raw);
    if (head === undefined || head.status === 101) this.#invalid('an interim head is not valid');
    else this.#events?.inform(head.status, head.headers);
  }

  #onHead(raw: readonly string[] = [], flags: number): void {
    const events = this.#events;
    const stream = this.#stream;
    const head = readHttp2Response(raw);
    if (events === undefined || stream === undefined) return;
    if (head === undefined || head.status < 200 || head.status > 599) {
      this.#invalid('the response head is not valid');
      return;
    }
    this.#headSeen = true;
    if (this.#webSocketKey !== undefined && head.status < 300) {
      this.#tunnel(head, stream, events, this.#webSocketKey);
      return;
    }
    // A tunnel that was refused: nothing of it will be sent.
    if (this.#webSocketKey !== undefined) stream.end();
    const length = this.#lengthOf(head, (flags & NGHTTP2_FLAG_END_STREAM) !== 0);
    if (length === null) {
      this.#invalid('the content length is not a number');
      return;
    }
    this.#left = length;
    events.head(head.status, head.headers, length);
    if (this.#events === undefined) return;
    stream.on('data', (bytes: Buffer) => this.#onData(bytes));
    stream.on('end', () => this.#onEnd());
    this.#endPieceSoon();
  }

  /** Bytes, undefined when nothing is said of them, null when what is said is no number. */
  #lengthOf({ status, headers }: Http2ResponseHead, isEnd: boolean): number | undefined | null {
    const written = headers.get('content-length');
    if (written !== undefined && !CONTENT_LENGTH.test(written)) return null;
    if (isEnd || this.#method === 'HEAD' || status === 204 || status === 304) return 0;
    return written === undefined ? undefined : Number(written);
  }

  #tunnel(
    { headers }: Http2ResponseHead,
    stream: ClientHttp2Stream,
    events: UpstreamEvents,
    key: string,
  ): void {
    this.#events = undefined;
    stream.pause();
    events.head(101, asHandshake(headers, key), 0);
    events.tunnel(stream);
  }

  #onData(bytes: Buffer): void {
    if (this.#left !== undefined) this.#left -= bytes.length;
    this.#events?.response(bytes);
    this.#endPieceSoon();
  }

  /** What comes in one turn goes out in one. */
  #endPieceSoon(): void {
    if (this.#endsPiece) return;
    this.#endsPiece = true;
    process.nextTick(endPiece, this);
  }

  pieceEnded(): void {
    this.#endsPiece = false;
    this.#events?.pieceEnd();
  }

  #onTrailers(raw: readonly string[] = []): void {
    const trailers = readHttp2Fields(raw);
    if (trailers === undefined) this.#invalid('a trailer field is not valid');
    else this.#trailers = trailers;
  }

  #onEnd(): void {
    const stream = this.#stream;
    const events = this.#events;
    // Node ends a stream that was reset, too: `close` follows.
    if (events === undefined || stream === undefined || stream.rstCode !== NGHTTP2_NO_ERROR) return;
    // Servers of node send the reset in place of the end now and then, behind the whole body.
    if (this.#left !== 0 && this.#session.cutOff(stream)) return;
    this.#events = undefined;
    events.responseEnd(this.#trailers);
  }

  #onClose(): void {
    if (this.#events === undefined) return;
    const stream = this.#stream;
    const code = stream?.rstCode;
    this.refused = stream !== undefined && !this.#headSeen && this.#session.refused(stream);
    const isInvalid = BROKEN_RULES.has(code);
    const what = isInvalid ? 'the rules of HTTP/2 were broken' : 'the stream was reset';
    this.#fail(isInvalid ? 'upstream_invalid' : 'upstream_reset', `${what} (${code ?? 'no code'})`);
  }

  #invalid(message: string): void {
    const stream = this.#stream;
    this.#fail('upstream_invalid', message);
    if (stream !== undefined && !stream.destroyed) stream.close(NGHTTP2_PROTOCOL_ERROR);
  }

  #fail(reason: 'upstream_reset' | 'upstream_invalid', message: string, told?: string): void {
    const events = this.#events;
    this.#events = undefined;
    events?.failed(reason, this.#headSeen, message, told);
  }
}

function isWritable(stream: ClientHttp2Stream): boolean {
  return !stream.closed && !stream.destroyed && !stream.writableEnded;
}

/**
 * Not while the session reads: node keeps a CANCEL of such a moment back until it has sent what is
 * there, and ends the process in an assertion where that is the place of trailers.
 */
function cancel(stream: ClientHttp2Stream): void {
  if (!stream.closed && !stream.destroyed) stream.close(NGHTTP2_CANCEL);
}

function endPiece(upstream: Http2Upstream): void {
  upstream.pieceEnded();
}

function ignore(): void {}
