import { COLON, CR, HTAB, IS_FIELD_VALUE, IS_TOKEN, IS_VISIBLE, LF, SP } from './bytes.ts';
import type { Http1Failure } from './failure.ts';

export interface HeadLimits {
  /** Bytes of the first line, without its line end. */
  startLineBytes: number;
  /** Bytes of the whole head, with its line ends. */
  headBytes: number;
  fields: number;
}

export type HeadKind = 'request' | 'response' | 'trailers';

/** Offsets of a field in `marks`: where its name and its value begin and end. */
export const MARKS_PER_FIELD = 4;

const PROTOCOL = 'HTTP/';

// What the next byte belongs to, in the order of a head.
const START = 0;
const LEADING_LF = 1;
const START_LINE = 2;
const START_LINE_LF = 3;
const LINE_START = 4;
const NAME = 5;
const BEFORE_VALUE = 6;
const VALUE = 7;
const VALUE_LF = 8;
const LAST_LF = 9;
const DONE = 10;

export type Scan = 'more' | 'done' | Http1Failure;

/**
 * Finds the parts of a head (RFC 9112 section 2.1), of a request or a response, or of the trailer
 * section of a chunked body. None of the standard's leniencies is granted but one: an empty line
 * before a request. Called again with more bytes behind the same ones it goes on where it was, so
 * that a head costs and yields the same however it is cut.
 */
export class HeadScanner {
  readonly #limits: HeadLimits;
  readonly #kind: HeadKind;
  /** Offsets from the head's first byte. */
  readonly marks: Int32Array;
  fields = 0;
  /** Where the first line lies. */
  lineStart = 0;
  lineEnd = 0;
  /** A request line's spaces; the line has exactly two. */
  firstSpace = -1;
  secondSpace = -1;
  /** Bytes seen of the head; all of them once it is done. */
  length = 0;
  #state = START;
  #failure: Http1Failure = 'bad_start_line';

  constructor(kind: HeadKind, limits: HeadLimits) {
    this.#kind = kind;
    this.#limits = limits;
    this.marks = new Int32Array(limits.fields * MARKS_PER_FIELD);
    this.reset();
  }

  reset(): void {
    this.fields = 0;
    this.lineStart = 0;
    this.lineEnd = 0;
    this.firstSpace = -1;
    this.secondSpace = -1;
    this.length = 0;
    this.#state = this.#kind === 'trailers' ? LINE_START : START;
  }

  /** The head begins at `base`; `bytes` may be read up to `end`. */
  scan(bytes: Uint8Array, base: number, end: number): Scan {
    const { headBytes } = this.#limits;
    const stop = Math.min(end, base + headBytes);
    let at = base + this.length;
    while (at < stop) {
      at =
        this.#state < LINE_START
          ? this.#line(bytes, base, at, stop)
          : this.#field(bytes, base, at, stop);
      if (at < 0) return this.#failure;
      if (this.#state === DONE) {
        this.length = at - base;
        return 'done';
      }
    }
    this.length = at - base;
    return this.length >= headBytes ? 'head_too_large' : 'more';
  }

