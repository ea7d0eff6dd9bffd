import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { HeaderList } from '../headers.ts';
import { UNTIL_CLOSE } from '../http1/body.ts';
import type { Http1Failure } from '../http1/failure.ts';
import type { RequestLine } from '../http1/head.ts';
import { keepsAlive } from '../http1/keep-alive.ts';
import { MessageWriter } from '../http1/writer.ts';
import { TICK_MS, WheelTimer } from '../wheel.ts';
import { type Cause, ERRORS } from '../errors.ts';
import { readHead } from './head.ts';
import { Http1Input, type Http1InputOwner } from './http1-input.ts';
import type { Http1Owner } from './http1-owner.ts';
import { type Http1Carrier, Http1Stream } from './http1-stream.ts';
import { resetConnection } from './inside.ts';
import { LIMITS } from './limits.ts';
import type { ReceivedRequest } from './received-request.ts';
import { rawReply } from './respond.ts';
import type { PortLimits } from './settings.ts';

export type { Http1Owner };

/** A client reads its last answer only if what it still sends is taken off it for a while. */
const LINGER_MS = 2_000;
const LINGER_BYTES_MAX = 1024 * 1024;
/** How often a client that has ended its side is asked whether it is still there. */
const PROBE_MS = 1_000;
/** The second time comes soon: a reset that the first one caused shows only then. */
const PROBE_AGAIN_MS = 100;
const PROBE = 'HTTP/1.1 102 Processing\r\n\r\n';

/** The server's end of one HTTP/1.1 connection: requests one after the other (RFC 9112). */
export class Http1Connection implements Http1Carrier, Http1InputOwner {
  readonly writer: MessageWriter;
  readonly #socket: Socket;
  readonly #owner: Http1Owner;
  readonly #limits: PortLimits;
  readonly #input: Http1Input;
  readonly #timer = new WheelTimer(() => this.#onTime());
  #stream: Http1Stream | undefined;
  #received: ReceivedRequest | undefined;
  /** Nothing more is answered; what comes is dropped until the client has closed. */
  #isLingering = false;
  #inputEnded = false;
  #quietSinceMs: number;
  #deadlineMs = 0;
  #streamIdleMs: number = LIMITS.streamIdleMs;
  #lingerBytes = 0;
  #probedBytes = -1;

