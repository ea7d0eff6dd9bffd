/**
 * Columns of words in ClickHouse's Native format (WORDS_VERSION tells it). Those that proxies write
 * have no more words than rows.
 */
import { OWN_WORDS, WORDS_VERSION, indexTypeOf } from '#contracts/record.ts';
import { endOfTexts, readVarint } from './texts.ts';

const INDEX_TYPE_MAX = 2;
const COUNT_BYTES = 8;
const TWO_32 = 2 ** 32;

/** Where such a column stands in its body. */
export interface Words {
  /** How many; they stand from `wordsAt` to `wordsEnd`. */
  count: number;
  wordsAt: number;
  wordsEnd: number;
  /** Bytes of an index. */
  width: number;
  indexesAt: number;
  end: number;
}

/** Undefined: no such column, or one whose rows do not all have a word. */
export function readWords(body: Buffer, start: number, rows: number): Words | undefined {
  const wordsAt = start + 3 * COUNT_BYTES;
  const version = readCount(body, start);
  const type = (readCount(body, start + COUNT_BYTES) ?? 0) - OWN_WORDS;
  const count = readCount(body, start + 2 * COUNT_BYTES);
  if (version !== WORDS_VERSION || type < 0 || type > INDEX_TYPE_MAX) return undefined;
  if (count === undefined || count > rows) return undefined;
  const wordsEnd = endOfTexts(body, wordsAt, count);
  if (wordsEnd === undefined || readCount(body, wordsEnd) !== rows) return undefined;
  const width = 2 ** type;
  const indexesAt = wordsEnd + COUNT_BYTES;
  const end = indexesAt + rows * width;
  if (end > body.length) return undefined;
  if (!areBelow(body, { indexesAt, end, width }, count)) return undefined;
  return { count, wordsAt, wordsEnd, width, indexesAt, end };
}

function areBelow(
  body: Buffer,
  { indexesAt, end, width }: Pick<Words, 'indexesAt' | 'end' | 'width'>,
  count: number,
): boolean {
  if (width === 1) {
    if (count > 0xff) return true;
    for (let at = indexesAt; at < end; at++) if ((body[at] ?? 0) >= count) return false;
    return true;
  }
  for (let at = indexesAt; at < end; at += width) {
    if (readIndex(body, at, width) >= count) return false;
  }
  return true;
}

/** A column of a body that has been read. */
export interface WordsOf {
  body: Buffer;
  rows: number;
  words: Words;
}

/** One column with the rows of all, each word once, in the order in which they came. */
export function planWords(columns: readonly WordsOf[]): {
  bytes: number;
  copyTo(target: Buffer, at: number): void;
} {
  const union = new Union();
  const renamed = columns.map((column) => union.add(column));
  const rows = columns.reduce((sum, column) => sum + column.rows, 0);
  const type = indexTypeOf(union.size);
  const width = 2 ** type;
  return {
    bytes: 4 * COUNT_BYTES + union.bytes + rows * width,
    copyTo(target, start) {
      let at = writeCount(target, start, WORDS_VERSION);
      at = writeCount(target, at, OWN_WORDS + type);
      at = writeCount(target, at, union.size);
      at = union.copyTo(target, at);
      at = writeCount(target, at, rows);
      for (const [index, column] of columns.entries()) {
        writeIndexes(target, at, width, { ...column, numbers: renamed[index] ?? [] });
        at += column.rows * width;
      }
    },
  };
}

/** The words of several columns. */
class Union {
  readonly #numbers = new Map<string, number>();
  readonly #words: Buffer[] = [];
  #last: WordsOf | undefined;
  #lastNumbers: readonly number[] = [];
  bytes = 0;

  get size(): number {
    return this.#words.length;
  }

  /** The numbers of a column's words here. */
  add(column: WordsOf): readonly number[] {
    // Most columns of blocks that follow one another have the same words.
    if (this.#last === undefined || !haveSameWords(this.#last, column)) {
      this.#lastNumbers = this.#numbersOf(column);
    }
    this.#last = column;
    return this.#lastNumbers;
  }

  copyTo(target: Buffer, start: number): number {
    let at = start;
    for (const word of this.#words) at += word.copy(target, at);
    return at;
  }

  #numbersOf({ body, words }: WordsOf): number[] {
    const numbers: number[] = [];
    let at = words.wordsAt;
    for (let i = 0; i < words.count; i++) {
      const length = readVarint(body, at);
      const end = (length?.end ?? at) + (length?.value ?? 0);
      const text = body.toString('latin1', at, end);
      let number = this.#numbers.get(text);
      if (number === undefined) {
        number = this.#words.length;
        this.#numbers.set(text, number);
        this.#words.push(body.subarray(at, end));
        this.bytes += end - at;
      }
      numbers.push(number);
      at = end;
    }
    return numbers;
  }
}

function haveSameWords(a: WordsOf, b: WordsOf): boolean {
  const length = a.words.wordsEnd - a.words.wordsAt;
  if (a.words.count !== b.words.count) return false;
  if (b.words.wordsEnd - b.words.wordsAt !== length) return false;
  for (let i = 0; i < length; i++) {
    if (a.body[a.words.wordsAt + i] !== b.body[b.words.wordsAt + i]) return false;
  }
  return true;
}

function writeIndexes(
  target: Buffer,
  start: number,
  width: number,
  { body, rows, words, numbers }: WordsOf & { numbers: readonly number[] },
): void {
  const { indexesAt, end, width: from } = words;
  if (width === 1 && words.count === 1) {
    target.fill(numbers[0] ?? 0, start, start + rows);
    return;
  }
  let at = start;
  if (width === 1 && from === 1) {
    for (let i = indexesAt; i < end; i++) target[at++] = numbers[body[i] ?? 0] ?? 0;
    return;
  }
  for (let i = indexesAt; i < end; i += from) {
    at = writeIndex(target, at, width, numbers[readIndex(body, i, from)] ?? 0);
  }
}

/** Undefined for one beyond 2^32, which is none of ours, and where the bytes end before it does. */
function readCount(body: Buffer, at: number): number | undefined {
  if (at + COUNT_BYTES > body.length) return undefined;
  return body.readUInt32LE(at + 4) === 0 ? body.readUInt32LE(at) : undefined;
}

function writeCount(target: Buffer, at: number, count: number): number {
  target.writeUInt32LE(count % TWO_32, at);
  return target.writeUInt32LE(0, at + 4);
}

function readIndex(body: Buffer, at: number, width: number): number {
  const low = body[at] ?? 0;
  if (width === 1) return low;
  return width === 2 ? low | ((body[at + 1] ?? 0) << 8) : body.readUInt32LE(at);
}

function writeIndex(target: Buffer, at: number, width: number, number: number): number {
  if (width === 1) {
    target[at] = number;
    return at + 1;
  }
  return width === 2 ? target.writeUInt16LE(number, at) : target.writeUInt32LE(number, at);
}
