import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { replyFor } from '../errors.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { StreamAttempt, StreamUpstream } from '../forward/stream-attempt.ts';
import { openTunnelOf } from '../forward/tunnel.ts';
import { alertRecord } from '../tls/alert.ts';
import type { DoorParts } from './door.ts';
import { type Arrival, openStream, peerAddress } from './intake.ts';
import { resetConnection } from './inside.ts';
import { sayAndClose } from './last-words.ts';
import type { RequestRules } from './settings.ts';

export type StreamDoorParts = Omit<DoorParts, 'draining'>;

/** A connection whose bytes are not read. */
export interface Stream {
  /** Paused; nothing of it was taken. */
  socket: Socket;
  /** The server name of its handshake; empty for none, and for bytes without TLS. */
  serverName: string;
  protocol: 'tcp' | 'tls';
  /** A handshake passes through: it can be refused with an alert. */
  isHandshake: boolean;
  rules: RequestRules;
  /** Called once, when all is over. */
  closed: () => void;
}

/**
 * Leads a connection through the phases of a request: it is routed, limited, balanced, tried at
 * other endpoints and recorded as one. What follows is a tunnel.
 */
export class StreamDoor {
  readonly #parts: StreamDoorParts;
  /** Streams that are not over yet. */
  inFlight = 0;

  constructor(parts: StreamDoorParts) {
    this.#parts = parts;
  }

  open(arrival: Arrival, stream: Stream): void {
    const { dataPlane } = this.#parts;
    const { snapshot } = dataPlane;
    const { socket } = stream;
    if (snapshot === undefined) {
      socket.destroy();
      return;
    }
    this.inFlight++;
    const exchange = openStream(arrival, peerAddress(socket), stream, snapshot, this.#parts);
    if (this.#parts.sheds()) {
      this.#refuse(stream, exchange, replyFor('overloaded'));
      return;
    }
    dataPlane.handle(
      exchange,
      (given, endpoint, limits, done) => {
        // What passes through is TLS already, whatever a BackendTLSPolicy says of the Service.
        const own = stream.isHandshake ? { ...limits, tls: undefined } : limits;
        new StreamAttempt(this.#parts, socket, given, endpoint, own, done).start();
      },
      (outcome) => {
        exchange.ttfbMs = this.#parts.clock.nowMs() - exchange.startedMs;
        const body = outcome.kind === 'head' ? outcome.head.body : undefined;
        if (outcome.kind === 'reply') this.#refuse(stream, exchange, outcome.reply);
        else if (body instanceof StreamUpstream) this.#tunnel(stream, exchange, body);
        else throw new TypeError('a stream of another proxy');
      },
    );
  }

  #tunnel(stream: Stream, exchange: Exchange, upstream: StreamUpstream): void {
    const { socket } = stream;
    if (socket.destroyed) {
      upstream.discard();
      exchange.reason = 'client_closed';
      this.#over(stream, exchange, false);
      return;
    }
    const sides = {
      ...{ client: socket, upstream: upstream.socket, wheel: this.#parts.wheel },
      breakOff: (side: Duplex) => resetConnection(side as Socket),
    };
    openTunnelOf(exchange, sides, ({ brokenBy }) => {
      this.#over(stream, exchange, brokenBy === 'upstream');
    });
  }

  /** Nothing can be said to a client but, where it waits for a handshake, an alert. */
  #refuse(stream: Stream, exchange: Exchange, reply: Reply): void {
    const { socket, isHandshake } = stream;
    exchange.reason = reply.reason;
    if (socket.destroyed || !isHandshake) socket.destroy();
    else {
      const isUnknown = reply.reason === 'no_route';
      const alert = alertRecord(isUnknown ? 'unrecognized_name' : 'internal_error');
      sayAndClose(socket, alert, this.#parts.wheel);
    }
    this.#over(stream, exchange, false);
  }

  #over(stream: Stream, exchange: Exchange, aborted: boolean): void {
    this.#parts.dataPlane.release(exchange, { aborted });
    this.inFlight--;
    this.#parts.telemetry.record(exchange);
    stream.closed();
  }
}
