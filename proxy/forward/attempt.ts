import type { Duplex } from 'node:stream';
import type { Endpoint } from '#contracts/events.ts';
import type { Clock } from '#platform/clock.ts';
import type { FailureReason } from '../errors.ts';
import type { AttemptLimits, AttemptResult, Exchange } from '../exchange.ts';
import type { HeaderList } from '../headers.ts';
import { httpDate } from '../listener/date.ts';
import { passableTrailers, responseHeaders } from '../listener/hop.ts';
import { IDEMPOTENT } from '../methods.ts';
import { isShortage } from '../overload/descriptors.ts';
import type { BodySink, ClientStream } from '../stream.ts';
import { type Wheel, WheelTimer } from '../wheel.ts';
import { Passage } from './passage.ts';
import { NO_HTTP2 } from './http2-pool.ts';
import { speaksHttp2, upstreamRequest } from './request.ts';
import type { UpstreamPool } from './pool.ts';
import { SentBody } from './sent-body.ts';
import type { UpstreamEvents, UpstreamFailure, UpstreamStream } from './upstream.ts';
import type { Connecting } from './connect.ts';

export interface ForwardParts {
  pool: UpstreamPool;
  clock: Clock;
  wheel: Wheel;
}

/**
 * One try at one endpoint, from connecting to the response head; what follows the head is a
 * Passage's. The request body is read from the client only once a connection stands, so that a
 * refused connection leaves it whole for another try.
 */
export class UpstreamAttempt implements UpstreamEvents, BodySink {
  readonly #parts: ForwardParts;
  readonly #client: ClientStream;
  readonly #exchange: Exchange;
  readonly #endpoint: Endpoint;
  readonly #limits: AttemptLimits;
  readonly #done: (result: AttemptResult) => void;
  readonly #timer: WheelTimer;
  #connecting: Connecting | undefined;
  #stream: UpstreamStream | undefined;
  #passage: Passage | undefined;
  #lateReason: FailureReason = 'upstream_refused';
  #lateMessage = '';
  #triedAgain = false;
  /** What may have to be sent again, while it is small. */
  #sentBody: SentBody | undefined;
  #settled = false;
  #sending = false;
  #requestSent = false;
  /** The upstream takes no more of the request for now. */
  #isBlocked = false;
  #startedMs = 0;
  #sentMs = 0;

  constructor(
    parts: ForwardParts,
    client: ClientStream,
    exchange: Exchange,
    endpoint: Endpoint,
    limits: AttemptLimits,
    done: (result: AttemptResult) => void,
  ) {
    this.#parts = parts;
    this.#client = client;
    this.#exchange = exchange;
    this.#endpoint = endpoint;
    this.#limits = limits;
    this.#done = done;
    this.#timer = new WheelTimer(() => this.#onLate());
  }