  constructor(socket: Socket, owner: Http1Owner) {
    this.#socket = socket;
    this.#owner = owner;
    this.writer = new MessageWriter(socket);
    this.#limits = owner.settings.limits;
    this.#input = new Http1Input(socket, this, this.#limits.head);
    this.#quietSinceMs = owner.clock.nowMs();
    // A connection on which nothing is asked is not worth more time than a head.
    this.#arm(this.#limits.headerReadMs);
    socket.on('data', (chunk: Buffer) => this.push(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#onDrain());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  push(chunk: Buffer): void {
    this.#quietSinceMs = this.#owner.clock.nowMs();
    if (!this.#isLingering) {
      this.#input.push(chunk);
      return;
    }
    this.#lingerBytes += chunk.length;
    if (this.#lingerBytes > LINGER_BYTES_MAX) this.#socket.destroy();
  }

  // What its stream asks of it.

  breakOff(byReset: boolean): void {
    if (byReset) resetConnection(this.#socket);
    else this.#destroy();
  }

  blocked(): void {
    this.#quietSinceMs = this.#owner.clock.nowMs();
  }

  pauseReading(): void {
    this.#input.pause();
  }

  resumeReading(): void {
    if (this.#input.isPaused) this.#quietSinceMs = this.#owner.clock.nowMs();
    this.#input.resume();
  }

  responded(close: boolean): void {
    const isLast = this.#inputEnded && !this.#input.isHolding;
    // Only what the head announced: in a drain the grace of idle connections ends the others.
    const mustClose = close || isLast;
    if (this.#socket.writableLength === 0) {
      this.#over(mustClose);
      return;
    }
    this.writer.writeHeld();
    this.#socket.write('', () => this.#over(mustClose));
  }

  detach(): Duplex {
    this.writer.writeHeld();
    this.#stream = undefined;
    this.#owner.wheel.clear(this.#timer);
    const socket = this.#socket;
    socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('drain');
    socket.pause();
    const early = this.#input.stop();
    if (early !== undefined) socket.unshift(early);
    return socket;
  }

  // What its input tells it.

  /** A body has a taker, or is the rest of one whose answer is out. */
  get isReceiving(): boolean {
    return this.#stream === undefined || this.#stream.isReceiving;
  }

  headBegun(): void {
    this.#arm(this.#limits.headerReadMs);
  }

  bodyLengthOf(line: RequestLine, headers: HeaderList): number {
    const { method, target, version } = line;
    const head = readHead(line, headers, this.#owner.settings, this.#owner.scheme);
    if (head.ok) this.#streamIdleMs = head.value.rules.streamIdleMs;
    this.#input.handsBack = head.ok && method === 'CONNECT';
    const bodyLength = head.ok ? head.value.bodyLength : UNTIL_CLOSE;
    const expectsContinue = head.ok && head.value.expectsContinue;
    const keepAlive = keepsAlive(version, headers.get('connection'));
    const request = { method, version, bodyLength, keepAlive, expectsContinue };
    const stream = new Http1Stream(this, request);
    stream.requestEnded = bodyLength === 0;
    this.#stream = stream;
    const protocol = version === '1.1' ? 'http/1.1' : 'http/1.0';
    this.#received = { stream, head, method, target, protocol };
    // Of a refused request nobody knows where it ends: all that comes belongs to it.
    return bodyLength;
  }

  request(): void {
    const received = this.#received;
    this.#received = undefined;
    if (received === undefined) return;
    this.#probedBytes = -1;
    this.#arm(this.#inputEnded ? PROBE_MS : this.#streamIdleMs);
    this.#owner.busy(this.#socket);
    this.#owner.request(received, this.#socket);
  }

  body(bytes: Buffer): void {
    this.#stream?.received(bytes);
  }

  bodyEnd(trailers: HeaderList | undefined): void {
    if (this.#stream === undefined) this.#input.next(true);
    else this.#stream.receivedEnd(trailers);
  }

  bad(failure: Http1Failure): void {
    const stream = this.#stream;
    this.#input.stop();
    if (stream !== undefined) {
      this.#isLingering = true;
      stream.broken('bad_request');
    } else if (failure === 'bad_chunk') this.#linger();
    else this.#refuse(failure);
  }

  #refuse(cause: Cause): void {
    this.writer.head(rawReply(ERRORS[cause]), false);
    this.#owner.unreadable(this.#socket, cause);
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
    if (close || this.#isLingering || !(requestEnded || restIsSmall)) {
      this.#linger();
      return;
    }
    this.#arm(this.#limits.keepAliveIdleMs);
    this.#input.next(requestEnded);
    if (this.#inputEnded && this.#stream === undefined) this.#linger();
  }

  /** The last answer is out: the client is given a while to read it and to close. */
  #linger(): void {
    this.#isLingering = true;
    this.#input.stop();
    this.#end();
    if (this.#inputEnded) return;
    this.#arm(LINGER_MS);
    this.#input.resume();
  }

  #onEnd(): void {
    this.#inputEnded = true;
    const stream = this.#stream;
    if (stream === undefined) this.#end();
    else if (!stream.requestEnded) {
      stream.broken('client_closed');
      this.#destroy();
    } else {
      // It may have closed its side only (RFC 9112 section 9.6): asked, a client that left resets.
      this.#arm(PROBE_MS);
    }
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

  #end(): void {
    this.writer.writeHeld();
    this.#socket.end();
  }

  /** What was answered before still goes out. */
  #destroy(): void {
    this.writer.writeHeld();
    this.#socket.destroy();
  }

  #onDrain(): void {
    this.#quietSinceMs = this.#owner.clock.nowMs();
    this.#stream?.onDrain?.();
  }

  #onClose(): void {
    this.#owner.wheel.clear(this.#timer);
    const stream = this.#stream;
    this.#stream = undefined;
    this.#input.stop();
    if (stream === undefined) return;
    stream.gone = true;
    stream.onGone?.();
    stream.onOver?.();
  }

  #arm(delayMs: number): void {
    const { clock, wheel } = this.#owner;
    this.#deadlineMs = clock.nowMs() + delayMs;
    const isSooner = !this.#timer.isSet || this.#timer.dueTick * TICK_MS > this.#deadlineMs;
    if (isSooner) wheel.set(this.#timer, delayMs);
  }

  #onTime(): void {
    const { clock, wheel } = this.#owner;
    const leftMs = this.#deadlineMs - clock.nowMs();
    const stream = this.#stream;
    if (leftMs > 0) wheel.set(this.#timer, leftMs);
    else if (stream !== undefined) {
      if (this.#inputEnded) this.#probe(stream);
      else this.#checkStall(stream);
    } else if (this.#input.isInHead) {
      this.#input.stop();
      this.#refuse('head_late');
    } else this.#socket.destroy();
  }

  /** A client that neither sends nor takes what it should is let go; a slow service is not its. */
  #checkStall(stream: Http1Stream): void {
    const idleMs = this.#streamIdleMs;
    const isDue = !stream.requestEnded && stream.isReceiving && !this.#input.isPaused;
    const waitsForClient = isDue || this.#socket.writableNeedDrain;
    const quietMs = this.#owner.clock.nowMs() - this.#quietSinceMs;
    if (waitsForClient && quietMs >= idleMs) this.#socket.destroy();
    else this.#arm(waitsForClient ? idleMs - quietMs : idleMs);
  }
}
