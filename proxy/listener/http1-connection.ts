import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { HeaderList } from '../headers.ts';
import { BodyReader } from '../http1/body.ts';
import { HTTP1_FAILURES, type Http1Failure } from '../http1/failure.ts';
import { HeadReader } from '../http1/head.ts';
import { MessageWriter } from '../http1/writer.ts';
import type { ClientStream } from '../stream.ts';
import { TICK_MS, type Wheel, WheelTimer } from '../wheel.ts';
import type { Clock } from '#platform/clock.ts';
import type { Direction } from '../exchange.ts';
import { type Head, readHead } from './head.ts';
import { Http1Stream } from './http1-stream.ts';
import { HEAD_LIMITS, LIMITS } from './limits.ts';
import type { Checked } from './refusal.ts';
import { rawReply } from './respond.ts';

/** A request whose head could be read, for whoever answers it. */
export interface ReceivedRequest {
  stream: ClientStream;
  head: Checked<Head>;
  /** As the request line has them, for the record of a refused one. */
  method: string;
  target: string;
  protocol: string;
}

export interface Http1Owner {
  readonly direction: Direction;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly keepAliveIdleMs: number;
  readonly draining: boolean;
  request(request: ReceivedRequest, socket: Socket): void;
  /** Bytes that are no request; they were answered. */
  unreadable(socket: Socket, status: number): void;
  /** The connection has begun a request, or has become idle. */
  busy(socket: Socket): void;
  idle(socket: Socket): void;
}

const HEAD = 0;
const BODY = 1;
/** The request is read and its response is not written. */
const RESPONSE = 2;
/** Nothing more is answered; what comes is dropped until the client has closed. */
const LINGER = 3;
const DETACHED = 4;

const STATUS_OF: Readonly<Record<Http1Failure, number>> = {
  bad_start_line: 400,
  bad_version: 505,
  bad_field: 400,
  bad_chunk: 400,
  line_too_long: 414,
  head_too_large: 431,
  too_many_fields: 431,
};
/** A client reads its last answer only if what it still sends is taken off it for a while. */
const LINGER_MS = 2_000;
const LINGER_BYTES_MAX = 1024 * 1024;
/** How often a client that has ended its side is asked whether it is still there. */
const PROBE_MS = 1_000;
/** The second time comes soon: a reset that the first one caused shows only then. */
const PROBE_AGAIN_MS = 100;
const PROBE = 'HTTP/1.1 102 Processing\r\n\r\n';

/** The server's end of one HTTP/1.1 connection: requests one after the other (RFC 9112). */
export class Http1Connection {
  readonly writer: MessageWriter;
  readonly #socket: Socket;
  readonly #owner: Http1Owner;
  readonly #head = new HeadReader('request', HEAD_LIMITS);
  readonly #body: BodyReader;
  readonly #timer = new WheelTimer(() => this.#onTime());
  #state = HEAD;
  #stream: Http1Stream | undefined;
  /** Bytes behind what is being answered. */
  #held: Buffer | undefined;
  #reading = false;
  #paused = false;
  #inputEnded = false;
  #quietSinceMs: number;
  #deadlineMs = 0;
  #lingerBytes = 0;
  #probedBytes = -1;

  constructor(socket: Socket, owner: Http1Owner) {
    this.#socket = socket;
    this.#owner = owner;
    this.writer = new MessageWriter(socket);
    this.#body = new BodyReader(HEAD_LIMITS, (bytes) => this.#stream?.received(bytes));
    this.#quietSinceMs = owner.clock.nowMs();
    // Until its first byte a connection is idle; its head then has to come in time.
    this.#arm(LIMITS.headerReadMs);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#onDrain());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  get isBusy(): boolean {
    return this.#stream !== undefined || this.#head.isUnderWay;
  }

