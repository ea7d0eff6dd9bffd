import type { HeaderList } from '../headers.ts';
import { LIMITS } from '../listener/limits.ts';
import type { UpstreamStream } from './upstream.ts';

/**
 * What an HTTP/2 upstream got of a request's body before its answer, in case it says that it has
 * not looked at it. A body that grows beyond one buffer is not kept: it is sent once.
 */
export class SentBody {
  #pieces: Buffer[] = [];
  #bytes = 0;
  isWhole = true;
  /** Set with the end of the body. */
  trailers: HeaderList | undefined;

  /** `isOwed`: no upstream has it yet, so that it is kept in any case. */
  add(bytes: Buffer, isOwed: boolean): void {
    this.#bytes += bytes.length;
    if (!this.isWhole) return;
    if (this.#bytes <= LIMITS.bufferBytes || isOwed) this.#pieces.push(bytes);
    else {
      this.isWhole = false;
      this.#pieces = [];
    }
  }

  /** False: the upstream takes no more for now. */
  sendTo(stream: UpstreamStream): boolean {
    let isReady = true;
    for (const piece of this.#pieces) isReady = stream.body(piece);
    return isReady;
  }
}