  start(): void {
    if (this.#client.gone) {
      this.#fail('client_closed', 'the client went away');
      return;
    }
    const onGone = (): void => this.broken('client_closed');
    this.#client.onGone = onGone;
    this.#startedMs = this.#parts.clock.nowMs();
    const { tls } = this.#limits;
    const { pool } = this.#parts;
    const isHttp2 = speaksHttp2(this.#exchange, this.#endpoint);
    const carrier = isHttp2 ? pool.http2 : pool;
    if (isHttp2 && this.#exchange.request.hasBody) this.#sentBody ??= new SentBody();
    const kept = this.#triedAgain ? undefined : carrier.take(this.#endpoint, tls);
    if (kept !== undefined) {
      this.#use(kept);
      return;
    }
    this.#arm(this.#limits.connectTimeoutMs, 'upstream_refused', 'no connection in time');
    this.#connecting = carrier.connect(
      this.#endpoint,
      (stream) => {
        this.#connecting = undefined;
        this.#use(stream);
      },
      (error) => {
        this.#connecting = undefined;
        this.#fail(refusalOf(error), `no connection: ${error.code ?? error.message}`);
      },
      tls,
    );
  }

  #use(stream: UpstreamStream): void {
    const { request: view } = this.#exchange;
    const nowMs = this.#parts.clock.nowMs();
    this.#stream = stream;
    this.#sentMs = nowMs;
    this.#exchange.connectMs = stream.reused ? 0 : nowMs - this.#startedMs;
    stream.begin(this);
    stream.send(upstreamRequest(this.#exchange, this.#endpoint, nowMs));
    if (this.#settled) return;
    if (!view.hasBody) {
      this.#requestSent = true;
      this.#awaitHead();
      stream.finish(undefined);
      return;
    }
    if (this.#triedAgain) {
      this.#sendAgain(stream);
      return;
    }
    this.#sending = true;
    this.#arm(this.#exchange.streamIdleMs, 'upstream_timeout', 'the upload came to a halt');
    this.#client.receive(this);
    this.#sending = false;
    if (!this.#requestSent) this.#stream?.flush();
  }

  // The request's body, from the client.

  data(bytes: Buffer): void {
    this.#exchange.bytesIn += bytes.length;
    const { copies } = this.#exchange;
    if (copies !== undefined) for (const copy of copies) copy.data(bytes);
    this.#sentBody?.add(bytes, this.#stream === undefined);
    const stream = this.#stream;
    if (stream === undefined) return;
    const ready = stream.body(bytes);
    if (!this.#sending) stream.flush();
    this.#isBlocked = !ready;
    if (!ready) this.#client.pause();
    // A long upload is bounded by its pauses and the deadline; the head is waited for after it.
    if (this.#settled) this.#passage?.requestMoved();
    else this.#arm(this.#exchange.streamIdleMs, 'upstream_timeout', 'the upload came to a halt');
  }

  end(trailers: HeaderList | undefined): void {
    const passable = passableTrailers(trailers);
    const { copies } = this.#exchange;
    if (copies !== undefined) for (const copy of copies) copy.end(passable);
    this.#requestSent = true;
    if (this.#sentBody !== undefined) this.#sentBody.trailers = passable;
    if (!this.#settled && this.#connecting === undefined) this.#awaitHead();
    this.#stream?.finish(passable);
  }

  /** What the first stream got of the body goes to the second, then what is left of it. */
  #sendAgain(stream: UpstreamStream): void {
    const sent = this.#sentBody;
    this.#sentBody = undefined;
    this.#isBlocked = sent?.sendTo(stream) === false;
    if (this.#requestSent) {
      this.#awaitHead();
      stream.finish(sent?.trailers);
      return;
    }
    this.#arm(this.#exchange.streamIdleMs, 'upstream_timeout', 'the upload came to a halt');
    stream.flush();
    if (!this.#isBlocked) this.#client.resume();
  }

  broken(why: 'client_closed' | 'bad_request'): void {
    if (this.#passage !== undefined) this.#passage.clientBroke(why);
    else if (why === 'client_closed') this.#fail(why, 'the client went away');
    else this.#fail(why, 'the request body is not valid');
  }

  // The response, from the upstream.

  drain(): void {
    this.#isBlocked = false;
    this.#client.resume();
  }

  inform(status: number, headers: HeaderList): void {
    if (!this.#settled) this.#client.inform(status, responseHeaders(headers));
  }

  head(status: number, received: HeaderList, length: number | undefined): void {
    const stream = this.#stream;
    if (this.#settled || stream === undefined) return;
    this.#sentBody = undefined;
    this.#exchange.upstreamMs = this.#parts.clock.nowMs() - this.#sentMs;
    const headers = responseHeaders(received);
    // RFC 9110 section 8.6: it has no body and says nothing of one.
    if (status === 204) headers.remove('content-length');
    // RFC 9110 section 6.6.1: who passes a response on dates it.
    if (!headers.has('date')) headers.add('date', httpDate());
    const body = new Passage(this.#parts, stream, this.#client, this.#exchange);
    body.length = length;
    this.#passage = body;
    this.#settle({ kind: 'head', status, headers, length, body });
  }

  tunnel(bytes: Duplex): void {
    this.#passage?.tunnel(bytes);
  }

  response(bytes: Buffer): void {
    this.#passage?.data(bytes);
  }

  responseEnd(trailers: HeaderList | undefined): void {
    this.#passage?.end(trailers, this.#requestSent);
  }

  pieceEnd(): void {
    this.#passage?.pieceEnd();
  }

  failed(reason: UpstreamFailure, seen: boolean, message: string, told?: string): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (this.#passage !== undefined) this.#passage.upstreamBroke();
    else if (!seen && !this.#triedAgain && this.#mayGoAgain(stream, reason)) {
      this.#triedAgain = true;
      if (this.#sentBody !== undefined && !this.#requestSent) this.#client.pause();
      this.#parts.pool.forget(this.#endpoint, this.#limits.tls);
      this.start();
    } else {
      const isUnseen = stream?.refused === true && !this.#exchange.request.hasBody;
      this.#fail(reason, message, told, isUnseen);
    }
  }

  /**
   * Tried again once, on a new connection. Either the upstream says that it did not look at the
   * request, and what it got of the body is still at hand; or a kept connection broke before a byte
   * came back, so that it was most likely closed while idle, and to be seen twice does no harm.
   */
  #mayGoAgain(stream: UpstreamStream | undefined, reason: UpstreamFailure): boolean {
    const { method, hasBody } = this.#exchange.request;
    if (stream === undefined) return false;
    if (stream.refused) return !hasBody || this.#sentBody?.isWhole === true;
    if (hasBody || reason !== 'upstream_reset') return false;
    return stream.reused && IDEMPOTENT.has(method);
  }

  #awaitHead(): void {
    this.#arm(this.#limits.headTimeoutMs, 'upstream_timeout', 'the upstream did not answer');
  }

  #arm(timeoutMs: number, reason: FailureReason, message: string): void {
    const leftMs = this.#exchange.deadlineMs - this.#parts.clock.nowMs();
    const isLate = leftMs < timeoutMs;
    this.#lateReason = isLate ? 'request_timeout' : reason;
    this.#lateMessage = isLate ? 'the time for the request ran out' : message;
    this.#parts.wheel.set(this.#timer, Math.max(0, Math.min(timeoutMs, leftMs)));
  }

  #onLate(): void {
    // A client that sends no more is none of the upstream's faults: its connection watches it.
    const waitsForClient = this.#stream !== undefined && !this.#requestSent && !this.#isBlocked;
    if (waitsForClient && this.#lateReason === 'upstream_timeout') {
      this.#arm(this.#exchange.streamIdleMs, 'upstream_timeout', this.#lateMessage);
      return;
    }
    this.#fail(this.#lateReason, this.#lateMessage);
  }

  /** `isUnseen`: the upstream says that it did not look at what it got. */
  #fail(reason: FailureReason, message: string, told?: string, isUnseen = false): void {
    if (this.#settled) return;
    const sent = !isUnseen && (this.#stream !== undefined || this.#sentMs > 0);
    if (sent) this.#exchange.upstreamMs = this.#parts.clock.nowMs() - this.#sentMs;
    this.#connecting?.cancel();
    this.#stream?.abort();
    this.#stream = undefined;
    this.#settle({ kind: 'failed', reason, sent, message, told });
  }

  #settle(result: AttemptResult): void {
    this.#settled = true;
    this.#parts.wheel.clear(this.#timer);
    if (result.kind === 'failed') this.#client.onGone = undefined;
    this.#done(result);
  }
}

function refusalOf(error: NodeJS.ErrnoException): FailureReason {
  if (isShortage(error)) return 'overloaded';
  return error.code === NO_HTTP2 ? 'upstream_invalid' : 'upstream_refused';
}
