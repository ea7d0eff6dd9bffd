import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Reason } from '#contracts/reasons.ts';
import type { Log } from '#platform/log.ts';
import { sentenceOf } from '#platform/log.ts';
import type { DataPlane } from '../dataplane.ts';
import type { Exchange } from '../exchange.ts';
import { UpstreamAttempt, type ForwardParts } from '../forward/attempt.ts';
import { ClientStream } from '../forward/client.ts';
import { passOn } from '../forward/pass-on.ts';
import { UpstreamResponse } from '../forward/upstream-response.ts';
import type { Telemetry } from '../telemetry/index.ts';
import { type Arrival, type IntakeParts, peerAddress, takeIn, unreadable } from './intake.ts';
import { sendHead, sendReply } from './respond.ts';

export interface DoorParts extends ForwardParts, IntakeParts {
  dataPlane: Pick<DataPlane, 'snapshot' | 'handle' | 'release'>;
  telemetry: Pick<Telemetry, 'record'>;
  log: Log;
  /** The proxy is shutting down: answers say `Connection: close`. */
  draining: () => boolean;
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

  request(
    arrival: Arrival,
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ): void {
    const { snapshot } = this.#parts.dataPlane;
    if (snapshot === undefined) {
      // Listeners open with the first snapshot; without one nothing may be answered.
      request.socket.destroy();
      return;
    }
    this.inFlight++;
    const client = new ClientStream(request, response, expectsContinue);
    const { exchange, refusal } = takeIn(request, arrival, snapshot, this.#parts);
    if (refusal !== undefined) {
      sendReply(client, exchange, refusal, true);
      void responded(client).then(() => this.#record(client, exchange));
      return;
    }
    void this.#serve(client, exchange)
      .catch((error: unknown) => this.#onThrown(client, exchange, error))
      .finally(() => {
        this.#parts.dataPlane.release(exchange, {
          aborted: BROKEN_UPSTREAM.has(exchange.reason),
        });
        this.#record(client, exchange);
      });
  }

  /** Bytes that the parser gave up on count as a request that was refused. */
  unreadable(arrival: Arrival, socket: Socket, status: number): void {
    const { dataPlane, telemetry } = this.#parts;
    if (dataPlane.snapshot === undefined) return;
    const address = peerAddress(socket);
    const exchange = unreadable(arrival, address, dataPlane.snapshot, this.#parts);
    exchange.status = status;
    exchange.reason = status === 431 ? 'headers_too_large' : 'bad_request';
    telemetry.record(exchange);
  }

  async #serve(client: ClientStream, exchange: Exchange): Promise<void> {
    const outcome = await this.#parts.dataPlane.handle(
      exchange,
      (_exchange, endpoint, limits) =>
        new Promise((resolve) => {
          new UpstreamAttempt(this.#parts, client, exchange, endpoint, limits, resolve).start();
        }),
    );
    if (client.gone) {
      if (outcome.kind === 'head') outcome.head.body.discard();
      exchange.reason = 'client_closed';
      return;
    }
    exchange.ttfbMs = this.#parts.clock.nowMs() - exchange.startedMs;
    if (outcome.kind === 'reply') {
      sendReply(client, exchange, outcome.reply, this.#parts.draining());
      await responded(client);
      return;
    }
    const { head } = outcome;
    if (!(head.body instanceof UpstreamResponse)) throw new TypeError('a body of another proxy');
    try {
      sendHead(client, exchange, head.status, head.headers, this.#parts.draining());
    } catch (error) {
      head.body.destroy();
      throw error;
    }
    await passOn(head.body, client, exchange, this.#parts.clock);
  }

  /** A mistake of ours costs this request and nothing else. */
  #onThrown(client: ClientStream, exchange: Exchange, error: unknown): void {
    this.#parts.log.error(
      { error: error instanceof Error ? error.stack : sentenceOf(error), id: exchange.requestId },
      'a request failed in the proxy',
    );
    exchange.reason = 'internal';
    if (client.response.headersSent) {
      client.response.destroy();
      return;
    }
    const message = 'the proxy made a mistake';
    sendReply(client, exchange, { status: 500, reason: 'internal', message }, true);
  }

  #record(client: ClientStream, exchange: Exchange): void {
    if (client.gone && exchange.reason === 'ok') exchange.reason = 'client_closed';
    this.inFlight--;
    this.#parts.telemetry.record(exchange);
  }
}

/** Resolves when the response was handed to the system, or the client is gone. */
function responded(client: ClientStream): Promise<void> {
  const { response } = client;
  return new Promise((resolve) => {
    if (response.writableFinished || response.destroyed) resolve();
    else response.once('finish', resolve).once('close', resolve);
  });
}