  /** Reads on in or before the first line; the next offset, or -1. */
  #line(bytes: Uint8Array, base: number, at: number, stop: number): number {
    switch (this.#state) {
      case START:
        // RFC 9112 section 2.2: an empty line before a request line is passed over.
        if (bytes[at] === CR && this.#kind === 'request' && at === base) {
          this.#state = LEADING_LF;
          return at + 1;
        }
        this.lineStart = at - base;
        this.#state = START_LINE;
        return at;
      case LEADING_LF:
        if (bytes[at] !== LF) return this.#fail('bad_start_line');
        this.#state = START;
        return at + 1;
      case START_LINE_LF:
        if (bytes[at] !== LF) return this.#fail('bad_start_line');
        this.#state = LINE_START;
        return at + 1;
      default:
        return this.#kind === 'request'
          ? this.#requestLine(bytes, base, at, stop)
          : this.#statusLine(bytes, base, at, stop);
    }
  }

  #requestLine(bytes: Uint8Array, base: number, from: number, stop: number): number {
    let at = from;
    for (; at < stop; at++) {
      const byte = bytes[at] as number;
      if (IS_VISIBLE[byte] === 1) {
        if (this.firstSpace < 0 && IS_TOKEN[byte] === 0) return this.#fail('bad_start_line');
        continue;
      }
      if (byte === SP) {
        if (this.firstSpace < 0) this.firstSpace = at - base;
        else if (this.secondSpace < 0) this.secondSpace = at - base;
        else return this.#fail('bad_start_line');
        continue;
      }
      if (byte !== CR) return this.#fail('bad_start_line');
      break;
    }
    return this.#endOfLine(base, at, stop);
  }

  #statusLine(bytes: Uint8Array, base: number, from: number, stop: number): number {
    let at = from;
    for (; at < stop && IS_FIELD_VALUE[bytes[at] as number] === 1; at++) {
      const offset = at - base - this.lineStart;
      // Whatever speaks another protocol is known by its first bytes; its head might never end.
      const isHttp = offset >= PROTOCOL.length || bytes[at] === PROTOCOL.charCodeAt(offset);
      if (!isHttp) return this.#fail('bad_start_line');
    }
    if (at < stop && bytes[at] !== CR) return this.#fail('bad_start_line');
    return this.#endOfLine(base, at, stop);
  }

  #endOfLine(base: number, at: number, stop: number): number {
    const length = at - base - this.lineStart;
    if (length > this.#limits.startLineBytes) return this.#fail('line_too_long');
    if (at === stop) return at;
    this.lineEnd = at - base;
    this.#state = START_LINE_LF;
    return at + 1;
  }

  /** Reads on in the fields; the next offset, or -1. */
  #field(bytes: Uint8Array, base: number, from: number, stop: number): number {
    let at = from;
    const slot = this.fields * MARKS_PER_FIELD;
    const { marks } = this;
    if (this.#state === LINE_START) {
      if (bytes[at] === CR) {
        this.#state = LAST_LF;
        return at + 1;
      }
      if (this.fields >= this.#limits.fields) return this.#fail('too_many_fields');
      marks[slot] = at - base;
      this.#state = NAME;
    }
    if (this.#state === NAME) {
      while (at < stop && IS_TOKEN[bytes[at] as number] === 1) at++;
      if (at === stop) return at;
      if (bytes[at] !== COLON || at - base === marks[slot]) return this.#fail('bad_field');
      at++;
      marks[slot + 1] = at - 1 - base;
      this.#state = BEFORE_VALUE;
    }
    if (this.#state === BEFORE_VALUE) {
      while (at < stop && (bytes[at] === SP || bytes[at] === HTAB)) at++;
      if (at === stop) return at;
      marks[slot + 2] = at - base;
      this.#state = VALUE;
    }
    return this.#value(bytes, base, at, stop);
  }

  /** Reads on in a value, or in the line end behind it or behind the whole head. */
  #value(bytes: Uint8Array, base: number, from: number, stop: number): number {
    let at = from;
    switch (this.#state) {
      case VALUE:
        while (at < stop && IS_FIELD_VALUE[bytes[at] as number] === 1) at++;
        if (at === stop) return at;
        if (bytes[at] !== CR) return this.#fail('bad_field');
        this.marks[this.fields * MARKS_PER_FIELD + 3] = this.#trimmed(bytes, base, at);
        this.#state = VALUE_LF;
        return at + 1;
      case VALUE_LF:
        if (bytes[at] !== LF) return this.#fail('bad_field');
        this.fields++;
        this.#state = LINE_START;
        return at + 1;
      default:
        if (bytes[at] !== LF) return this.#fail('bad_field');
        this.#state = DONE;
        return at + 1;
    }
  }

  /** Where a value ends without the white space behind it. */
  #trimmed(bytes: Uint8Array, base: number, end: number): number {
    const start = base + (this.marks[this.fields * MARKS_PER_FIELD + 2] as number);
    let at = end;
    while (at > start && (bytes[at - 1] === SP || bytes[at - 1] === HTAB)) at--;
    return at - base;
  }

  #fail(failure: Http1Failure): -1 {
    this.#failure = failure;
    return -1;
  }
}
