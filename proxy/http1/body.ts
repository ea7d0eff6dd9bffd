import type { HeaderList } from '../headers.ts';
import { CR, HEX_VALUE, IS_FIELD_VALUE, LF, SEMICOLON } from './bytes.ts';
import type { Http1Failure } from './failure.ts';
import { HeadReader } from './head.ts';
import type { HeadLimits } from './head-scanner.ts';

/** How the end of a body is known (RFC 9112 section 6.3): bytes left, or one of these. */
export const CHUNKED = -1;
export const UNTIL_CLOSE = -2;

/** What a Content-Length may say: digits alone, no zeros in front, no number that loses a byte. */
export const CONTENT_LENGTH = /^(0|[1-9][0-9]{0,14})$/;

/** Bytes of a chunk's line: its size and what extensions say, which nobody reads. */
const CHUNK_LINE_BYTES_MAX = 1_024;
const CHUNK_DIGITS_MAX = 16;
/** Beyond it a number would lose a byte. */
const CHUNK_BYTES_MAX = Number.MAX_SAFE_INTEGER;

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILERS = 6;

export type BodyState = 'more' | 'done' | Http1Failure;

/**
 * Takes a body's framing off, whatever pieces it comes in: hands on stretches of the bytes as they
 * lie, and nothing that a chunk's line says.
 */
export class BodyReader {
  readonly #limits: HeadLimits;
  #trailerReader: HeadReader | undefined;
  readonly #onData: (bytes: Buffer) => void;
  #isChunked = false;
  #left = 0;
  #state = SIZE;
  #digits = 0;
  #lineBytes = 0;
  /** After `done`: where in the last chunk the bytes behind the body begin. */
  next = 0;
  trailers: HeaderList | undefined;

  constructor(limits: HeadLimits, onData: (bytes: Buffer) => void) {
    this.#limits = limits;
    this.#onData = onData;
  }

  /** `length`: bytes, CHUNKED or UNTIL_CLOSE. */
  begin(length: number): void {
    this.#isChunked = length === CHUNKED;
    this.#left = length === UNTIL_CLOSE ? Number.POSITIVE_INFINITY : Math.max(0, length);
    this.trailers = undefined;
    this.#nextSize();
  }

  push(chunk: Buffer, from: number): BodyState {
    if (this.#isChunked) return this.#chunked(chunk, from);
    const end = Math.min(chunk.length, from + this.#left);
    this.#left -= end - from;
    this.next = end;
    if (end > from)
      this.#onData(from === 0 && end === chunk.length ? chunk : chunk.subarray(from, end));
    return this.#left === 0 ? 'done' : 'more';
  }

  #chunked(chunk: Buffer, from: number): BodyState {
    let at = from;
    while (at < chunk.length) {
      if (this.#state === TRAILERS) return this.#trailer(chunk, at);
      if (this.#state === DATA) {
        const end = Math.min(chunk.length, at + this.#left);
        this.#left -= end - at;
        if (this.#left === 0) this.#state = DATA_CR;
        this.#onData(chunk.subarray(at, end));
        at = end;
      } else if (!this.#framing(chunk[at] as number)) return 'bad_chunk';
      else at++;
    }
    this.next = at;
    return 'more';
  }

  /** One byte of a chunk's line, or of the line end behind its data; false: it may not be. */
  #framing(byte: number): boolean {
    switch (this.#state) {
      case SIZE:
        return this.#size(byte);
      case EXTENSION:
        if (++this.#lineBytes > CHUNK_LINE_BYTES_MAX) return false;
        if (byte === CR) this.#state = SIZE_LF;
        return byte === CR || IS_FIELD_VALUE[byte] === 1;
      case SIZE_LF:
        this.#state = this.#left === 0 ? TRAILERS : DATA;
        return byte === LF;
      case DATA_CR:
        this.#state = DATA_LF;
        return byte === CR;
      default:
        this.#nextSize();
        return byte === LF;
    }
  }

  #size(byte: number): boolean {
    const digit = HEX_VALUE[byte] as number;
    if (digit < 16) {
      if (++this.#digits > CHUNK_DIGITS_MAX) return false;
      this.#left = this.#left * 16 + digit;
      return this.#left <= CHUNK_BYTES_MAX;
    }
    if (this.#digits === 0) return false;
    if (byte === CR) this.#state = SIZE_LF;
    else this.#state = EXTENSION;
    // RFC 9112 section 7.1.1: white space before an extension is bad, and tolerated nowhere here.
    return byte === CR || byte === SEMICOLON;
  }

  #nextSize(): void {
    this.#state = SIZE;
    this.#digits = 0;
    this.#lineBytes = 0;
    if (this.#isChunked) this.#left = 0;
  }

  #trailer(chunk: Buffer, at: number): BodyState {
    const reader = (this.#trailerReader ??= new HeadReader('trailers', this.#limits));
    const state = reader.push(chunk, at);
    if (state === 'more') {
      this.next = chunk.length;
      return 'more';
    }
    if (state === 'done') {
      const trailers = reader.headers();
      this.trailers = trailers.size === 0 ? undefined : trailers;
      this.next = reader.next;
    }
    reader.reset();
    return state;
  }
}
