import { OWN_WORDS, WORDS_VERSION, indexTypeOf } from '#contracts/record.ts';
import { type ColumnWriter, TextColumn, grown } from './columns.ts';

const INDEX_ARRAYS = [Uint8Array, Uint16Array, Uint32Array] as const;
const WORD_64_BYTES = 8;
/** The version, the flags, how many words, and behind those how many rows. */
const COUNTS_BYTES = 4 * WORD_64_BYTES;

/**
 * `LowCardinality(String)`: each different value once, in the order in which they came, and for
 * each row the number of its value, from 0. A value like the one before costs one comparison.
 */
export class WordColumn implements ColumnWriter {
  readonly #words = new TextColumn();
  readonly #numbers = new Map<string, number>();
  #indexes: Uint32Array;
  #rows = 0;
  #last: string | undefined;
  #lastNumber = 0;

  constructor(rows: number) {
    this.#indexes = new Uint32Array(rows);
  }

  get byteLength(): number {
    const width = 2 ** indexTypeOf(this.#numbers.size);
    return COUNTS_BYTES + this.#words.byteLength + this.#rows * width;
  }

  /** Returns the bytes of a new word, 0 for one that is there. */
  push(value: string): number {
    const bytes = value === this.#last ? 0 : this.#select(value);
    if (this.#rows === this.#indexes.length) this.#indexes = grown(this.#indexes);
    this.#indexes[this.#rows++] = this.#lastNumber;
    return bytes;
  }

  /** The same value for every row until there are so many. */
  fill(value: string, rows: number): void {
    this.#select(value);
    while (this.#indexes.length < rows) this.#indexes = grown(this.#indexes);
    this.#indexes.fill(this.#lastNumber, this.#rows, rows);
    this.#rows = rows;
  }

  copyTo(target: Uint8Array, start: number): void {
    const type = indexTypeOf(this.#numbers.size);
    let at = writeCount(target, start, WORDS_VERSION);
    at = writeCount(target, at, OWN_WORDS + type);
    at = writeCount(target, at, this.#numbers.size);
    this.#words.copyTo(target, at);
    at = writeCount(target, at + this.#words.byteLength, this.#rows);
    const indexes = new INDEX_ARRAYS[type](this.#indexes.subarray(0, this.#rows));
    target.set(new Uint8Array(indexes.buffer), at);
  }

  reset(): void {
    this.#words.reset();
    this.#numbers.clear();
    this.#rows = 0;
    this.#last = undefined;
  }

  #select(value: string): number {
    this.#last = value;
    const known = this.#numbers.get(value);
    this.#lastNumber = known ?? this.#numbers.size;
    if (known !== undefined) return 0;
    this.#numbers.set(value, this.#lastNumber);
    return this.#words.push(value);
  }
}

/** A UInt64 below 2^32; returns the position after it. */
function writeCount(target: Uint8Array, start: number, count: number): number {
  for (let byte = 0; byte < WORD_64_BYTES; byte++) {
    target[start + byte] = byte < 4 ? (count >>> (8 * byte)) & 0xff : 0;
  }
  return start + WORD_64_BYTES;
}
