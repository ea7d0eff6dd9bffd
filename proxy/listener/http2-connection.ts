import type { HeadLimits } from '../http1/head-scanner.ts';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import {
  NGHTTP2_ENHANCE_YOUR_CALM,
  NGHTTP2_PROTOCOL_ERROR,
  NGHTTP2_REFUSED_STREAM,
  http2,
} from '../node-http2.ts';
import { WheelTimer } from '../wheel.ts';
import type { Http1Owner } from './http1-connection.ts';
import { readHttp2Head } from './http2-head.ts';
import { Http2Stream } from './http2-stream.ts';
import { HTTP2_LIMITS, LIMITS } from './limits.ts';
import type { PortLimits } from './settings.ts';

const PROTOCOL = 'http/2';
const REFUSALS = /^ERR_HTTP2_(?:ERROR$|TOO_MANY)/;

const OPTIONS = {
  maxSendHeaderBlockLength: 2 * LIMITS.headerBytes,
  maxSessionMemory: HTTP2_LIMITS.memoryMb,
  maxSessionInvalidFrames: HTTP2_LIMITS.invalidFrames,
  maxSessionRejectedStreams: HTTP2_LIMITS.rejectedStreams,
  maxSettings: HTTP2_LIMITS.settingsEntries,
  maxOutstandingPings: 10,
  streamResetBurst: HTTP2_LIMITS.resetBurst,
  streamResetRate: HTTP2_LIMITS.resetsPerSecond,
  strictFieldWhitespaceValidation: true,
  // What an upstream repeats is passed on as it is; a request's own are checked with its head.
  strictSingleValueFields: false,
};

function optionsOf({ head, streams }: PortLimits) {
  return {
    ...OPTIONS,
    settings: {
      maxConcurrentStreams: streams,
      initialWindowSize: HTTP2_LIMITS.streamWindowBytes,
      maxHeaderListSize: head.headBytes,
      enablePush: false,
      enableConnectProtocol: true,
    },
    maxHeaderListPairs: Math.max(HTTP2_LIMITS.headerLines, 2 * head.fields),
  };
}

interface Flood {
  count: number;
  readonly max: number;
}

/**
 * The server's end of one HTTP/2 connection (RFC 9113), on a socket whose first bytes are the
 * preface or whose handshake chose h2. Frames and compression are node's; limits are ours where
 * node has none. Priorities are ignored.
 */
