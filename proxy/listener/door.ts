import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Reason } from '#contracts/reasons.ts';
import type { Log } from '#platform/log.ts';
import { sentenceOf } from '#platform/log.ts';
import type { DataPlane, Outcome } from '../dataplane.ts';
import { type Cause, ERRORS, replyFor } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { type ForwardParts, UpstreamAttempt } from '../forward/attempt.ts';
import { Passage } from '../forward/passage.ts';
import { StreamAttempt, StreamUpstream } from '../forward/stream-attempt.ts';
import { openTunnelOf } from '../forward/tunnel.ts';
import { NO_GRPC_STATUS } from '../grpc/protocol.ts';
import { GRPC, grpcStatusOf } from '../grpc/status.ts';
import { WebStream } from '../grpc/web-stream.ts';
import type { ClientStream } from '../stream.ts';
import type { Telemetry } from '../telemetry/index.ts';
import type { ParsedRequest, ReceivedRequest } from './received-request.ts';
import { resetConnection } from './inside.ts';
import {
  type Arrival,
  type IntakeParts,
  openStream,
  peerAddress,
  takeIn,
  unreadable,
} from './intake.ts';
import { openConnect, sendOptions, sendReply } from './respond.ts';

export interface DoorParts extends ForwardParts, IntakeParts {
  dataPlane: Pick<DataPlane, 'snapshot' | 'handle' | 'release'>;
  telemetry: Pick<Telemetry, 'record'>;
  log: Log;
  /** The proxy is shutting down or short of memory: answers say `Connection: close`. */
  draining: () => boolean;
  /** There is too much to do already: new requests are refused. */
  sheds: () => boolean;
}

/** After a head these mean that the upstream did not keep its word. */
const BROKEN_UPSTREAM: ReadonlySet<Reason> = new Set(['upstream_aborted', 'upstream_timeout']);

