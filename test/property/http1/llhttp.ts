import type { Kind } from './generate.ts';
import type { Message } from './ours.ts';

/** llhttp as node ships it, strict: the reader with which ours is compared. */
interface Parser {
  initialize(type: number, resource: object, maxHeaderBytes: number, leniency: number): void;
  execute(bytes: Buffer): number | (Error & { code: string });
  finish(): (Error & { code: string }) | undefined | null;
  /** Frees it: nothing else does. */
  close(): void;
  [callback: number]: (...values: never[]) => unknown;
}

interface ParserClass {
  new (): Parser;
  readonly [constant: string]: number;
}

interface Internals {
  HTTPParser: ParserClass;
  methods: readonly string[];
}

// Not in node's documentation, and in none of its types; there is no other way to its parser.
const { HTTPParser, methods: METHODS } = process.getBuiltinModule(
  '_http_common' as 'http',
) as unknown as Internals;

const constant = (name: string): number => HTTPParser[name] ?? -1;
const ON_HEADERS = constant('kOnHeaders');
const ON_HEADERS_COMPLETE = constant('kOnHeadersComplete');
const ON_BODY = constant('kOnBody');
const ON_MESSAGE_COMPLETE = constant('kOnMessageComplete');
const MAX_HEADER_BYTES = 1_048_576;
const STRICT = 0;
const SKIP_BODY = 1;

/** Node tells no error of a message that has an Upgrade: it only stops. */
export const HIDDEN_ERROR = 'HIDDEN';

export interface TheirMessage extends Message {
  /** The piece whose last byte completed it; -1 while it is not complete. */
  piece: number;
}

export interface Reading {
  messages: readonly TheirMessage[];
  /** The head of the last message was read, its body not yet. */
  partial: TheirMessage | undefined;
  /** Of the message behind the complete ones. */
  error: string | undefined;
}

/** Methods are a closed list to llhttp; to HTTP they are not. */
export function knowsMethod(method: string): boolean {
  return METHODS.includes(method);
}

/** `fresh`: pieces before which another parser takes over, since llhttp stops at any Upgrade. */
export function readTheirs(
  kind: Kind,
  methods: readonly string[],
  pieces: readonly Buffer[],
  fresh: ReadonlySet<number>,
): Reading {
  const reader = new TheirReader(kind, methods);
  try {
    for (const [index, piece] of pieces.entries()) {
      if (fresh.has(index)) reader.restart();
      if (!reader.push(piece, index)) return reader.reading;
    }
    reader.end(pieces.length);
    return reader.reading;
  } finally {
    reader.close();
  }
}

class TheirReader {
  readonly #kind: Kind;
  readonly #methods: readonly string[];
  #parser: Parser;
  readonly #messages: TheirMessage[] = [];
  #partial: TheirMessage | undefined;
  #error: string | undefined;
  #isUpgraded = false;
  #fields: string[] = [];
  #target = '';
  #answered = 0;
  #piece = 0;

  constructor(kind: Kind, methods: readonly string[]) {
    this.#kind = kind;
    this.#methods = methods;
    this.#parser = this.#start();
  }

  get reading(): Reading {
    return { messages: this.#messages, partial: this.#partial, error: this.#error };
  }

  /** False: it refuses the bytes. */
  push(piece: Buffer, index: number): boolean {
    this.#piece = index;
    if (piece.length === 0 || (this.#isUpgraded && this.#partial === undefined)) return true;
    const result = this.#parser.execute(piece);
    if (typeof result !== 'number') this.#error = result.code;
    else if (result < piece.length && this.#partial !== undefined) this.#error = HIDDEN_ERROR;
    return this.#error === undefined;
  }

  end(index: number): void {
    this.#piece = index;
    // A message that is cut short is an error here, and simply not complete to us.
    if (this.#partial !== undefined) this.#parser.finish();
  }

  close(): void {
    this.#parser.close();
  }

  restart(): void {
    this.#parser.close();
    this.#parser = this.#start();
    this.#isUpgraded = false;
  }

  #start(): Parser {
    const parser = new HTTPParser();
    const type = constant(this.#kind === 'request' ? 'REQUEST' : 'RESPONSE');
    parser.initialize(type, {}, MAX_HEADER_BYTES, STRICT);
    parser[ON_HEADERS] = (fields: string[], target: string) => {
      this.#fields.push(...fields);
      if (this.#partial === undefined) this.#target += target;
    };
    parser[ON_HEADERS_COMPLETE] = this.#headersComplete.bind(this);
    parser[ON_BODY] = (bytes: Buffer) => {
      if (this.#partial !== undefined) this.#partial.body += bytes.toString('latin1');
    };
    parser[ON_MESSAGE_COMPLETE] = () => this.#complete();
    return parser;
  }

  #headersComplete(
    major: number,
    minor: number,
    fields: string[] | undefined,
    method: number | undefined,
    target: string | undefined,
    status: number | undefined,
    reason: string | undefined,
    upgrade: boolean,
  ): number {
    const version = `${major}.${minor}`;
    const line =
      this.#kind === 'request'
        ? `${METHODS[method ?? -1] ?? ''} ${this.#target + (target ?? '')} ${version}`
        : `${String(status).padStart(3, '0')} ${reason ?? ''} ${version}`;
    const all = [...this.#fields, ...(fields ?? [])];
    this.#partial = { line, fields: all, body: '', trailers: [], piece: -1 };
    this.#fields = [];
    this.#target = '';
    this.#isUpgraded = upgrade;
    if (this.#kind === 'request' || status === undefined) return 0;
    if (status >= 100 && status < 200) return status === 101 ? 0 : SKIP_BODY;
    return (this.#methods[this.#answered++] ?? 'GET') === 'HEAD' ? SKIP_BODY : 0;
  }

  #complete(): void {
    const message = this.#partial;
    if (message === undefined) return;
    message.piece = this.#piece;
    message.trailers = this.#fields;
    this.#messages.push(message);
    this.#partial = undefined;
    this.#fields = [];
  }
}
