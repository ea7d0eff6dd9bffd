import type { HeaderList } from '#proxy/headers.ts';
import { BodyReader, UNTIL_CLOSE } from '#proxy/http1/body.ts';
import { HeadReader } from '#proxy/http1/head.ts';
import { keepsAlive } from '#proxy/http1/keep-alive.ts';
import { responseBodyLength } from '#proxy/http1/response-body.ts';
import { readHead } from '#proxy/listener/head.ts';
import { HEAD_LIMITS } from '#proxy/listener/limits.ts';
import { defaultPort } from '#proxy/listener/settings.ts';
import type { Kind } from './generate.ts';

export interface Message {
  /** Of a request; of a response, status and reason. */
  line: string;
  /** Name, value, name, value … as written, in order. */
  fields: readonly string[];
  body: string;
  trailers: readonly string[];
}

export interface OurMessage extends Message {
  /** Offset behind its last byte; -1 while it is not complete. */
  end: number;
  /** Another protocol follows that is ours to pass on: the bytes behind are no HTTP. */
  isUpgrade: boolean;
  /** It ends with the connection. */
  isLast: boolean;
}

export interface Refused {
  /** The grammar's failure, or what a check has to say. */
  why: string;
  /** Where the message begins that is refused, and the first byte with which it was. */
  start: number;
  at: number;
}

export interface Outcome {
  messages: readonly OurMessage[];
  /** Whose head was accepted while the body is still to come. */
  partial: OurMessage | undefined;
  refused: Refused | undefined;
  /** Nothing more is read of this connection. */
  isClosed: boolean;
}

/** Reads a connection's bytes, in whatever pieces, as listener and upstream client do. */
export class OurReader {
  readonly #kind: Kind;
  readonly #methods: readonly string[];
  readonly #head: HeadReader;
  readonly #body: BodyReader;
  readonly #messages: OurMessage[] = [];
  #partial: OurMessage | undefined;
  #refused: Refused | undefined;
  #isClosed = false;
  #closesAfter = false;
  #length = 0;
  #answered = 0;
  /** Bytes of the chunks before this one. */
  #before = 0;
  #start = 0;

  constructor(kind: Kind, methods: readonly string[]) {
    this.#kind = kind;
    this.#methods = methods;
    this.#head = new HeadReader(kind, HEAD_LIMITS);
    this.#body = new BodyReader(HEAD_LIMITS, (bytes) => {
      if (this.#partial !== undefined) this.#partial.body += bytes.toString('latin1');
    });
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (this.#refused === undefined && !this.#isClosed) {
      const next =
        this.#partial === undefined ? this.#pushHead(chunk, at) : this.#pushBody(chunk, at);
      if (next === undefined) break;
      at = next;
    }
    this.#before += chunk.length;
  }

  end(): Outcome {
    if (this.#partial !== undefined && this.#length === UNTIL_CLOSE) this.#complete(this.#before);
    return {
      messages: this.#messages,
      partial: this.#partial,
      refused: this.#refused,
      isClosed: this.#isClosed,
    };
  }

  /** The offset at which to go on; undefined to wait for more bytes. */
  #pushHead(chunk: Buffer, at: number): number | undefined {
    if (at === chunk.length) return undefined;
    const state = this.#head.push(chunk, at);
    if (state === 'more') return undefined;
    if (state !== 'done') return this.#refuse(state, chunk);
    const accepted = this.#kind === 'request' ? this.#request() : this.#response();
    this.#head.reset();
    if (typeof accepted === 'string') return this.#refuse(accepted, chunk);
    this.#partial = accepted;
    this.#body.begin(this.#length);
    return this.#head.next;
  }

  #pushBody(chunk: Buffer, at: number): number | undefined {
    const state = this.#body.push(chunk, at);
    if (state === 'more') return undefined;
    if (state !== 'done') return this.#refuse(state, chunk);
    this.#complete(this.#before + this.#body.next);
    return this.#body.next;
  }

  #complete(end: number): void {
    const message = this.#partial;
    if (message === undefined) return;
    message.end = end;
    message.trailers = this.#body.trailers?.toRaw() ?? [];
    this.#messages.push(message);
    this.#partial = undefined;
    this.#start = end;
    this.#isClosed = this.#closesAfter || message.isUpgrade;
  }

  #refuse(why: string, chunk: Buffer): undefined {
    this.#refused = { why, start: this.#start, at: this.#before + chunk.length - 1 };
    this.#partial = undefined;
  }

  #request(): OurMessage | string {
    const line = this.#head.requestLine();
    if (typeof line === 'string') return line;
    const headers = this.#head.headers();
    const fields = headers.toRaw();
    const head = readHead(line, headers, defaultPort('inbound'));
    if (!head.ok) return head.message;
    this.#length = head.value.bodyLength;
    this.#closesAfter = closes(headers, line.version);
    const text = `${line.method} ${line.target} ${line.version}`;
    return message(text, fields, head.value.upgrade !== undefined);
  }

  #response(): OurMessage | string {
    const line = this.#head.statusLine();
    if (typeof line === 'string') return line;
    const headers = this.#head.headers();
    const { status, version, reason } = line;
    const isInterim = status >= 100 && status < 200;
    const method = this.#methods[this.#answered] ?? 'GET';
    const length = responseBodyLength(headers, status, method, version);
    if (length === undefined) return 'ambiguous length';
    // What follows 101 is another protocol's; a final response must follow all others of 1xx.
    if (!isInterim) this.#answered++;
    this.#length = isInterim ? 0 : length;
    this.#closesAfter = closes(headers, version);
    const text = `${String(status).padStart(3, '0')} ${reason} ${version}`;
    const isLast = this.#length === UNTIL_CLOSE;
    return { ...message(text, headers.toRaw(), status === 101), isLast };
  }
}

function message(line: string, fields: readonly string[], isUpgrade: boolean): OurMessage {
  return { line, fields, body: '', trailers: [], end: -1, isUpgrade, isLast: false };
}

/** llhttp takes Proxy-Connection for Connection: behind its close there is nothing to compare. */
function closes(headers: HeaderList, version: string): boolean {
  const isProxyClose = /(^|,)[ \t]*close[ \t]*(,|$)/i.test(headers.get('proxy-connection') ?? '');
  return isProxyClose || !keepsAlive(version, headers.get('connection'));
}

/** What is read of the whole when it comes in pieces of the given lengths, the rest last. */
export function readOurs(
  kind: Kind,
  methods: readonly string[],
  bytes: Buffer,
  cuts: readonly number[] = [],
): Outcome {
  const reader = new OurReader(kind, methods);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut > from) reader.push(Buffer.from(bytes.subarray(from, cut)));
    from = cut;
  }
  return reader.end();
}
