import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { HEADERS } from '#contracts/headers.ts';
import type { Endpoint } from '#contracts/events.ts';
import type { Reason } from '#contracts/reasons.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import type { AttemptLimits, AttemptResult, Exchange } from '../exchange.ts';
import { HeaderList } from '../headers.ts';
import { responseHeaders } from '../listener/hop.ts';
import { LIMITS } from '../listener/limits.ts';
import { formatTraceParent } from '../listener/trace.ts';
import type { ClientStream } from './client.ts';
import type { UpstreamPool } from './pool.ts';
import { RequestBodyPump } from './request-body.ts';
import { UpstreamResponse } from './upstream-response.ts';

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const WITH_BODY_BY_DEFAULT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

export interface ForwardParts {
  pool: UpstreamPool;
  clock: Clock;
}

/**
 * One try at one endpoint, from connecting to the response head. The request body is read from the
 * client only once a connection stands, so that a refused connection leaves it whole for another
 * try.
 */
export class UpstreamAttempt {
  readonly #parts: ForwardParts;
  readonly #client: ClientStream;
  readonly #exchange: Exchange;
  readonly #endpoint: Endpoint;
  readonly #limits: AttemptLimits;
  readonly #done: (result: AttemptResult) => void;
  readonly #unwatch: () => void;
  #request: ClientRequest | undefined;
  #timer: Timer | undefined;
  #connected = false;
  #triedStale = false;
  #settled = false;
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
    this.#unwatch = client.onGone(() => this.#fail('client_closed', 'the client went away'));
  }

  start(): void {
    if (this.#client.gone) {
      this.#fail('client_closed', 'the client went away');
      return;
    }
    const { request: view } = this.#exchange;
    this.#startedMs = this.#parts.clock.nowMs();
    this.#connected = false;
    const request = httpRequest({
      agent: this.#parts.pool,
      host: this.#endpoint.address,
      port: this.#endpoint.port,
      method: view.method,
      path: `${view.path}${view.query}`,
      headers: this.#rawHeaders(),
      setHost: false,
      maxHeaderSize: LIMITS.headerBytes,
    });
    this.#request = request;
    // No field is cut off silently; the size of the head is the limit.
    request.maxHeadersCount = 0;
    request.once('socket', (socket) => {
      if (!socket.connecting) this.#onConnected(request);
      else socket.once('connect', () => this.#onConnected(request));
    });
    request.once('response', (response) => this.#onHead(request, response));
    request.once('upgrade', (_response, socket) => {
      socket.destroy();
      this.#fail('upstream_invalid', 'the upstream changed the protocol unasked');
    });
    request.on('error', (error: NodeJS.ErrnoException) => this.#onError(request, error));
    this.#arm(this.#limits.connectTimeoutMs, 'upstream_refused', 'no connection in time');
  }

  #onConnected(request: ClientRequest): void {
    if (this.#settled || request !== this.#request) return;
    const nowMs = this.#parts.clock.nowMs();
    this.#connected = true;
    this.#sentMs = nowMs;
    this.#exchange.connectMs = request.reusedSocket ? 0 : nowMs - this.#startedMs;
    if (!this.#exchange.request.hasBody) {
      request.end();
      this.#awaitHead();
      return;
    }
    // A long upload is bounded by its pauses and the deadline; the head is waited for after it.
    this.#arm(Number.POSITIVE_INFINITY, 'upstream_timeout', '');
    const stalled = (): void => this.#fail('upstream_timeout', 'the upload came to a halt');
    request.setTimeout(LIMITS.streamIdleMs, stalled);
    new RequestBodyPump(this.#client, request, this.#exchange).start(() => this.#awaitHead());
  }

  #awaitHead(): void {
    if (this.#settled) return;
    this.#arm(this.#limits.headTimeoutMs, 'upstream_timeout', 'the upstream did not answer');
  }

  #onHead(request: ClientRequest, response: IncomingMessage): void {
    const body = new UpstreamResponse(request, response);
    if (this.#settled || request !== this.#request) {
      body.destroy();
      return;
    }
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 599) {
      body.destroy();
      this.#fail('upstream_invalid', 'the upstream answered with a status that does not exist');
      return;
    }
    const received = HeaderList.fromRaw(response.rawHeaders);
    // The parser takes the chunks off and nothing else: what another coding made would be passed
    // on as if it were the content.
    const coding = received.get('transfer-encoding');
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
      body.destroy();
      this.#fail('upstream_invalid', 'the upstream answered in a transfer coding not asked for');
      return;
    }
    this.#exchange.upstreamMs = this.#parts.clock.nowMs() - this.#sentMs;
    this.#settle({ kind: 'head', status, headers: responseHeaders(received), body });
  }

  #onError(request: ClientRequest, error: NodeJS.ErrnoException): void {
    if (this.#settled || request !== this.#request) return;
    if (!this.#connected) {
      this.#fail('upstream_refused', `no connection: ${error.code ?? error.message}`);
    } else if (error.code?.startsWith('HPE_') === true) {
      this.#fail('upstream_invalid', `the upstream does not speak HTTP: ${error.code}`);
    } else if (this.#mayBeStale(request)) {
      this.#triedStale = true;
      this.#parts.pool.forget(this.#endpoint.address, this.#endpoint.port);
      this.start();
    } else {
      this.#fail('upstream_reset', `the connection broke: ${error.code ?? error.message}`);
    }
  }

  /**
   * A kept connection that broke before a byte came back was most likely closed while idle. Tried
   * again once, on a new connection, when it does no harm to have been seen twice.
   */
  #mayBeStale(request: ClientRequest): boolean {
    const { method, hasBody } = this.#exchange.request;
    return request.reusedSocket && !this.#triedStale && !hasBody && IDEMPOTENT.has(method);
  }

  #arm(timeoutMs: number, reason: Reason, message: string): void {
    this.#timer?.cancel();
    const leftMs = this.#exchange.deadlineMs - this.#parts.clock.nowMs();
    const late = leftMs < timeoutMs;
    const waitMs = Math.max(0, Math.min(timeoutMs, leftMs));
    if (!Number.isFinite(waitMs)) return;
    this.#timer = this.#parts.clock.after(waitMs, () => {
      if (late) this.#fail('request_timeout', 'the time for the request ran out');
      else this.#fail(reason, message);
    });
  }

  #fail(reason: Reason, message: string): void {
    const sent = this.#connected;
    if (sent) this.#exchange.upstreamMs = this.#parts.clock.nowMs() - this.#sentMs;
    if (!this.#settle({ kind: 'failed', reason, sent, message })) return;
    this.#request?.destroy();
  }

  #settle(result: AttemptResult): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#timer?.cancel();
    this.#unwatch();
    this.#done(result);
    return true;
  }

  /** What this try adds to the headers that were decided: framing, trace and, in the mesh, time. */
  #rawHeaders(): string[] {
    const { request: view, upstreamHeaders, trace, deadlineMs } = this.#exchange;
    const raw = upstreamHeaders.toRaw();
    raw.push(HEADERS.traceParent, formatTraceParent(trace));
    if (trace.state !== '') raw.push(HEADERS.traceState, trace.state);
    if (view.headers.has('transfer-encoding')) raw.push('transfer-encoding', 'chunked');
    else if (!view.headers.has('content-length') && WITH_BODY_BY_DEFAULT.has(view.method)) {
      raw.push('content-length', '0');
    }
    if (this.#endpoint.proxy !== '' && view.direction !== 'inbound') {
      raw.push(HEADERS.hop, '1');
      const leftMs = Math.floor(deadlineMs - this.#parts.clock.nowMs());
      if (Number.isFinite(leftMs)) raw.push(HEADERS.timeout, String(Math.max(1, leftMs)));
    }
    return raw;
  }
}
