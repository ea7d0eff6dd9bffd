import type { Column, WireType } from '#contracts/record.ts';

/**
 * Blocks of a column store are cheap by the row only when they have many: ClickHouse parses blocks
 * of 100 rows at three times the cost of blocks of 500. So small ones are made one, column by
 * column, by where their columns begin and end.
 */
export const MERGE_ROWS_MEAN_MAX = 500;

/** Bytes of a value; undefined: that depends on the value. */
const WIDTHS: Readonly<Record<WireType, number | undefined>> = {
  String: undefined,
  UInt8: 1,
  Int16: 2,
  UInt16: 2,
  UInt32: 4,
  UInt64: 8,
  "DateTime64(6, 'UTC')": 8,
  "DateTime('UTC')": 4,
  'Map(UInt16, UInt64)': undefined,
};
/** Of a map of buckets: where each row's pairs end (UInt64), then all keys, then all values. */
const MAP_END_BYTES = 8;
const MAP_KEY_BYTES = 2;
const MAP_VALUE_BYTES = 8;

/** A body with where the data of its columns begins and ends: two numbers for each. */
interface Layout {
  body: Buffer;
  rows: number;
  bounds: number[];
}

/**
 * The same rows in the same order as one Native block, followed by those bodies that are no single
 * block of these columns: what is wrong with them is for ClickHouse to say.
 */
export function mergeBlocks(bodies: readonly Buffer[], columns: readonly Column[]): Buffer[] {
  const heads = columns.map(headOf);
  const layouts: Layout[] = [];
  const rest: Buffer[] = [];
  for (const body of bodies) {
    const layout = layoutOf(body, columns, heads);
    if (layout === undefined) rest.push(body);
    else layouts.push(layout);
  }
  const rows = layouts.reduce((sum, layout) => sum + layout.rows, 0);
  if (layouts.length < 2 || rows / layouts.length >= MERGE_ROWS_MEAN_MAX) return [...bodies];
  const pieces: Buffer[] = [varint(columns.length), varint(rows)];
  columns.forEach(({ wire }, index) => {
    pieces.push(heads[index] ?? Buffer.alloc(0));
    const data = layouts.map((layout) => dataOf(layout, index));
    if (wire === 'Map(UInt16, UInt64)') pieces.push(...mergeMaps(data, layouts));
    else pieces.push(...data);
  });
  return [Buffer.concat(pieces), ...rest];
}

function dataOf({ body, bounds }: Layout, index: number): Buffer {
  return body.subarray(bounds[2 * index], bounds[2 * index + 1]);
}

/** Ends count on from the block before; keys and values follow one another. */
function mergeMaps(data: readonly Buffer[], layouts: readonly Layout[]): Buffer[] {
  const [ends, keys, values]: [Buffer[], Buffer[], Buffer[]] = [[], [], []];
  let pairs = 0n;
  data.forEach((map, index) => {
    const endsBytes = (layouts[index]?.rows ?? 0) * MAP_END_BYTES;
    const moved = Buffer.from(map.subarray(0, endsBytes));
    for (let at = 0; at < endsBytes; at += MAP_END_BYTES) {
      moved.writeBigUInt64LE(moved.readBigUInt64LE(at) + pairs, at);
    }
    ends.push(moved);
    const own = (map.length - endsBytes) / (MAP_KEY_BYTES + MAP_VALUE_BYTES);
    keys.push(map.subarray(endsBytes, endsBytes + own * MAP_KEY_BYTES));
    values.push(map.subarray(endsBytes + own * MAP_KEY_BYTES));
    pairs += BigInt(own);
  });
  return [...ends, ...keys, ...values];
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
  let at = rows.end;
  for (const [index, { wire }] of columns.entries()) {
    const head = heads[index];
    if (head === undefined || !body.subarray(at, at + head.length).equals(head)) return undefined;
    const start = at + head.length;
    const end = endOf(body, start, { rows: rows.value, wire });
    if (end === undefined || end > body.length) return undefined;
    bounds.push(start, end);
    at = end;
  }
  return at === body.length ? { body, rows: rows.value, bounds } : undefined;
}

function endOf(
  body: Buffer,
  start: number,
  { rows, wire }: { rows: number; wire: WireType },
): number | undefined {
  const width = WIDTHS[wire];
  if (width !== undefined) return start + rows * width;
  return wire === 'String' ? endOfTexts(body, start, rows) : endOfMaps(body, start, rows);
}

function endOfTexts(body: Buffer, start: number, rows: number): number | undefined {
  let at = start;
  for (let row = 0; row < rows; row++) {
    const first = body[at];
    if (first === undefined) return undefined;
    if (first < 0x80) {
      at += 1 + first;
    } else {
      const length = readVarint(body, at);
      if (length === undefined) return undefined;
      at = length.end + length.value;
    }
  }
  return at;
}

function endOfMaps(body: Buffer, start: number, rows: number): number | undefined {
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
  return endsAt + Number(pairs) * (MAP_KEY_BYTES + MAP_VALUE_BYTES);
}

function headOf({ name, wire }: Column): Buffer {
  const texts = [name, wire].map((text) => Buffer.from(text));
  return Buffer.concat(texts.flatMap((text) => [varint(text.length), text]));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return Buffer.from([...bytes, left]);
}

/** LEB128 of at most five bytes; undefined where the bytes end before it does. */
export function readVarint(
  bytes: Buffer,
  start: number,
): { value: number; end: number } | undefined {
  let value = 0;
  for (let at = start; at < start + 5; at++) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}
