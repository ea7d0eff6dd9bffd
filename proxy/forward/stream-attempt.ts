import type { Socket } from 'node:net';
import type { Endpoint } from '#contracts/events.ts';
import type { AttemptLimits, AttemptResult, Exchange, UpstreamBody } from '../exchange.ts';
import type { FailureReason } from '../errors.ts';
import { HeaderList } from '../headers.ts';
import { WheelTimer } from '../wheel.ts';
import type { ForwardParts } from './attempt.ts';
import type { Connecting } from './connect.ts';
import { TunnelRequest } from './tunnel-request.ts';

/** An upstream's end of a tunnel that is still to be opened. */
export class StreamUpstream implements UpstreamBody {
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  discard(): void {
    this.socket.destroy();
  }
}

const NO_HEADERS = new HeaderList();

/**
 * One try to connect a stream to one endpoint. The client's bytes stay unread until then, so that
 * the next endpoint gets all of them. A connection is a head with status 0: there is none.
 */
export class StreamAttempt {
  readonly #parts: ForwardParts;
  readonly #client: Socket;
  readonly #exchange: Exchange;
  readonly #endpoint: Endpoint;
  readonly #limits: AttemptLimits;
  readonly #done: (result: AttemptResult) => void;
  readonly #timer = new WheelTimer(() => this.#fail('upstream_refused', 'no connection in time'));
  readonly #onClose = (): void => this.#fail('client_closed', 'the client went away');
  #connecting: Connecting | undefined;
  #startedMs = 0;
  #settled = false;

  constructor(
    parts: ForwardParts,
    client: Socket,
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
  }

  start(): void {
    const { pool, clock, wheel } = this.#parts;
    if (this.#client.destroyed) {
      this.#onClose();
      return;
    }
    this.#startedMs = clock.nowMs();
    this.#client.once('close', this.#onClose);
    wheel.set(this.#timer, this.#limits.connectTimeoutMs);
    const { tls } = this.#limits;
    this.#connecting = pool.connector.open(
      this.#endpoint,
      { tls, protocols: [], allowHalfOpen: true },
      (result) => {
        if (!result.ok) {
          this.#fail('upstream_refused', `no connection: ${result.error.message}`);
          return;
        }
        this.#exchange.connectMs = clock.nowMs() - this.#startedMs;
        this.#connected(result.socket);
      },
    );
  }

  #connected(socket: Socket): void {
    const stand = (): void => {
      const body = new StreamUpstream(socket);
      this.#settle({ kind: 'head', status: 0, headers: NO_HEADERS, body });
    };
    if (this.#endpoint.proxy === '') {
      socket.pause();
      stand();
      return;
    }
    new TunnelRequest(socket, (refusal) => {
      if (refusal === undefined) stand();
      else this.#fail('upstream_refused', refusal);
    }).send(this.#exchange);
  }

  #fail(reason: FailureReason, message: string): void {
    if (this.#settled) return;
    this.#connecting?.cancel();
    this.#settle({ kind: 'failed', reason, sent: false, message });
  }

  #settle(result: AttemptResult): void {
    this.#settled = true;
    this.#parts.wheel.clear(this.#timer);
    this.#client.off('close', this.#onClose);
    this.#done(result);
  }
}
