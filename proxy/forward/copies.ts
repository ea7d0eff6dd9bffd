import type { Duplex } from 'node:stream';
import type { Attempt, Reply } from '../exchange.ts';
import type { HeaderList } from '../headers.ts';
import type { Copier, OpenCopy } from '../mirrors.ts';
import type { BodySink, ClientStream } from '../stream.ts';
import type { Head } from '../tries.ts';
import { type ForwardParts, UpstreamAttempt } from './attempt.ts';
import { Passage } from './passage.ts';

/** Copies under way in one worker; what comes beyond is not copied. */
export const COPIES_MAX = 256;
/** Of a request's body that a mirror has not taken yet; one that is slower is given up. */
export const COPY_BUFFER_BYTES_MAX = 1024 * 1024;
/** The same of all copies together. */
const BUFFERS_BYTES_MAX = 16 * COPY_BUFFER_BYTES_MAX;
/** Of an answer, which nobody reads; beyond it is cheaper to break it off. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** Sends copies of requests as any request is sent, and drops what comes back. */
export class Copies implements Copier {
  readonly #parts: ForwardParts;
  readonly #open = new Set<CopyStream>();
  #heldBytes = 0;
  /** Copies that were not made, were given up, or got no answer; since the worker's start. */
  lost = 0;

  constructor(parts: ForwardParts) {
    this.#parts = parts;
  }

  get inFlight(): number {
    return this.#open.size;
  }

  open(over: () => void): OpenCopy | undefined {
    if (this.inFlight >= COPIES_MAX) {
      this.lost++;
      return undefined;
    }
    const copy = new CopyStream(this.#parts, this, (isLost) => {
      this.#open.delete(copy);
      if (isLost) this.lost++;
      over();
    });
    this.#open.add(copy);
    return copy;
  }

  /** The worker ends: nobody waits for mirrors. */
  destroy(): void {
    for (const copy of this.#open) copy.giveUp();
  }

  /** Room for so many bytes more, of which one copy holds so many; false: there is none. */
  hold(bytes: number, heldBytes: number): boolean {
    const fits = heldBytes + bytes <= COPY_BUFFER_BYTES_MAX;
    if (!fits || this.#heldBytes + bytes > BUFFERS_BYTES_MAX) return false;
    this.#heldBytes += bytes;
    return true;
  }

  free(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}

/**
 * Stands in for the client of a copy: its request's body is what the original's upstream gets, as
 * far as it fits into a bounded buffer, and its response goes nowhere. The original is never held
 * up, whatever becomes of the copy.
 */
class CopyStream implements ClientStream, OpenCopy {
  readonly #parts: ForwardParts;
  readonly #copies: Copies;
  readonly #over: (isLost: boolean) => void;
  #sink: BodySink | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #trailers: HeaderList | undefined;
  #isPaused = false;
  #endsHanded = false;
  #answerBytes = 0;
  #isLost = false;
  #isOver = false;
  gone = false;
  requestEnded = false;
  headSent = false;
  readonly readsTrailers = false;
  onGone: (() => void) | undefined;
  onDrain: (() => void) | undefined;
  onOver: (() => void) | undefined;

  constructor(parts: ForwardParts, copies: Copies, over: (isLost: boolean) => void) {
    this.#parts = parts;
    this.#copies = copies;
    this.#over = over;
  }

  get attempt(): Attempt {
    return (exchange, endpoint, limits, done) => {
      new UpstreamAttempt(this.#parts, this, exchange, endpoint, limits, done).start();
    };
  }

  answered(result: Head | Reply): void {
    if (!('kind' in result)) {
      this.#isLost = true;
      this.#end();
      return;
    }
    const { status, headers, length, body } = result;
    if (this.gone || !(body instanceof Passage)) {
      body.discard();
      this.#end();
      return;
    }
    body.pass({ status, headers, length, close: false });
  }

  // The body of the original.

  data(bytes: Buffer): void {
    if (this.#isOver || this.gone || this.requestEnded) return;
    if (this.#sink !== undefined && !this.#isPaused) {
      this.#sink.data(bytes);
      return;
    }
    if (!this.#copies.hold(bytes.length, this.#heldBytes)) {
      this.giveUp();
      return;
    }
    this.#heldBytes += bytes.length;
    this.#held.push(bytes);
  }

  end(trailers: HeaderList | undefined): void {
    this.requestEnded = true;
    this.#trailers = trailers;
    this.#handOn();
  }

  over(): void {
    if (!this.requestEnded) this.giveUp();
  }

  // What an attempt asks of a client.

  receive(sink: BodySink): void {
    this.#sink = sink;
    this.#handOn();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#handOn();
  }

  drop(): void {
    this.#sink = undefined;
    this.#forget();
  }

  inform(): void {}

  head(): void {
    this.headSent = true;
  }

  body(bytes: Buffer): boolean {
    this.#answerBytes += bytes.length;
    if (this.#answerBytes > ANSWER_BYTES_MAX) this.#leave();
    return true;
  }

  flush(): void {}

  finish(): void {
    this.#end();
  }

  /** A copy asks for no other protocol. */
  tunnel(): Duplex {
    throw new TypeError('a copy of a request became a tunnel');
  }

  abort(): void {
    this.#end();
  }

  #handOn(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    while (!this.#isPaused) {
      const piece = this.#held.shift();
      if (piece === undefined) break;
      this.#heldBytes -= piece.length;
      this.#copies.free(piece.length);
      sink.data(piece);
    }
    if (!this.requestEnded || this.#isPaused || this.#endsHanded) return;
    this.#endsHanded = true;
    sink.end(this.#trailers);
  }

  giveUp(): void {
    if (this.#isOver || this.gone) return;
    this.#isLost = true;
    this.#leave();
  }

  /** As a client that goes away: whatever is under way ends. */
  #leave(): void {
    this.gone = true;
    this.#forget();
    this.onGone?.();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#forget();
    this.#over(this.#isLost);
  }

  #forget(): void {
    this.#held = [];
    this.#copies.free(this.#heldBytes);
    this.#heldBytes = 0;
  }
}
