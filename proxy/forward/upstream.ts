import type { Duplex } from 'node:stream';
import type { Reason } from '#contracts/reasons.ts';
import type { HeaderList } from '../headers.ts';

/** A request head as it goes to an upstream; protocols write it each in its own way. */
export interface UpstreamRequest {
  method: string;
  /** Path and query. */
  target: string;
  /** With `host`, and with the body's length where it is known. */
  headers: HeaderList;
  hasBody: boolean;
  /** The length of the body is not known. */
  isChunked: boolean;
  upgrade: 'websocket' | undefined;
  /** It is a call of gRPC, whose answer ends with trailers. */
  isGrpc: boolean;
}

/** What an upstream answers with, as it comes. */
export interface UpstreamEvents {
  inform(status: number, headers: HeaderList): void;
  /** `length`: bytes of the body; undefined when they are not known. */
  head(status: number, headers: HeaderList, length: number | undefined): void;
  /** After a head with 101: the connection, or its stream, is bytes from here on. */
  tunnel(bytes: Duplex): void;
  response(bytes: Buffer): void;
  responseEnd(trailers: HeaderList | undefined): void;
  /** All that came in one piece was handed on: what is gathered may go out. */
  pieceEnd(): void;
  drain(): void;
  /**
   * `seen`: something of an answer came before; `told`: what the client may know of it. Called at
   * most once, and nothing after it.
   */
  failed(reason: UpstreamFailure, seen: boolean, message: string, told?: string): void;
}

export type UpstreamFailure = Extract<
  Reason,
  'upstream_reset' | 'upstream_invalid' | 'upstream_timeout'
>;

/** One request on a connection to an endpoint, in whatever protocol it speaks. */
export interface UpstreamStream {
  /** The connection has carried another request before. */
  readonly reused: boolean;
  /** After `failed`: the upstream says that it has not looked at the request. */
  readonly refused: boolean;
  begin(events: UpstreamEvents): void;
  send(request: UpstreamRequest): void;
  /** False: hold on until `drain`. */
  body(bytes: Buffer): boolean;
  finish(trailers: HeaderList | undefined): void;
  flush(): void;
  pause(): void;
  resume(): void;
  /** Gives the exchange up; nothing is called any more. */
  abort(): void;
}