/** Leads each request through its phases, from the parser to the record. */
export class Door {
  readonly #parts: DoorParts;
  /** Requests that are not over yet. */
  inFlight = 0;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  request(arrival: Arrival, request: ReceivedRequest, socket: Socket): void {
    const { dataPlane } = this.#parts;
    const { snapshot } = dataPlane;
    const { stream } = request;
    if (snapshot === undefined) {
      // Listeners open with the first snapshot; without one nothing may be answered.
      stream.abort();
      return;
    }
    this.inFlight++;
    const address = peerAddress(socket);
    const { exchange, refusal } = takeIn(request, arrival, address, snapshot, this.#parts);
    const { web } = exchange;
    const client = web === undefined ? stream : new WebStream(stream, exchange, web);
    exchange.client = client;
    const onOver = (): void => this.#over(client, exchange);
    client.onOver = onOver;
    const reply = refusal ?? (this.#parts.sheds() ? replyFor('overloaded') : undefined);
    if (reply !== undefined) {
      sendReply(client, exchange, reply, false);
      return;
    }
    if (request.head.ok && request.head.value.maxForwards === 0) {
      sendOptions(client, exchange, this.#parts.draining());
      return;
    }
    const isStream = exchange.request.isStream === true;
    dataPlane.handle(
      exchange,
      (given, endpoint, limits, done) => {
        if (isStream) new StreamAttempt(this.#parts, socket, given, endpoint, limits, done).start();
        else new UpstreamAttempt(this.#parts, client, given, endpoint, limits, done).start();
      },
      (outcome) => {
        try {
          this.#answer(client, exchange, outcome);
        } catch (error) {
          this.#onThrown(client, exchange, error);
        }
      },
    );
  }

  /**
   * Of HTTP/2: the client took its request back before anything was begun. That is no other end
   * than a little later, so it has the same record; a head that would be refused was not answered
   * either. It is not routed: a client that only resets is to cost no more than it must.
   */
  left(arrival: Arrival, request: ParsedRequest, socket: Socket): void {
    const { snapshot } = this.#parts.dataPlane;
    if (snapshot === undefined) return;
    const address = peerAddress(socket);
    const { exchange } = takeIn(request, arrival, address, snapshot, this.#parts);
    this.#recordAs('client_closed', exchange);
  }

  /** Bytes that the parser gave up on count as a request that was refused. */
  unreadable(arrival: Arrival, socket: Socket, cause: Cause): void {
    const { snapshot } = this.#parts.dataPlane;
    if (snapshot === undefined) return;
    const address = peerAddress(socket);
    this.#recordAs(cause, unreadable(arrival, address, snapshot, this.#parts));
  }

  /** A connection that asked for TLS and did not get it counts as a request, too. */
  handshakeFailed(arrival: Arrival, socket: Socket, serverName: string): void {
    const { dataPlane, telemetry } = this.#parts;
    if (dataPlane.snapshot === undefined) return;
    const stream = { serverName, protocol: 'tls' };
    const address = peerAddress(socket);
    const exchange = openStream(arrival, address, stream, dataPlane.snapshot, this.#parts);
    exchange.reason = 'handshake_failed';
    telemetry.record(exchange);
  }

  /** Of what ended before it was routed. */
  #recordAs(cause: Cause, exchange: Exchange): void {
    const { status, reason, grpc } = ERRORS[cause];
    exchange.status = status;
    exchange.reason = reason;
    if (exchange.isGrpc) exchange.grpcStatus = grpc;
    this.#parts.telemetry.record(exchange);
  }

  #answer(client: ClientStream, exchange: Exchange, outcome: Outcome): void {
    if (client.gone) {
      if (outcome.kind === 'head') outcome.head.body.discard();
      exchange.reason = 'client_closed';
      return;
    }
    exchange.ttfbMs = this.#parts.clock.nowMs() - exchange.startedMs;
    const close = this.#parts.draining();
    if (outcome.kind === 'reply') {
      sendReply(client, exchange, outcome.reply, close);
      return;
    }
    const { status, headers, length, body } = outcome.head;
    if (body instanceof StreamUpstream) {
      this.#tunnel(client, exchange, body.socket);
      return;
    }
    if (!(body instanceof Passage)) throw new TypeError('a body of another proxy');
    // Who is refused before the end of its request may well stop sending it.
    const isRefused = status >= 400 && !client.requestEnded;
    body.pass({ status, headers, length, close: close || isRefused });
  }

  #tunnel(client: ClientStream, exchange: Exchange, upstream: Socket): void {
    const sides = {
      ...{ client: openConnect(client, exchange), upstream, wheel: this.#parts.wheel },
      breakOff: (side: Duplex) => resetConnection(side as Socket),
    };
    openTunnelOf(exchange, sides, () => client.onOver?.());
  }

  /** A mistake of ours costs this request and nothing else. */
  #onThrown(client: ClientStream, exchange: Exchange, error: unknown): void {
    this.#parts.log.error(
      { error: error instanceof Error ? error.stack : sentenceOf(error), id: exchange.requestId },
      'a request failed in the proxy',
    );
    exchange.reason = 'internal';
    if (client.headSent) {
      client.abort();
      return;
    }
    sendReply(client, exchange, replyFor('internal'), false);
  }

  #over(client: ClientStream, exchange: Exchange): void {
    if (client.gone && exchange.reason === 'ok') exchange.reason = 'client_closed';
    const { reason } = exchange;
    if (exchange.isGrpc && exchange.grpcStatus === NO_GRPC_STATUS) {
      exchange.grpcStatus = grpcStatusOf(reason, exchange.status);
    }
    const isUnavailable = exchange.grpcStatus === GRPC.unavailable && reason === 'ok';
    const aborted = isUnavailable || BROKEN_UPSTREAM.has(reason);
    this.#parts.dataPlane.release(exchange, { aborted });
    const { copies } = exchange;
    if (copies !== undefined) for (const copy of copies) copy.over();
    this.inFlight--;
    this.#parts.telemetry.record(exchange);
  }
}
