import type { Socket } from 'node:net';
import type { HeaderList } from '../headers.ts';
import { BodyReader } from '../http1/body.ts';
import type { Http1Failure } from '../http1/failure.ts';
import { HeadReader, type RequestLine } from '../http1/head.ts';
import type { HeadLimits } from '../http1/head-scanner.ts';

export interface Http1InputOwner {
  /** Somebody takes the body that comes, or it is dropped. */
  readonly isReceiving: boolean;
  /** The first bytes of a head came, and not all of it. */
  headBegun(): void;
  /** Called before `request`, so that all is set when it is answered at once: its body's bytes. */
  bodyLengthOf(line: RequestLine, headers: HeaderList): number;
  request(): void;
  body(bytes: Buffer): void;
  bodyEnd(trailers: HeaderList | undefined): void;
  bad(failure: Http1Failure): void;
}

const HEAD = 0;
const BODY = 1;
/** A request is read to its end, and the next has to wait. */
const WAITING = 2;
const STOPPED = 3;

/**
 * What comes on a server's connection: one request after the other, each read on only when it is
 * wanted. What has to wait is held, at most one chunk of the socket, and the socket is paused.
 */
export class Http1Input {
  readonly #socket: Socket;
  readonly #owner: Http1InputOwner;
  readonly #head: HeadReader;
  readonly #body: BodyReader;
  #state = HEAD;
  #held: Buffer | undefined;
  #reading = false;
  #paused = false;
  /** What follows the request is no other one: it goes back, before the client's end is seen. */
  handsBack = false;

  constructor(socket: Socket, owner: Http1InputOwner, limits: HeadLimits) {
    this.#socket = socket;
    this.#owner = owner;
    this.#head = new HeadReader('request', limits);
    this.#body = new BodyReader(limits, (bytes) => owner.body(bytes));
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  get isInHead(): boolean {
    return this.#head.isUnderWay;
  }

  push(chunk: Buffer): void {
    if (this.#held === undefined) this.#read(chunk);
    else this.#held = Buffer.concat([this.#held, chunk]);
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
    const held = this.#held;
    if (this.#reading || held === undefined || !this.#mayRead) return;
    this.#held = undefined;
    this.#read(held);
  }

  /** The answer is out: the next request may be read, or first the rest of this one. */
  next(requestEnded: boolean): void {
    this.#state = requestEnded ? HEAD : BODY;
    if (!this.#reading) this.resume();
  }

  /** Nothing more is read here; gives what was held. */
  stop(): Buffer | undefined {
    this.#state = STOPPED;
    const held = this.#held;
    this.#held = undefined;
    this.#head.reset();
    return held;
  }

  get #mayRead(): boolean {
    return this.#state === HEAD || (this.#state === BODY && this.#owner.isReceiving);
  }

  #read(chunk: Buffer): void {
    this.#reading = true;
    let at = 0;
    while (at < chunk.length && this.#mayRead && !this.#socket.destroyed) {
      at = this.#state === HEAD ? this.#readHead(chunk, at) : this.#readBody(chunk, at);
    }
    this.#reading = false;
    if (at >= chunk.length || this.#state === STOPPED) return;
    this.pause();
    const rest = at === 0 ? chunk : chunk.subarray(at);
    if (this.handsBack) this.#socket.unshift(rest);
    else this.#held = rest;
  }

  #readHead(chunk: Buffer, from: number): number {
    const reader = this.#head;
    const wasUnderWay = reader.isUnderWay;
    const state = reader.push(chunk, from);
    if (state === 'more') {
      if (!wasUnderWay) this.#owner.headBegun();
      return chunk.length;
    }
    const line = state === 'done' ? reader.requestLine() : state;
    if (typeof line === 'string') {
      this.#owner.bad(line);
      return chunk.length;
    }
    const { next } = reader;
    const headers = reader.headers();
    reader.reset();
    const length = this.#owner.bodyLengthOf(line, headers);
    this.#state = length === 0 ? WAITING : BODY;
    if (length !== 0) this.#body.begin(length);
    this.#owner.request();
    return next;
  }

  #readBody(chunk: Buffer, from: number): number {
    const state = this.#body.push(chunk, from);
    if (state === 'more') return chunk.length;
    if (state !== 'done') {
      this.#owner.bad(state);
      return chunk.length;
    }
    const { next, trailers } = this.#body;
    if (this.#state === BODY) this.#state = WAITING;
    this.#owner.bodyEnd(trailers);
    return next;
  }
}
