import type { Duplex } from 'node:stream';
import { HEADERS } from '#contracts/headers.ts';
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
import type { Http1Upstream } from './http1-upstream.ts';
import { Passage } from './passage.ts';
import type { Connecting, UpstreamPool } from './pool.ts';
import type { UpstreamEvents, UpstreamFailure } from './upstream.ts';

const WITH_BODY_BY_DEFAULT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

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
  #stream: Http1Upstream | undefined;
  #passage: Passage | undefined;
  #lateReason: FailureReason = 'upstream_refused';
  #lateMessage = '';
  #triedStale = false;
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
    const kept = this.#parts.pool.take(this.#endpoint);
    if (kept !== undefined) {
      this.#use(kept);
      return;
    }
    this.#arm(this.#limits.connectTimeoutMs, 'upstream_refused', 'no connection in time');
    this.#connecting = this.#parts.pool.connect(
      this.#endpoint,
      (connection) => {
        this.#connecting = undefined;
        this.#use(connection);
      },
      (error) => {
        this.#connecting = undefined;
        const cause = isShortage(error) ? 'overloaded' : 'upstream_refused';
        this.#fail(cause, `no connection: ${error.code ?? error.message}`);
      },
    );
  }

  #use(stream: Http1Upstream): void {
    const { request: view } = this.#exchange;
    const nowMs = this.#parts.clock.nowMs();
    this.#stream = stream;
    this.#sentMs = nowMs;
    this.#exchange.connectMs = stream.reused ? 0 : nowMs - this.#startedMs;
    stream.begin(this);
    stream.send({
      method: view.method,
      target: view.query === '' ? view.path : view.path + view.query,
      headers: this.#headers(),
      isChunked: view.hasBody && !view.headers.has('content-length'),
      upgrade: view.upgrade,
    });
    if (!view.hasBody) {
      this.#requestSent = true;
      this.#awaitHead();
      stream.finish(undefined);
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
    const stream = this.#stream;
    if (stream === undefined) return;
    const ready = stream.body(bytes);
    if (!this.#sending) stream.flush();
    this.#isBlocked = !ready;
    if (!ready) this.#client.pause();
    // A long upload is bounded by its pauses and the deadline; the head is waited for after it.
    if (!this.#settled) {
      this.#arm(this.#exchange.streamIdleMs, 'upstream_timeout', 'the upload came to a halt');
    }
  }

  end(trailers: HeaderList | undefined): void {
    this.#requestSent = true;
    if (!this.#settled) this.#awaitHead();
    this.#stream?.finish(passableTrailers(trailers));
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

  tunnel(socket: Duplex): void {
    this.#passage?.tunnel(socket);
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

  failed(reason: UpstreamFailure, seen: boolean, message: string): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (this.#passage !== undefined) {
      this.#passage.upstreamBroke();
    } else if (reason === 'upstream_reset' && !seen && this.#mayBeStale(stream)) {
      this.#triedStale = true;
      this.#parts.pool.forget(this.#endpoint);
      this.start();
    } else this.#fail(reason, message);
  }

  /**
   * A kept connection that broke before a byte came back was most likely closed while idle. Tried
   * again once, on a new connection, when it does no harm to have been seen twice.
   */
  #mayBeStale(stream: Http1Upstream | undefined): boolean {
    const { method, hasBody } = this.#exchange.request;
    return stream?.reused === true && !this.#triedStale && !hasBody && IDEMPOTENT.has(method);
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

  #fail(reason: FailureReason, message: string): void {
    if (this.#settled) return;
    const sent = this.#stream !== undefined || this.#sentMs > 0;
    if (sent) this.#exchange.upstreamMs = this.#parts.clock.nowMs() - this.#sentMs;
    this.#connecting?.cancel();
    this.#stream?.abort();
    this.#stream = undefined;
    this.#settle({ kind: 'failed', reason, sent, message });
  }

  #settle(result: AttemptResult): void {
    this.#settled = true;
    this.#parts.wheel.clear(this.#timer);
    if (result.kind === 'failed') this.#client.onGone = undefined;
    this.#done(result);
  }

  /** What this try adds to the headers that were decided: framing and, in the mesh, time. */
  #headers(): HeaderList {
    const { request: view, upstreamHeaders: headers, deadlineMs } = this.#exchange;
    if (!view.hasBody && WITH_BODY_BY_DEFAULT.has(view.method) && !headers.has('content-length')) {
      headers.add('content-length', '0');
    }
    headers.remove(HEADERS.hop);
    headers.remove(HEADERS.timeout);
    if (this.#endpoint.proxy !== '' && view.direction !== 'inbound') {
      headers.add(HEADERS.hop, '1');
      const leftMs = Math.floor(deadlineMs - this.#parts.clock.nowMs());
      if (Number.isFinite(leftMs)) headers.add(HEADERS.timeout, String(Math.max(1, leftMs)));
    }
    return headers;
  }
}
