import type { Column, WireType } from '#contracts/record.ts';
import { endOfTexts, readVarint, varint } from './texts.ts';
import { type Words, planWords, readWords } from './words.ts';

/**
 * Blocks of a column store are cheap by the row only when they have many: ClickHouse parses blocks
 * of 100 rows at three times the cost of blocks of 500. So small ones are made one, column by
 * column, by where their columns begin and end.
 */
export const MERGE_ROWS_MEAN_MAX = 500;

const WORDS = 'LowCardinality(String)';
/** Bytes of a value; undefined: that depends on the value. */
const WIDTHS: Readonly<Record<WireType, number | undefined>> = {
  String: undefined,
  'LowCardinality(String)': undefined,
  UInt8: 1,
  Int16: 2,
  UInt16: 2,
  UInt32: 4,
  UInt64: 8,
  "DateTime64(6, 'UTC')": 8,
  "DateTime('UTC')": 4,
  'Map(UInt16, UInt64)': undefined,
  'Map(String, String)': undefined,
};
/** Of a map: where each row's pairs end (UInt64), then all keys, then all values. */
const MAP_END_BYTES = 8;
const MAPS: Partial<Readonly<Record<WireType, { key: WireType; value: WireType }>>> = {
  'Map(UInt16, UInt64)': { key: 'UInt16', value: 'UInt64' },
  'Map(String, String)': { key: 'String', value: 'String' },
};

/** A body with where the data of its columns begins and ends: two numbers for each. */
interface Layout {
  body: Buffer;
  rows: number;
  bounds: number[];
  /** Of its columns of words, by their place. */
  words: Map<number, Words>;
}

/**
 * The same rows in the same order as one Native block, followed by those bodies that are no single
 * block of these columns: what is wrong with them is for ClickHouse to say.
 */
export function mergeBlocks(bodies: readonly Buffer[], columns: readonly Column[]): Buffer[] {
  if (bodies.length < 2 || meanRows(bodies) >= MERGE_ROWS_MEAN_MAX) return [...bodies];
  const heads = columns.map(headOf);
  const layouts: Layout[] = [];
  const rest: Buffer[] = [];
  for (const body of bodies) {
    const layout = layoutOf(body, columns, heads);
    if (layout === undefined) rest.push(body);
    else layouts.push(layout);
  }
  if (layouts.length < 2) return [...bodies];
  const rows = layouts.reduce((sum, layout) => sum + layout.rows, 0);
  const counts = Buffer.concat([varint(columns.length), varint(rows)]);
  const pieces = columns.map(({ wire }, index) => pieceOf(wire, layouts, index));
  const bytes = [counts, ...heads].reduce((sum, { length }) => sum + length, 0);
  const merged = Buffer.allocUnsafe(pieces.reduce((sum, piece) => sum + piece.bytes, bytes));
  let at = counts.copy(merged);
  for (const [index, piece] of pieces.entries()) {
    at += heads[index]?.copy(merged, at) ?? 0;
    piece.copyTo(merged, at);
    at += piece.bytes;
  }
  return [merged, ...rest];
}

/** The data of one column of all rows. */
interface Piece {
  bytes: number;
  copyTo(target: Buffer, at: number): void;
}

function pieceOf(wire: WireType, layouts: readonly Layout[], index: number): Piece {
  if (wire === WORDS) {
    return planWords(
      layouts.flatMap(({ body, rows, words }) => {
        const found = words.get(index);
        return found === undefined ? [] : [{ body, rows, words: found }];
      }),
    );
  }
  const bytes = layouts.reduce(
    (sum, { bounds }) => sum + (bounds[2 * index + 1] ?? 0) - (bounds[2 * index] ?? 0),
    0,
  );
  const map = MAPS[wire];
  return {
    bytes,
    copyTo: (target, start) => {
      if (map !== undefined) {
        mergeMaps(target, start, { layouts, index, key: map.key });
        return;
      }
      let at = start;
      for (const { body, bounds } of layouts)
        at += body.copy(target, at, bounds[2 * index], bounds[2 * index + 1]);
    },
  };
}

/** Whether a body is one block of these columns, as far as can be told without ClickHouse. */
export function isWhole(body: Buffer, columns: readonly Column[]): boolean {
  return layoutOf(body, columns, columns.map(headOf)) !== undefined;
}

