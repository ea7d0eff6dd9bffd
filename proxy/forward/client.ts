import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * The client's side of an exchange: its request body and the response on its way, and whether the
 * client is still there.
 */
export class ClientStream {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Set when the client asked to be told to go on before it sends its body. */
  readonly expectsContinue: boolean;
  #gone = false;
  readonly #watchers = new Set<() => void>();

  constructor(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) {
    this.request = request;
    this.response = response;
    this.expectsContinue = expectsContinue;
    response.once('close', () => this.#closed());
    // A client that resets its connection: `close` follows and says all there is to know.
    request.on('error', ignoreReset);
    response.on('error', ignoreReset);
  }

  /** The connection ended before the response was complete. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Calls back at most once, when the client goes; returns what takes the call back. */
  onGone(run: () => void): () => void {
    this.#watchers.add(run);
    return () => this.#watchers.delete(run);
  }

  #closed(): void {
    if (this.response.writableFinished) return;
    this.#gone = true;
    for (const run of this.#watchers) run();
    this.#watchers.clear();
  }
}

function ignoreReset(): void {}