  /** A body has a taker, or is the rest of one whose answer is out. */
  get #isReceiving(): boolean {
    return this.#stream === undefined || this.#stream.isReceiving;
  }

  /** Bytes that were read before this connection knew its protocol. */
  push(chunk: Buffer): void {
    this.#onData(chunk);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  blocked(): void {
    this.#quietSinceMs = this.#owner.clock.nowMs();
  }

  pauseReading(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (!this.#paused && this.#held === undefined) return;
    if (this.#paused) {
      this.#paused = false;
      this.#quietSinceMs = this.#owner.clock.nowMs();
      this.#socket.resume();
    }
    this.#readHeld();
  }

  responded(close: boolean): void {
    const isLast = this.#inputEnded && this.#held === undefined;
    const mustClose = close || this.#owner.draining || isLast;
    if (this.#socket.writableLength === 0) {
      this.#over(mustClose);
      return;
    }
    this.#socket.write('', () => this.#over(mustClose));
  }

  detach(): Duplex {
    this.#state = DETACHED;
    this.#stream = undefined;
    this.#owner.wheel.clear(this.#timer);
    const socket = this.#socket;
    socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('drain');
    socket.pause();
    if (this.#held !== undefined) socket.unshift(this.#held);
    this.#held = undefined;
    return socket;
  }

  #onData(chunk: Buffer): void {
    this.#quietSinceMs = this.#owner.clock.nowMs();
    if (this.#state === LINGER) {
      this.#lingerBytes += chunk.length;
      if (this.#lingerBytes > LINGER_BYTES_MAX) this.#socket.destroy();
      return;
    }
    if (this.#held !== undefined) {
      this.#held = Buffer.concat([this.#held, chunk]);
      return;
    }
    this.#read(chunk);
  }

  /** Reads on as far as it may; what has to wait is held, and nothing more is taken in. */
  #read(chunk: Buffer): void {
    this.#reading = true;
    let at = 0;
    while (at < chunk.length && !this.#socket.destroyed) {
      if (this.#state === HEAD) at = this.#readHead(chunk, at);
      else if (this.#state === BODY && this.#isReceiving) at = this.#readBody(chunk, at);
      else break;
      if (at < 0) break;
    }
    this.#reading = false;
    if (at >= 0 && at < chunk.length && this.#state < LINGER) {
      this.#held = at === 0 ? chunk : chunk.subarray(at);
      this.pauseReading();
    }
  }

  #readHeld(): void {
    const held = this.#held;
    if (this.#reading || held === undefined || this.#paused) return;
    if (this.#state === RESPONSE) return;
    if (this.#state === BODY && !this.#isReceiving) return;
    this.#held = undefined;
    this.#read(held);
    if (this.#held !== undefined) this.pauseReading();
  }

  /** Where the bytes behind go on; -1: nothing more is read here. */
  #readHead(chunk: Buffer, from: number): number {
    const reader = this.#head;
    const wasUnderWay = reader.isUnderWay;
    const state = reader.push(chunk, from);
    if (state === 'more') {
      if (!wasUnderWay) this.#arm(LIMITS.headerReadMs);
      return chunk.length;
    }
    const line = state === 'done' ? reader.requestLine() : state;
    if (typeof line === 'string') return this.#refuse(line);
    const { next } = reader;
    const headers = reader.headers();
    reader.reset();
    const head = readHead(line, headers, this.#owner.direction);
    this.#begin(line, headers, head);
    return next;
  }

  #begin(
    line: { method: string; target: string; version: string },
    headers: HeaderList,
    head: Checked<Head>,
  ): void {
    const { method, target, version } = line;
    const connection = headers.get('connection')?.toLowerCase() ?? '';
    const length = head.ok ? head.value.bodyLength : 0;
    const stream = new Http1Stream(this, {
      ...{ method, version },
      keepAlive:
        version === '1.1' ? !hasToken(connection, 'close') : hasToken(connection, 'keep-alive'),
      bodyLength: length,
      expectsContinue: head.ok && head.value.expectsContinue,
    });
    this.#stream = stream;
    this.#arm(LIMITS.streamIdleMs);
    this.#owner.busy(this.#socket);
    if (head.ok && length === 0) {
      stream.requestEnded = true;
      this.#state = RESPONSE;
    } else {
      // Of a refused request nobody knows where it ends: all that comes belongs to it.
      this.#state = BODY;
      if (length !== 0) this.#body.begin(length);
    }
    const protocol = version === '1.1' ? 'http/1.1' : 'http/1.0';
    this.#owner.request({ stream, head, method, target, protocol }, this.#socket);
  }

  #readBody(chunk: Buffer, from: number): number {
    const state = this.#body.push(chunk, from);
    if (state === 'more') return chunk.length;
    if (state === 'done') {
      const { next, trailers } = this.#body;
      if (this.#state === BODY) this.#state = this.#stream === undefined ? HEAD : RESPONSE;
      this.#stream?.receivedEnd(trailers);
      return next;
    }
    this.#state = LINGER;
    if (this.#stream === undefined) this.#linger();
    else this.#stream.broken('bad_request');
    return -1;
  }

  #refuse(failure: Http1Failure): number {
    const status = STATUS_OF[failure];
    this.#refuseWith(status, HTTP1_FAILURES[failure]);
    return -1;
  }

  #refuseWith(status: number, message: string): void {
    this.#socket.write(rawReply(status, message));
    this.#owner.unreadable(this.#socket, status);
    this.#linger();
  }

  #over(close: boolean): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stream = undefined;
    const { requestEnded, restIsSmall } = stream;
    stream.onOver?.();
    if (this.#socket.destroyed) return;
    this.#owner.idle(this.#socket);
    if (close || this.#state === LINGER || !(requestEnded || restIsSmall)) {
      this.#linger();
      return;
    }
    this.#state = requestEnded ? HEAD : BODY;
    this.#arm(this.#owner.keepAliveIdleMs);
    if (!this.#reading) this.resumeReading();
    if (this.#inputEnded && this.#stream === undefined) this.#linger();
  }

  /** The last answer is out: the client is given a while to read it and to close. */
  #linger(): void {
    this.#state = LINGER;
    this.#held = undefined;
    this.#head.reset();
    this.#socket.end();
    if (this.#inputEnded) return;
    this.#arm(LINGER_MS);
    if (this.#paused) this.resumeReading();
  }

  #onEnd(): void {
    this.#inputEnded = true;
    const stream = this.#stream;
    if (stream === undefined) {
      this.#socket.end();
      return;
    }
    if (!stream.requestEnded) {
      if (this.#held === undefined) {
        this.#state = LINGER;
        stream.broken('client_closed');
        this.#socket.destroy();
      }
      return;
    }
    // It may have closed its side only (RFC 9112 section 9.6): asked, a client that left resets.
    this.#arm(PROBE_MS);
  }

  /** In the middle of a response its own bytes ask; one that stands still meanwhile is given up. */
  #probe(stream: Http1Stream): void {
    const { bytesWritten } = this.#socket;
    if (stream.headSent && bytesWritten === this.#probedBytes) {
      this.#socket.destroy();
      return;
    }
    const isFirst = this.#probedBytes < 0;
    this.#probedBytes = bytesWritten;
    if (!stream.headSent && stream.version !== '1.0') {
      this.writer.head(PROBE, false);
      this.writer.flush();
    }
    this.#arm(isFirst ? PROBE_AGAIN_MS : PROBE_MS);
  }

  #onDrain(): void {
    this.#quietSinceMs = this.#owner.clock.nowMs();
    this.#stream?.onDrain?.();
  }

  #onClose(): void {
    this.#owner.wheel.clear(this.#timer);
    const stream = this.#stream;
    this.#stream = undefined;
    this.#held = undefined;
    if (stream === undefined) return;
    stream.gone = true;
    stream.onGone?.();
    stream.onOver?.();
  }

  #arm(delayMs: number): void {
    const { clock, wheel } = this.#owner;
    const nowMs = clock.nowMs();
    this.#deadlineMs = nowMs + delayMs;
    const isSooner = !this.#timer.isSet || this.#timer.dueTick * TICK_MS > this.#deadlineMs;
    if (isSooner) wheel.set(this.#timer, delayMs);
  }

  #onTime(): void {
    const { clock, wheel } = this.#owner;
    const leftMs = this.#deadlineMs - clock.nowMs();
    if (leftMs > 0) {
      wheel.set(this.#timer, leftMs);
      return;
    }
    const stream = this.#stream;
    if (stream === undefined) {
      if (this.#state === HEAD && this.#head.isUnderWay) {
        this.#refuseWith(408, 'the request head did not come in time');
      } else this.#socket.destroy();
    } else if (this.#inputEnded) this.#probe(stream);
    else this.#checkStall(stream);
  }

  /** A client that neither sends nor takes what it should is let go; a slow service is not its. */
  #checkStall(stream: Http1Stream): void {
    const waitsForClient =
      (!stream.requestEnded && stream.isReceiving && !this.#paused) ||
      this.#socket.writableNeedDrain;
    const quietMs = this.#owner.clock.nowMs() - this.#quietSinceMs;
    if (waitsForClient && quietMs >= LIMITS.streamIdleMs) this.#socket.destroy();
    else this.#arm(waitsForClient ? LIMITS.streamIdleMs - quietMs : LIMITS.streamIdleMs);
  }
}

function hasToken(list: string, token: string): boolean {
  if (list === '' || list === token) return list === token;
  return list.split(',').some((each) => each.trim() === token);
}