/** As the bodies say of themselves, so that large ones are not walked through for nothing. */
function meanRows(bodies: readonly Buffer[]): number {
  let rows = 0;
  for (const body of bodies) {
    const columns = readVarint(body, 0);
    rows += (columns && readVarint(body, columns.end)?.value) ?? 0;
  }
  return rows / bodies.length;
}

/** Ends count on from the block before, keys and values follow one another. */
function mergeMaps(
  merged: Buffer,
  start: number,
  { layouts, index, key }: { layouts: readonly Layout[]; index: number; key: WireType },
): void {
  let at = start;
  let before = 0n;
  const maps = layouts.map(({ body, bounds, rows }) => {
    const first = bounds[2 * index] ?? 0;
    const keysAt = first + rows * MAP_END_BYTES;
    const pairs = rows === 0 ? 0n : body.readBigUInt64LE(keysAt - MAP_END_BYTES);
    for (let end = first; end < keysAt; end += MAP_END_BYTES) {
      at = merged.writeBigUInt64LE(body.readBigUInt64LE(end) + before, at);
    }
    before += pairs;
    const valuesAt = endOf(body, keysAt, { rows: Number(pairs), wire: key });
    return { body, keysAt, valuesAt, endsAt: bounds[2 * index + 1] };
  });
  for (const { body, keysAt, valuesAt } of maps) at += body.copy(merged, at, keysAt, valuesAt);
  for (const { body, endsAt, valuesAt } of maps) at += body.copy(merged, at, valuesAt, endsAt);
}

function layoutOf(
  body: Buffer,
  columns: readonly Column[],
  heads: readonly Buffer[],
): Layout | undefined {
  const counted = readVarint(body, 0);
  const rows = counted === undefined ? undefined : readVarint(body, counted.end);
  if (rows === undefined || counted?.value !== columns.length) return undefined;
  const bounds: number[] = [];
  const words = new Map<number, Words>();
  let at = rows.end;
  for (const [index, { wire }] of columns.entries()) {
    const head = heads[index];
    if (head === undefined || !stands(head, body, at)) return undefined;
    const start = at + head.length;
    const found = wire === WORDS ? readWords(body, start, rows.value) : undefined;
    if (found !== undefined) words.set(index, found);
    const end = wire === WORDS ? found?.end : endOf(body, start, { rows: rows.value, wire });
    if (end === undefined || end > body.length) return undefined;
    bounds.push(start, end);
    at = end;
  }
  return at === body.length ? { body, rows: rows.value, bounds, words } : undefined;
}

/** A view of so few bytes would cost more than to look at them. */
function stands(head: Buffer, body: Buffer, start: number): boolean {
  for (let i = 0; i < head.length; i++) if (head[i] !== body[start + i]) return false;
  return true;
}

function endOf(
  body: Buffer,
  start: number,
  { rows, wire }: { rows: number; wire: WireType },
): number | undefined {
  const width = WIDTHS[wire];
  if (width !== undefined) return start + rows * width;
  const map = MAPS[wire];
  return map === undefined
    ? endOfTexts(body, start, rows)
    : endOfMaps(body, start, { rows, ...map });
}

function endOfMaps(
  body: Buffer,
  start: number,
  { rows, key, value }: { rows: number; key: WireType; value: WireType },
): number | undefined {
  const endsAt = start + rows * MAP_END_BYTES;
  if (rows === 0) return start;
  if (endsAt > body.length) return undefined;
  let pairs = 0n;
  for (let at = start; at < endsAt; at += MAP_END_BYTES) {
    const end = body.readBigUInt64LE(at);
    // Pairs of one row are never those of another, nor of another block.
    if (end < pairs || end > BigInt(body.length)) return undefined;
    pairs = end;
  }
  const all = Number(pairs);
  const valuesAt = endOf(body, endsAt, { rows: all, wire: key });
  if (valuesAt === undefined || valuesAt > body.length) return undefined;
  return endOf(body, valuesAt, { rows: all, wire: value });
}

function headOf({ name, wire }: Column): Buffer {
  const texts = [name, wire].map((text) => Buffer.from(text));
  return Buffer.concat(texts.flatMap((text) => [varint(text.length), text]));
}
