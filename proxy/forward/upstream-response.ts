import type { ClientRequest, IncomingMessage } from 'node:http';
import type { UpstreamBody } from '../exchange.ts';

/** A body of at most this size is read and dropped so that its connection can be kept. */
const DRAIN_BYTES_MAX = 64 * 1024;
const DRAIN_TIMEOUT_MS = 2_000;

/** A response whose head has come and whose body is still to be passed on or thrown away. */
export class UpstreamResponse implements UpstreamBody {
  readonly #request: ClientRequest;
  readonly stream: IncomingMessage;

  constructor(request: ClientRequest, stream: IncomingMessage) {
    this.#request = request;
    this.stream = stream;
    // A break shows as an end without `complete`; the one who reads the stream looks there.
    stream.on('error', ignoreBreak);
  }

  discard(): void {
    const length = Number(this.stream.headers['content-length'] ?? Number.NaN);
    if (!(length <= DRAIN_BYTES_MAX)) {
      this.destroy();
      return;
    }
    this.onIdle(DRAIN_TIMEOUT_MS, () => this.destroy());
    this.stream.resume();
  }

  destroy(): void {
    this.#request.destroy();
  }

  /** Calls back when nothing has moved on the upstream's connection for so long. */
  onIdle(idleMs: number, run: () => void): void {
    this.#request.setTimeout(idleMs, run);
  }
}

function ignoreBreak(): void {}
