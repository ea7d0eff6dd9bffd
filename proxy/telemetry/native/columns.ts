/**
 * Columns of a block while it is filled, each in the bytes that ClickHouse's Native format wants
 * (little endian, as every machine that Node runs on).
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

/**
 * `String`: for each value its length in bytes as a varint, and its bytes in UTF-8. Most columns
 * repeat themselves, so a value equal to the one before is only counted, and written when another
 * comes.
 */
export class TextColumn implements ColumnWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  #last: string | undefined;
  #lastSize = 0;
  #repeats = 0;

  get byteLength(): number {
    return this.#length + this.#repeats * this.#lastSize;
  }

  push(value: string): number {
    if (value === this.#last) {
      this.#repeats++;
      return this.#lastSize;
    }
    if (this.#repeats > 0) this.#writeRepeats();
    const start = this.#length;
    if (value.length > ASCII_LOOP_MAX || !this.#pushAscii(value)) this.#pushAny(value);
    this.#last = value;
    this.#lastSize = this.#length - start;
    return this.#lastSize;
  }

  copyTo(target: Uint8Array, at: number): void {
    if (this.#repeats > 0) this.#writeRepeats();
    target.set(this.#bytes.subarray(0, this.#length), at);
  }

  reset(): void {
    this.#length = 0;
    this.#last = undefined;
    this.#repeats = 0;
  }

  #writeRepeats(): void {
    const size = this.#lastSize * this.#repeats;
    if (this.#length + size > this.#bytes.length) this.#grow(size);
    const value = this.#bytes.subarray(this.#length - this.#lastSize, this.#length);
    this.#bytes.fill(value, this.#length, this.#length + size);
    this.#length += size;
    this.#repeats = 0;
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

const NARROW = { UInt8: Uint8Array, Int16: Int16Array, UInt16: Uint16Array, UInt32: Uint32Array };

/**
 * Whole numbers of up to 32 bits; a value outside the type's range is held at its edge. While the
 * column is filled all widths are 32 bits, so that the one line of code that stores a value sees
 * one kind of array, which is several times faster than four.
 */
export class NumberColumn implements ColumnWriter {
  readonly #narrow: (typeof NARROW)[keyof typeof NARROW];
  readonly #min: number;
  readonly #max: number;
  #values: Uint32Array;
  #rows = 0;

  constructor(wire: keyof typeof NARROW, rows: number) {
    this.#narrow = NARROW[wire];
    this.#values = new Uint32Array(rows);
    const bits = this.#narrow.BYTES_PER_ELEMENT * 8;
    this.#min = wire === 'Int16' ? -(2 ** (bits - 1)) : 0;
    this.#max = wire === 'Int16' ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  }

  get byteLength(): number {
    return this.#rows * this.#narrow.BYTES_PER_ELEMENT;
  }

  push(value: number): void {
    if (this.#rows === this.#values.length) this.#values = grown(this.#values);
    // Stored modulo 2^32, and narrowed modulo 2^bits: negative numbers come out right.
    this.#values[this.#rows++] =
      value >= this.#min ? (value <= this.#max ? value : this.#max) : this.#min;
  }

  /** The same value for every row until there are so many. */
  fill(value: number, rows: number): void {
    while (this.#values.length < rows) this.#values = grown(this.#values);
    const held = Math.min(this.#max, Math.max(this.#min, value));
    this.#values.fill(held, this.#rows, rows);
    this.#rows = rows;
  }

  copyTo(target: Uint8Array, at: number): void {
    const values = new this.#narrow(this.#values.subarray(0, this.#rows));
    target.set(new Uint8Array(values.buffer), at);
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

  push(value: number): void {
    if (this.#length === this.#words.length) this.#words = grown(this.#words);
    const whole = value > 0 ? value : 0;
    this.#words[this.#length++] = whole; // Stored modulo 2^32.
    this.#words[this.#length++] = whole / TWO_32;
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
    this.#keys = new NumberColumn('UInt16', 4 * rows);
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
    copyInOrder([this.#ends, this.#keys, this.#values], target, at);
  }

  reset(): void {
    this.#ends.reset();
    this.#keys.reset();
    this.#values.reset();
    this.#entries = 0;
  }
}

/** `Map(String, String)`: the end of each row's entries, then all keys, then all values. */
export class FieldsColumn implements ColumnWriter {
  readonly #ends: WideColumn;
  readonly #keys = new TextColumn();
  readonly #values = new TextColumn();
  #rows = 0;
  #entries = 0;

  constructor(rows: number) {
    this.#ends = new WideColumn(rows);
  }

  get byteLength(): number {
    return this.#ends.byteLength + this.#keys.byteLength + this.#values.byteLength;
  }

  /** True when no row has an entry. */
  get empty(): boolean {
    return this.#entries === 0;
  }

  /** Name, value, name, value, … of the row with this number; rows left out have none. */
  push(row: number, fields: readonly string[]): number {
    this.endRows(row);
    let bytes = 0;
    for (let i = 0; i + 1 < fields.length; i += 2) {
      bytes += this.#keys.push(fields[i] ?? '') + this.#values.push(fields[i + 1] ?? '');
      this.#entries++;
    }
    this.endRows(row + 1);
    return bytes;
  }

  /** There are so many rows; those that nothing was pushed for have no entry. */
  endRows(rows: number): void {
    for (; this.#rows < rows; this.#rows++) this.#ends.push(this.#entries);
  }

  copyTo(target: Uint8Array, at: number): void {
    copyInOrder([this.#ends, this.#keys, this.#values], target, at);
  }

  reset(): void {
    this.#ends.reset();
    this.#keys.reset();
    this.#values.reset();
    this.#rows = 0;
    this.#entries = 0;
  }
}

function copyInOrder(writers: readonly ColumnWriter[], target: Uint8Array, start: number): void {
  let at = start;
  for (const writer of writers) {
    writer.copyTo(target, at);
    at += writer.byteLength;
  }
}

export function grown(values: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(16, values.length * 2));
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
