import { HeaderList } from '../headers.ts';
import { fieldNameIn } from '../field-names.ts';
import { COLON, SP } from './bytes.ts';
import type { Http1Failure } from './failure.ts';
import { type HeadKind, type HeadLimits, HeadScanner, MARKS_PER_FIELD } from './head-scanner.ts';

export interface RequestLine {
  method: string;
  target: string;
  /** `1.1` or `1.0`. */
  version: string;
}

export interface StatusLine {
  readonly status: number;
  readonly reason: string;
  readonly version: string;
}

const scanners = new WeakMap<HeadLimits, Partial<Record<HeadKind, HeadScanner>>>();

function sharedScanner(kind: HeadKind, limits: HeadLimits): HeadScanner {
  let ofLimits = scanners.get(limits);
  if (ofLimits === undefined) scanners.set(limits, (ofLimits = {}));
  return (ofLimits[kind] ??= new HeadScanner(kind, limits));
}

const FIRST_BYTES = 1_024;
const VERSION = /^HTTP\/([0-9])\.([0-9])$/;
/** RFC 9112 section 4; a status line may leave its reason out, with or without the space. */
const STATUS_LINE = /^HTTP\/(1\.[01]) ([0-9]{3})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;

export type HeadState = 'more' | 'done' | Http1Failure;

/**
 * Reads heads, one after the other, from bytes that come in any pieces. What comes whole is read
 * where it lies; only a head in pieces is put together.
 */
export class HeadReader {
  readonly #kind: HeadKind;
  readonly #limits: HeadLimits;
  /** Shared by all readers of a kind while a head comes whole, which is nearly always. */
  #scanner: HeadScanner;
  #held: Buffer | undefined;
  #heldLength = 0;
  #text = '';
  /** The status line that was read last. */
  #lastText = '';
  #last: StatusLine | undefined;
  /** After `done`: where in the last chunk the bytes behind the head begin. */
  next = 0;

  constructor(kind: HeadKind, limits: HeadLimits) {
    this.#kind = kind;
    this.#limits = limits;
    this.#scanner = sharedScanner(kind, limits);
  }

  /** A head has begun and is not complete. */
  get isUnderWay(): boolean {
    return this.#heldLength > 0;
  }

  reset(): void {
    this.#scanner = sharedScanner(this.#kind, this.#limits);
    this.#held = undefined;
    this.#heldLength = 0;
    this.#text = '';
  }

  push(chunk: Buffer, from: number): HeadState {
    if (this.#held === undefined) {
      const shared = this.#scanner;
      shared.reset();
      const scan = shared.scan(chunk, from, chunk.length);
      if (scan === 'done') {
        this.next = from + shared.length;
        this.#text = chunk.toString('latin1', from, this.next);
      }
      if (scan !== 'more' || from === chunk.length) return scan;
      this.#scanner = new HeadScanner(this.#kind, this.#limits);
    }
    const scanner = this.#scanner;
    const before = scanner.length;
    const held = this.#hold(chunk, from);
    const scan = scanner.scan(held, 0, this.#heldLength);
    if (scan === 'done') {
      this.next = from + scanner.length - before;
      this.#text = held.toString('latin1', 0, scanner.length);
    }
    return scan;
  }

  /** Of a request that is `done`. */
  requestLine(): RequestLine | Http1Failure {
    const { lineStart, lineEnd, firstSpace, secondSpace } = this.#scanner;
    if (firstSpace <= lineStart || secondSpace <= firstSpace + 1) return 'bad_start_line';
    const version = this.#text.slice(secondSpace + 1, lineEnd);
    if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
      return VERSION.test(version) ? 'bad_version' : 'bad_start_line';
    }
    return {
      method: this.#text.slice(lineStart, firstSpace),
      target: this.#text.slice(firstSpace + 1, secondSpace),
      version: version === 'HTTP/1.1' ? '1.1' : '1.0',
    };
  }

  /** Of a response that is `done`. */
  statusLine(): StatusLine | Http1Failure {
    const text = this.#text.slice(0, this.#scanner.lineEnd);
    // An upstream says the same again and again.
    if (text === this.#lastText && this.#last !== undefined) return this.#last;
    const match = STATUS_LINE.exec(text);
    if (match === null) return 'bad_start_line';
    const last = { version: match[1] ?? '', status: Number(match[2]), reason: match[3] ?? '' };
    this.#lastText = text;
    this.#last = last;
    return last;
  }

  headers(): HeaderList {
    const list = new HeaderList();
    const { marks, fields } = this.#scanner;
    const text = this.#text;
    for (let field = 0; field < fields; field++) {
      const slot = field * MARKS_PER_FIELD;
      const nameStart = marks[slot] as number;
      const nameEnd = marks[slot + 1] as number;
      const valueStart = marks[slot + 2] as number;
      const valueEnd = marks[slot + 3] as number;
      // The usual spelling is passed on as it came; any other white space is not.
      const isPlain =
        valueStart === nameEnd + 2 &&
        text.charCodeAt(nameEnd) === COLON &&
        text.charCodeAt(nameEnd + 1) === SP &&
        text.charCodeAt(valueEnd) === 0x0d;
      const line = isPlain
        ? text.slice(nameStart, valueEnd + 2)
        : `${text.slice(nameStart, nameEnd)}: ${text.slice(valueStart, valueEnd)}\r\n`;
      list.addLine(fieldNameIn(text, nameStart, nameEnd), line);
    }
    return list;
  }

  /** Grows by doubling: bytes that come one by one are not copied again and again. */
  #hold(chunk: Buffer, from: number): Buffer {
    const needed = this.#heldLength + chunk.length - from;
    let held = this.#held;
    if (held === undefined || held.length < needed) {
      const size = Math.max(FIRST_BYTES, needed, (held?.length ?? 0) * 2);
      const grown = Buffer.allocUnsafe(Math.min(size, Math.max(needed, this.#limits.headBytes)));
      held?.copy(grown, 0, 0, this.#heldLength);
      held = grown;
      this.#held = grown;
    }
    chunk.copy(held, this.#heldLength, from);
    this.#heldLength = needed;
    return held;
  }
}
