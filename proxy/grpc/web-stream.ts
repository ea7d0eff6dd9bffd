import type { Duplex } from 'node:stream';
import type { Exchange } from '../exchange.ts';
import { HeaderList } from '../headers.ts';
import type { BodySink, ClientStream, ResponseHead } from '../stream.ts';
import { GRPC, isGrpcType } from './protocol.ts';
import { addStatus } from './reply.ts';
import { grpcStatusOf } from './status.ts';
import { MessageBounds, trailersFrame } from './web-frames.ts';
import { TextBody, toBase64 } from './web-text.ts';
import { type WebCall, webType } from './web.ts';

const OK = 200;
const GRPC_STATUS = 'grpc-status';
const NO_STATUS = 'the service said no status';

/**
 * The client of a call of gRPC-Web, for phases that see one of gRPC. Until the backend is chosen,
 * and where that is to get what came, it is the stream beneath.
 */
export class WebStream implements ClientStream {
  readonly #inner: ClientStream;
  readonly #exchange: Exchange;
  readonly #web: WebCall;
  readonly #bounds = new MessageBounds();
  /** The response is gRPC's, and goes out in the form of gRPC-Web. */
  #converts = false;
  #saysStatus = false;
  /** The head is all of the response. */
  #isHeadOnly = false;

  constructor(inner: ClientStream, exchange: Exchange, web: WebCall) {
    this.#inner = inner;
    this.#exchange = exchange;
    this.#web = web;
  }

  get gone(): boolean {
    return this.#inner.gone;
  }

  get requestEnded(): boolean {
    return this.#inner.requestEnded;
  }

  get headSent(): boolean {
    return this.#inner.headSent;
  }

  /** They are in the body: amid a message they would be taken for a part of it. */
  get readsTrailers(): boolean {
    return this.#converts && this.#bounds.isWhole;
  }

  get onGone(): (() => void) | undefined {
    return this.#inner.onGone;
  }

  set onGone(call: (() => void) | undefined) {
    this.#inner.onGone = call;
  }

  get onDrain(): (() => void) | undefined {
    return this.#inner.onDrain;
  }

  set onDrain(call: (() => void) | undefined) {
    this.#inner.onDrain = call;
  }

  get onOver(): (() => void) | undefined {
    return this.#inner.onOver;
  }

  set onOver(call: (() => void) | undefined) {
    this.#inner.onOver = call;
  }

  receive(sink: BodySink): void {
    const isText = this.#exchange.isGrpc && this.#web.isTextIn;
    this.#inner.receive(isText ? new TextBody(this.#exchange, sink) : sink);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  drop(): void {
    this.#inner.drop();
  }

  inform(status: number, headers: HeaderList): void {
    this.#inner.inform(status, headers);
  }

  /** What answers in another type or status is no server of gRPC: its words go on as they are. */
  head(head: ResponseHead): void {
    const type = head.headers.get('content-type');
    this.#converts = this.#exchange.isGrpc && head.status === OK && isGrpcType(type);
    this.#inner.head(this.#converts ? this.#webHead(head, type) : head);
  }

  body(bytes: Buffer): boolean {
    if (!this.#converts) return this.#inner.body(bytes);
    this.#bounds.pass(bytes);
    return this.#send(bytes);
  }

  flush(): void {
    this.#inner.flush();
  }

  finish(trailers: HeaderList | undefined): void {
    if (!this.#converts) {
      this.#inner.finish(trailers);
      return;
    }
    if (!this.#bounds.isWhole) {
      this.#exchange.reason = 'upstream_aborted';
      this.#inner.abort();
      return;
    }
    if (!this.#isHeadOnly && !this.#inner.gone) this.#sendTrailers(trailers);
    this.#inner.finish(undefined);
  }

  tunnel(head: ResponseHead): Duplex {
    return this.#inner.tunnel(head);
  }

  abort(): void {
    this.#inner.abort();
  }

  #webHead({ headers, length, ...head }: ResponseHead, type = ''): ResponseHead {
    this.#saysStatus = headers.has(GRPC_STATUS);
    this.#isHeadOnly = length === 0 && this.#saysStatus;
    headers.set('content-type', webType(this.#web, type.slice(GRPC.length)));
    headers.remove('content-length');
    if (!this.#isHeadOnly) return { ...head, headers, length: undefined };
    // Without it HTTP/1.1 would look for a body until the connection ends.
    if (this.#exchange.request.protocol !== 'http/2') headers.add('content-length', '0');
    return { ...head, headers, length: 0 };
  }

  /** A client that never learns of a status might take what it has for all there is. */
  #sendTrailers(trailers: HeaderList | undefined): void {
    const said = trailers ?? new HeaderList();
    if (!this.#saysStatus && !said.has(GRPC_STATUS)) {
      addStatus(said, grpcStatusOf('ok', OK), NO_STATUS);
    }
    if (said.size === 0) return;
    const frame = trailersFrame(said);
    this.#exchange.bytesOut += frame.length;
    this.#send(frame);
  }

  #send(bytes: Buffer): boolean {
    if (!this.#web.isTextOut) return this.#inner.body(bytes);
    const text = toBase64(bytes);
    // Counted is what the client gets.
    this.#exchange.bytesOut += text.length - bytes.length;
    return this.#inner.body(text);
  }
}
