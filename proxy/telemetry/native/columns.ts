/**
 * Columns of a block while it is filled, each in the bytes that ClickHouse's Native format wants
 * (little endian, as every machine that Node runs on). `push` returns the bytes it added.
 */
export interface ColumnWriter {
  readonly byteLength: number;
  /** Copies the bytes to `target` at `at`. */
  copyTo(target: Uint8Array, at: number): void;
  reset(): void;
}

/** Longer texts are cut: no single row may fill a block. */
export const TEXT_CHARS_MAX = 8_192;
const ASCII_LOOP_MAX = 64;
const FIRST_BYTES = 4_096;

/** `String`: for each value its length in bytes as a varint, and its bytes in UTF-8. */
export class TextColumn implements ColumnWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  /** The value before, and where its encoding lies: most columns repeat themselves. */
  #last = '';
  #lastStart = 0;
  #lastEnd = 0;

  get byteLength(): number {
    return this.#length;
  }

  push(value: string): number {
    const start = this.#length;
    if (value === this.#last && this.#lastEnd > 0) {
      const size = this.#lastEnd - this.#lastStart;
      if (start + size > this.#bytes.length) this.#grow(size);
      this.#bytes.copyWithin(start, this.#lastStart, this.#lastEnd);
      this.#length = start + size;
      return size;
    }
    if (value.length > ASCII_LOOP_MAX || !this.#pushAscii(value)) this.#pushAny(value);
    this.#last = value;
    this.#lastStart = start;
    this.#lastEnd = this.#length;
    return this.#length - start;
  }

  copyTo(target: Uint8Array, at: number): void {
    target.set(this.#bytes.subarray(0, this.#length), at);
  }

  reset(): void {
    this.#length = 0;
    this.#last = '';
    this.#lastEnd = 0;
  }

  /** Short and ASCII, which nearly all are: cheaper byte by byte than by a call into Node. */
  #pushAscii(value: string): boolean {
    const size = value.length;
    if (this.#length + size + 1 > this.#bytes.length) this.#grow(size + 1);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = size;
    for (let i = 0; i < size; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[at++] = code;
    }
    this.#length = at;
    return true;
  }

  #pushAny(value: string): void {
    const text = value.length > TEXT_CHARS_MAX ? value.slice(0, TEXT_CHARS_MAX) : value;
    const size = Buffer.byteLength(text);
    if (this.#length + size + 5 > this.#bytes.length) this.#grow(size + 5);
    this.#length = writeVarint(this.#bytes, this.#length, size);
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
  }

  #grow(by: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + by));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }
}

type Numbers = Uint8Array | Int16Array | Uint16Array | Uint32Array;

/** Whole numbers of up to 32 bits; a value outside the type's range is held at its edge. */
export class NumberColumn implements ColumnWriter {
  #values: Numbers;
  readonly #min: number;
  readonly #max: number;
  #rows = 0;

  constructor(values: Numbers) {
    this.#values = values;
    const bits = values.BYTES_PER_ELEMENT * 8;
    const signed = values instanceof Int16Array;
    this.#min = signed ? -(2 ** (bits - 1)) : 0;
    this.#max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  }

  get byteLength(): number {
    return this.#rows * this.#values.BYTES_PER_ELEMENT;
  }

  push(value: number): number {
    if (this.#rows === this.#values.length) this.#values = grown(this.#values);
    this.#values[this.#rows++] =
      value >= this.#min ? (value <= this.#max ? value : this.#max) : this.#min;
    return this.#values.BYTES_PER_ELEMENT;
  }

  copyTo(target: Uint8Array, at: number): void {
    target.set(new Uint8Array(this.#values.buffer, 0, this.byteLength), at);
  }

  reset(): void {
    this.#rows = 0;
  }
}

const TWO_32 = 2 ** 32;

/** `UInt64` and the ticks of a `DateTime64`, from numbers of 0 to 2^53. */
export class WideColumn implements ColumnWriter {
  #words: Uint32Array;
  #length = 0;

  constructor(rows: number) {
    this.#words = new Uint32Array(2 * rows);
  }

  get byteLength(): number {
    return this.#length * 4;
  }

  push(value: number): number {
    if (this.#length === this.#words.length) this.#words = grown(this.#words);
    const whole = value > 0 ? value : 0;
    this.#words[this.#length++] = whole; // Stored modulo 2^32.
    this.#words[this.#length++] = whole / TWO_32;
    return 8;
  }

  copyTo(target: Uint8Array, at: number): void {
    target.set(new Uint8Array(this.#words.buffer, 0, this.byteLength), at);
  }

  reset(): void {
    this.#length = 0;
  }
}

/** `Map(UInt16, UInt64)`: the end of each row's entries, then all keys, then all values. */
export class BucketsColumn implements ColumnWriter {
  readonly #ends: WideColumn;
  readonly #keys: NumberColumn;
  readonly #values: WideColumn;
  #entries = 0;

  constructor(rows: number) {
    this.#ends = new WideColumn(rows);
    this.#keys = new NumberColumn(new Uint16Array(4 * rows));
    this.#values = new WideColumn(4 * rows);
  }

  get byteLength(): number {
    return this.#ends.byteLength + this.#keys.byteLength + this.#values.byteLength;
  }

  /** One entry of the row that `endRow` will end. */
  push(key: number, value: number): void {
    this.#keys.push(key);
    this.#values.push(value);
    this.#entries++;
  }

  endRow(): void {
    this.#ends.push(this.#entries);
  }

  copyTo(target: Uint8Array, at: number): void {
    this.#ends.copyTo(target, at);
    this.#keys.copyTo(target, at + this.#ends.byteLength);
    this.#values.copyTo(target, at + this.#ends.byteLength + this.#keys.byteLength);
  }

  reset(): void {
    this.#ends.reset();
    this.#keys.reset();
    this.#values.reset();
    this.#entries = 0;
  }
}

function grown<T extends Numbers>(values: T): T {
  const larger = new (values.constructor as new (length: number) => T)(values.length * 2);
  larger.set(values);
  return larger;
}

/** Writes a LEB128 varint (below 2^31) and returns the position after it. */
export function writeVarint(target: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}
