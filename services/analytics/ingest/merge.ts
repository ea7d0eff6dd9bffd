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
  dataBytes: number;
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
  const headBytes = heads.reduce((sum, head) => sum + head.length, 0);
  const dataBytes = layouts.reduce((sum, layout) => sum + layout.dataBytes, 0);
  const merged = Buffer.allocUnsafe(counts.length + headBytes + dataBytes);
  let at = counts.copy(merged);
  columns.forEach(({ wire }, index) => {
    at += heads[index]?.copy(merged, at) ?? 0;
    const map = MAPS[wire];
    if (map !== undefined) at = mergeMaps(merged, at, { layouts, index, key: map.key });
    else
      for (const { body, bounds } of layouts)
        at += body.copy(merged, at, bounds[2 * index], bounds[2 * index + 1]);
  });
  return [merged, ...rest];
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

/** Ends count on from the block before, keys and values follow one another; where that ends. */
function mergeMaps(
  merged: Buffer,
  start: number,
  { layouts, index, key }: { layouts: readonly Layout[]; index: number; key: WireType },
): number {
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
  return at;
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
  let dataBytes = 0;
  let at = rows.end;
  for (const [index, { wire }] of columns.entries()) {
    const head = heads[index];
    if (head === undefined || !stands(head, body, at)) return undefined;
    const start = at + head.length;
    const end = endOf(body, start, { rows: rows.value, wire });
    if (end === undefined || end > body.length) return undefined;
    bounds.push(start, end);
    dataBytes += end - start;
    at = end;
  }
  return at === body.length ? { body, rows: rows.value, bounds, dataBytes } : undefined;
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
