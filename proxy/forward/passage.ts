import type { Duplex } from 'node:stream';
import { ERRORS, type FailureReason } from '../errors.ts';
import type { Exchange, UpstreamBody } from '../exchange.ts';
import { grpcTrailers } from '../grpc/reply.ts';
import { grpcStatusIn, grpcStatusOf } from '../grpc/status.ts';
import type { HeaderList } from '../headers.ts';
import { passableTrailers } from '../listener/hop.ts';
import type { ClientStream, ResponseHead } from '../stream.ts';
import { WheelTimer } from '../wheel.ts';
import type { ForwardParts } from './attempt.ts';
import { openTunnelOf } from './tunnel.ts';
import type { UpstreamStream } from './upstream.ts';

/** A body of at most this size is read and dropped so that its connection can be kept. */
const DRAIN_BYTES_MAX = 64 * 1024;
const DRAIN_TIMEOUT_MS = 2_000;

/**
 * A response whose head has come: passed on to the client at the pace of the slower, or thrown
 * away before another try. A body that breaks off upstream breaks off downstream too; it never
 * looks complete. Fills in the exchange's bytes and reason.
 */
export class Passage implements UpstreamBody {
  readonly #parts: ForwardParts;
  readonly #stream: UpstreamStream;
  readonly #client: ClientStream;
  readonly #exchange: Exchange;
  #timer: WheelTimer | undefined;
  #mode: 'undecided' | 'passing' | 'dropping' | 'over' = 'undecided';
  #head: ResponseHead | undefined;
  #length: number | undefined;
  #movedMs = 0;
  /** The client takes no more for now: its connection watches how long. */
  #isHeldUp = false;

  constructor(
    parts: ForwardParts,
    stream: UpstreamStream,
    client: ClientStream,
    exchange: Exchange,
  ) {
    this.#parts = parts;
    this.#stream = stream;
    this.#client = client;
    this.#exchange = exchange;
  }

  /** Sends the head; the body follows as it comes. */
  pass(head: ResponseHead): void {
    this.#mode = 'passing';
    this.#head = head;
    this.#exchange.status = head.status;
    if (this.#exchange.isGrpc) this.#beginCall(head);
    if (head.status === 101) return;
    const client = this.#client;
    const onGone = (): void => this.clientBroke('client_closed');
    const onDrain = (): void => {
      this.#isHeldUp = false;
      this.#movedMs = this.#parts.clock.nowMs();
      this.#stream.resume();
    };
    client.onGone = onGone;
    client.onDrain = onDrain;
    client.head(head);
  }

  discard(): void {
    this.#mode = 'dropping';
    if (this.#length !== undefined && this.#length <= DRAIN_BYTES_MAX) this.#watch();
    else this.abort();
  }

  /** Of the response that `discard` may have to read. */
  set length(bytes: number | undefined) {
    this.#length = bytes;
  }

  abort(): void {
    this.#over();
    this.#stream.abort();
  }

  data(bytes: Buffer): void {
    if (this.#mode !== 'passing') {
      // Decisions are made while the head is handed on; a body nobody decided on goes nowhere.
      if (this.#mode === 'undecided') this.abort();
      return;
    }
    this.#exchange.bytesOut += bytes.length;
    if (this.#client.body(bytes)) return;
    this.#isHeldUp = true;
    this.#stream.pause();
  }

  /** The request moves: a stream of messages is at rest when both directions are. */
  requestMoved(): void {
    this.#movedMs = this.#parts.clock.nowMs();
  }

  /** What of the body came in one piece was handed on, and more is to come. */
  pieceEnd(): void {
    if (this.#mode !== 'passing' && this.#mode !== 'dropping') return;
    this.#client.flush();
    this.#watch();
  }

  end(trailers: HeaderList | undefined, requestSent: boolean): void {
    const isPassing = this.#mode === 'passing';
    this.#over();
    // The answer is complete and the request is not: nobody wants the rest of it.
    if (!requestSent) this.#stream.abort();
    if (!isPassing || this.#head?.status === 101) return;
    if (this.#exchange.isGrpc && trailers !== undefined) {
      this.#exchange.grpcStatus = grpcStatusIn(trailers);
    }
    this.#client.drop();
    this.#client.finish(passableTrailers(trailers));
  }

  upstreamBroke(): void {
    if (this.#mode === 'passing') this.#breakOff('upstream_aborted');
    else this.#over();
  }

  clientBroke(why: Extract<FailureReason, 'client_closed' | 'bad_request'>): void {
    if (this.#mode === 'over') return;
    this.#breakOff(why);
  }

  tunnel(upstream: Duplex): void {
    const head = this.#head;
    if (head === undefined || this.#client.gone) {
      upstream.destroy();
      return;
    }
    this.#over();
    const client = this.#client;
    const sides = { client: client.tunnel(head), upstream, wheel: this.#parts.wheel };
    openTunnelOf(this.#exchange, sides, () => client.onOver?.());
  }

  /** Bodies are bounded by their pauses, and by the exchange's deadline. */
  #watch(): void {
    this.#movedMs = this.#parts.clock.nowMs();
    if (this.#timer !== undefined) return;
    this.#timer = new WheelTimer(() => this.#onTime());
    this.#setTimer();
  }

  #setTimer(): void {
    const idleMs = this.#mode === 'dropping' ? DRAIN_TIMEOUT_MS : this.#exchange.streamIdleMs;
    const nowMs = this.#parts.clock.nowMs();
    const dueMs = Math.min(this.#movedMs + idleMs, this.#exchange.deadlineMs);
    if (this.#timer !== undefined) this.#parts.wheel.set(this.#timer, Math.max(0, dueMs - nowMs));
  }

  #onTime(): void {
    const nowMs = this.#parts.clock.nowMs();
    if (this.#mode === 'dropping') this.abort();
    else if (nowMs >= this.#exchange.deadlineMs) this.#breakOff('request_timeout');
    else if (this.#isHeldUp) {
      this.#movedMs = nowMs;
      this.#setTimer();
    } else if (nowMs - this.#movedMs >= this.#exchange.streamIdleMs)
      this.#breakOff('upstream_timeout');
    else this.#setTimer();
  }

  #breakOff(reason: FailureReason): void {
    this.#exchange.reason = reason;
    this.abort();
    if (this.#exchange.isGrpc && this.#endCall(reason)) return;
    this.#client.abort();
  }

  /** Its trailers are what matters: no length may let a client take the body for all there is. */
  #beginCall(head: ResponseHead): void {
    this.#exchange.grpcStatus = grpcStatusIn(head.headers);
    if (head.length === undefined || head.length === 0) return;
    head.length = undefined;
    head.headers.remove('content-length');
  }

  /** A call of gRPC can say why it ends, as long as its trailers are still to come. */
  #endCall(reason: FailureReason): boolean {
    const client = this.#client;
    const hasTrailers = this.#head?.length === undefined && client.headSent;
    if (client.gone || !hasTrailers || !client.readsTrailers) return false;
    const code = grpcStatusOf(reason, 0);
    this.#exchange.grpcStatus = code;
    client.drop();
    client.finish(grpcTrailers(code, ERRORS[reason].message));
    return true;
  }

  #over(): void {
    this.#mode = 'over';
    if (this.#timer !== undefined) this.#parts.wheel.clear(this.#timer);
    this.#timer = undefined;
  }
}