export class Http2Connection {
  readonly #socket: Socket;
  readonly #owner: Http1Owner;
  readonly #limits: PortLimits;
  readonly #session: ServerHttp2Session;
  readonly #streams = new Set<Http2Stream>();
  readonly #timer = new WheelTimer(() => this.#onTime());
  readonly #floods = {
    reset: { count: 0, max: HTTP2_LIMITS.resets },
    ping: { count: 0, max: HTTP2_LIMITS.pings },
    settings: { count: 0, max: HTTP2_LIMITS.settings },
  };
  #windowEndsMs = 0;
  /** Streams of which node has told since the last look, and the last one it had read by then. */
  #seen = 0;
  #lastStreamId = 0;
  #dueMs = 0;
  /** Since when no stream is open. */
  #idleSinceMs: number;
  #hasServed = false;
  #refused = false;
  #isClosing = false;

  constructor(socket: Socket, owner: Http1Owner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#limits = owner.settings.limits;
    this.#idleSinceMs = owner.clock.nowMs();
    const session = http2().performServerHandshake(socket, optionsOf(this.#limits));
    this.#session = session;
    session.setLocalWindowSize(HTTP2_LIMITS.connectionWindowBytes);
    session.on('stream', (stream, _headers, _flags, raw: readonly string[]) => {
      this.#onStream(stream, raw);
    });
    session.on('ping', () => this.#count(this.#floods.ping));
    session.on('remoteSettings', () => this.#count(this.#floods.settings));
    session.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    socket.once('close', () => owner.wheel.clear(this.#timer));
    // The client sends no more: what it has not got by now it will hardly read.
    socket.on('end', () => this.#onEnd());
    this.#arm(this.#limits.keepAliveIdleMs);
    if (owner.draining) this.drain();
  }

  get headLimits(): HeadLimits {
    return this.#limits.head;
  }

  nowMs(): number {
    return this.#owner.clock.nowMs();
  }

  /**
   * Section 6.8: a GOAWAY with the last stream that is answered, and the session ends with it; what
   * was on its way behind that stream a client may send again anywhere. Node has no notice to send
   * before that: after a GOAWAY of the highest number nghttp2 lets new streams hang, and a frame
   * written past the session, to a socket that is full, ends the process in an assertion.
   */
  drain(): void {
    if (this.#isClosing || this.#session.destroyed) return;
    this.#isClosing = true;
    this.#session.close();
    if (this.#streams.size === 0) this.#arm(HTTP2_LIMITS.lingerMs);
  }

  closed(stream: Http2Stream): void {
    if (!this.#streams.delete(stream)) return;
    this.#owner.idle(this.#socket);
    if (this.#streams.size === 0) {
      this.#idleSinceMs = this.nowMs();
      if (!this.#isClosing) this.#arm(this.#limits.keepAliveIdleMs);
      else this.#arm(HTTP2_LIMITS.lingerMs);
    }
    // Whoever caused it (a reset, or a frame that made us reset): it cost a request.
    if (stream.gone && !stream.aborted) this.#count(this.#floods.reset);
  }

  #onStream(stream: ServerHttp2Stream, raw: readonly string[]): void {
    this.#seen++;
    // Each error is followed by `close`, which says what became of the stream.
    stream.on('error', () => undefined);
    this.#hasServed = true;
    if (stream.destroyed || stream.closed) {
      this.#onLeft(stream, raw);
      return;
    }
    if (this.#session.destroyed) {
      stream.close(NGHTTP2_REFUSED_STREAM);
      return;
    }
    const { endAfterHeaders } = stream;
    const read = readHttp2Head(raw, endAfterHeaders, this.#owner.settings);
    const { head, method, target } = read;
    const own = new Http2Stream(this, stream, {
      method,
      ended: endAfterHeaders,
      expectsContinue: head.ok && head.value.expectsContinue,
      idleMs: head.ok ? head.value.rules.streamIdleMs : LIMITS.streamIdleMs,
    });
    this.#streams.add(own);
    const isSooner = this.nowMs() + own.idleMs < this.#dueMs;
    if (this.#streams.size === 1 || isSooner) this.#arm(own.idleMs);
    this.#owner.busy(this.#socket);
    this.#owner.request({ stream: own, head, method, target, protocol: PROTOCOL }, this.#socket);
  }

  /**
   * Opened and reset before node told of it, as what comes in one piece with the preface is.
   * Nothing is begun for it, but it was a request, and node has its fields all the same. Who sends
   * more of these than the limit loses the connection, and the rest of that piece is in its one
   * record: a flood is to write no more rows than it may begin streams.
   */
  #onLeft(stream: ServerHttp2Stream, raw: readonly string[]): void {
    this.#count(this.#floods.reset);
    if (this.#refused) return;
    if (stream.rstCode === NGHTTP2_PROTOCOL_ERROR) {
      this.#owner.unreadable(this.#socket, 'bad_frames');
      return;
    }
    const read = readHttp2Head(raw, stream.endAfterHeaders, this.#owner.settings);
    this.#owner.left({ ...read, protocol: PROTOCOL }, this.#socket);
  }

  #count(flood: Flood): void {
    const nowMs = this.nowMs();
    if (nowMs >= this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + HTTP2_LIMITS.floodWindowMs;
      for (const each of Object.values(this.#floods)) each.count = 0;
    }
    flood.count++;
    if (flood.count <= flood.max || this.#session.destroyed) return;
    this.#end(NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /**
   * Ends the session with all its streams. A socket that is closed with bytes unread is reset, and
   * the GOAWAY with it: what comes is dropped for a while, which node does after `close`.
   */
  #end(code: number): void {
    this.#refuse();
    const session = this.#session;
    let lingerBytes = 0;
    this.#socket.on('data', (chunk: Buffer) => {
      lingerBytes += chunk.length;
      if (lingerBytes > HTTP2_LIMITS.lingerBytes) this.#socket.destroy();
    });
    session.goaway(code);
    session.close();
    if (!session.destroyed) session.destroy(new Error('refused'), code);
    this.#arm(HTTP2_LIMITS.lingerMs);
  }

  /** What came was no use of HTTP/2: it is counted as one refused request. */
  #refuse(): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#owner.unreadable(this.#socket, 'bad_frames');
  }

  /**
   * Of nghttp2, or of node's own counts; a connection that broke is nobody's bad request. Where
   * there have been streams, these have records, and it is none either: clients of gRPC in Go leave
   * with a GOAWAY that nghttp2 does not take (its last stream is none of the server's). From one
   * that leaves so without any call garbage cannot be told: node says the same of both.
   */
  #onError(error: NodeJS.ErrnoException): void {
    if (!this.#hasServed && REFUSALS.test(error.code ?? '')) this.#refuse();
    this.#arm(HTTP2_LIMITS.lingerMs);
  }

  #onEnd(): void {
    if (!this.#session.destroyed) this.#session.destroy();
    this.#socket.destroy();
  }

  #arm(delayMs: number): void {
    this.#dueMs = this.nowMs() + delayMs;
    this.#owner.wheel.set(this.#timer, Math.min(delayMs, HTTP2_LIMITS.unseenCheckMs));
  }

  #onTime(): void {
    if (this.#session.destroyed) this.#socket.destroy();
    else if (this.#countUnseen() > HTTP2_LIMITS.unseen) this.#end(NGHTTP2_ENHANCE_YOUR_CALM);
    else this.#letGo();
  }

  /** Node resets a stream whose fields unpack to too much, and tells nobody: an HPACK bomb. */
  #countUnseen(): number {
    const id = this.#session.state.lastProcStreamID ?? 0;
    const opened = Math.ceil((id - this.#lastStreamId) / 2);
    const unseen = opened - this.#seen;
    this.#lastStreamId = id;
    this.#seen = 0;
    return unseen;
  }

  /** Streams whose client stands still, and connections that nobody uses. */
  #letGo(): void {
    const nowMs = this.nowMs();
    let dueMs = nowMs + LIMITS.streamIdleMs;
    for (const stream of this.#streams) {
      const { waitsSinceMs = nowMs, idleMs } = stream;
      if (nowMs - waitsSinceMs >= idleMs) stream.stalled();
      else dueMs = Math.min(dueMs, waitsSinceMs + idleMs);
    }
    if (this.#streams.size === 0) {
      dueMs = this.#idleSinceMs + this.#limits.keepAliveIdleMs;
      if (nowMs >= dueMs) {
        this.drain();
        dueMs = nowMs + HTTP2_LIMITS.lingerMs;
      }
    }
    this.#arm(dueMs - nowMs);
  }
}
