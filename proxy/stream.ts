import type { Duplex } from 'node:stream';
import type { HeaderList } from './headers.ts';

/** Takes a message's body as it comes. */
export interface BodySink {
  /** The bytes are whole chunks of the transport; they may be kept. */
  data(bytes: Buffer): void;
  end(trailers: HeaderList | undefined): void;
  /** There is no end: the sender broke off, or what it sends is no body. */
  broken(why: 'client_closed' | 'bad_request'): void;
}

/** A response head as it goes to a client. */
export interface ResponseHead {
  status: number;
  headers: HeaderList;
  /** Bytes of the body; undefined when they are not known; a message without a body has 0. */
  length: number | undefined;
  /** The connection ends after this response. */
  close: boolean;
}

/**
 * The client's side of an exchange, in whatever protocol it speaks: its request's body, the
 * response on its way, and whether it is still there.
 */
export interface ClientStream {
  /** The connection or stream ended before the response was complete. */
  readonly gone: boolean;
  /** The request was read to its end. */
  readonly requestEnded: boolean;
  readonly headSent: boolean;
  /** Trailers reach the client now: a call that fails behind its head can say so in order. */
  readonly readsTrailers: boolean;
  /** Called at most once, when the client goes; the last one set counts. */
  onGone: (() => void) | undefined;
  /** The response can be written on. */
  onDrain: (() => void) | undefined;
  /** Called once, when the response was handed to the system or the client is gone. */
  onOver: (() => void) | undefined;

  /** Begins to hand on the request's body, which a client that asks first is told to send. */
  receive(sink: BodySink): void;
  pause(): void;
  resume(): void;
  /** Whatever still comes of the request is dropped. */
  drop(): void;

  /** An interim response (RFC 9110 section 15.2); a client that cannot read it gets none. */
  inform(status: number, headers: HeaderList): void;
  head(head: ResponseHead): void;
  /** False: hold on until `onDrain`. */
  body(bytes: Buffer): boolean;
  /** What is held back to go out together goes out now. */
  flush(): void;
  finish(trailers: HeaderList | undefined): void;
  /** Sends a head that ends HTTP on this stream (101, 2xx of CONNECT); what is left is bytes. */
  tunnel(head: ResponseHead): Duplex;
  /** Breaks the response off so that it never looks complete. */
  abort(): void;
}
