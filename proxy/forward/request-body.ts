import type { ClientRequest } from 'node:http';
import type { Exchange } from '../exchange.ts';
import type { ClientStream } from './client.ts';

/** Streams the client's body upstream; a slow upstream slows the client down. */
export class RequestBodyPump {
  readonly #client: ClientStream;
  readonly #upstream: ClientRequest;
  readonly #exchange: Exchange;

  constructor(client: ClientStream, upstream: ClientRequest, exchange: Exchange) {
    this.#client = client;
    this.#upstream = upstream;
    this.#exchange = exchange;
  }

  /** `sent` is called when the whole body is on its way. */
  start(sent: () => void): void {
    const { request, response, expectsContinue } = this.#client;
    if (expectsContinue && !response.headersSent) response.writeContinue();
    const onData = (chunk: Buffer): void => {
      this.#exchange.bytesIn += chunk.length;
      if (!this.#upstream.write(chunk)) request.pause();
    };
    const onEnd = (): void => {
      this.#upstream.end();
      sent();
    };
    const onDrain = (): void => {
      request.resume();
    };
    const stop = (): void => {
      request.off('data', onData);
      request.off('end', onEnd);
      this.#upstream.off('drain', onDrain);
      request.resume();
    };
    request.on('data', onData);
    request.once('end', onEnd);
    this.#upstream.on('drain', onDrain);
    // However the upstream ends, what the client still sends is read and dropped, so that it can
    // read its answer.
    this.#upstream.once('close', stop);
  }
}
