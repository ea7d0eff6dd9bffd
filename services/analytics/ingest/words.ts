/**
 * Columns of words in ClickHouse's Native format, `LowCardinality(String)`: a version, flags with the
 * type of the indexes, the words, and for each row the index of its word (all counts UInt64). Those
 * that proxies write have their own words, and no more than rows.
 */
import { endOfTexts, readVarint } from './texts.ts';

const VERSION = 1;
const OWN_WORDS = 0x200;
const INDEX_TYPE_MAX = 2;
const COUNT_BYTES = 8;
const TWO_32 = 2 ** 32;

interface Words {
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
  if (version !== VERSION || type < 0 || type > INDEX_TYPE_MAX) return undefined;
  if (count === undefined || count > rows) return undefined;
  const wordsEnd = endOfTexts(body, wordsAt, count);
  if (wordsEnd === undefined || readCount(body, wordsEnd) !== rows) return undefined;
  const width = 2 ** type;
  const indexesAt = wordsEnd + COUNT_BYTES;
  const end = indexesAt + rows * width;
  if (end > body.length) return undefined;
  for (let at = indexesAt; at < end; at += width) {
    if (readIndex(body, at, width) >= count) return undefined;
  }
  return { count, wordsAt, wordsEnd, width, indexesAt, end };
}

/** Where such a column stands in a body that has been read. */
export interface WordsAt {
  body: Buffer;
  rows: number;
  at: number;
}

/** One column with the rows of all, each word once, in the order in which they came. */
export function planWords(columns: readonly WordsAt[]): {
  bytes: number;
  copyTo(target: Buffer, at: number): void;
} {
  const numbers = new Map<string, number>();
  const words: Buffer[] = [];
  let wordBytes = 0;
  let rows = 0;
  const parts = columns.flatMap(({ body, at, rows: count }) => {
    const found = readWords(body, at, count);
    if (found === undefined) return [];
    rows += count;
    const renamed: number[] = [];
    let wordAt = found.wordsAt;
    for (let i = 0; i < found.count; i++) {
      const length = readVarint(body, wordAt);
      const end = (length?.end ?? wordAt) + (length?.value ?? 0);
      const text = body.toString('latin1', wordAt, end);
      let number = numbers.get(text);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(text, number);
        words.push(body.subarray(wordAt, end));
        wordBytes += end - wordAt;
      }
      renamed.push(number);
      wordAt = end;
    }
    return [{ body, found, renamed }];
  });
  const type = numbers.size <= 0x100 ? 0 : numbers.size <= 0x1_0000 ? 1 : 2;
  const width = 2 ** type;
  return {
    bytes: 4 * COUNT_BYTES + wordBytes + rows * width,
    copyTo(target, start) {
      let at = writeCount(target, start, VERSION);
      at = writeCount(target, at, OWN_WORDS + type);
      at = writeCount(target, at, numbers.size);
      for (const word of words) at += word.copy(target, at);
      at = writeCount(target, at, rows);
      for (const { body, found, renamed } of parts) {
        for (let from = found.indexesAt; from < found.end; from += found.width) {
          const number = renamed[readIndex(body, from, found.width)] ?? 0;
          at = writeIndex(target, at, width, number);
        }
      }
    },
  };
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
