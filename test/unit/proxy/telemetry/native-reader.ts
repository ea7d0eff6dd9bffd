/**
 * Reads one block of ClickHouse's Native format, written from the format's description and not
 * from our encoder: the other opinion in the tests.
 */
export interface ReadBlock {
  rows: number;
  types: Record<string, string>;
  columns: Record<string, unknown[]>;
}

const WORDS = 'LowCardinality(String)';

export function readNative(bytes: Uint8Array): ReadBlock {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = view.getUint8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const text = (): string => {
    const size = varint();
    at += size;
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(at - size, at));
  };
  const fixed = (size: number, read: (position: number) => unknown): unknown => {
    at += size;
    return read(at - size);
  };
  const value = (type: string): unknown => {
    if (type === 'String') return text();
    if (type === 'UInt8') return fixed(1, (p) => view.getUint8(p));
    if (type === 'Int16') return fixed(2, (p) => view.getInt16(p, true));
    if (type === 'UInt16') return fixed(2, (p) => view.getUint16(p, true));
    if (type === 'UInt32') return fixed(4, (p) => view.getUint32(p, true));
    if (type === 'UInt64') return fixed(8, (p) => Number(view.getBigUint64(p, true)));
    if (type === "DateTime64(6, 'UTC')") return fixed(8, (p) => Number(view.getBigInt64(p, true)));
    throw new Error(`no such type: ${type}`);
  };
  const many = (count: number, type: string): unknown[] =>
    Array.from({ length: count }, () => value(type));
  const map = (count: number, key: string, held: string): unknown[] => {
    const ends = many(count, 'UInt64') as number[];
    const entries = ends.at(-1) ?? 0;
    const keys = many(entries, key);
    const values = many(entries, held);
    return ends.map((end, row) => {
      const start = ends[row - 1] ?? 0;
      return keys.slice(start, end).map((key, i) => [key, values[start + i]]);
    });
  };

  /** Words with the block's own dictionary and no other. */
  const words = (count: number): unknown[] => {
    const [version, flags] = many(2, 'UInt64') as [number, number];
    if (version !== 1 || flags - 0x200 > 2) throw new Error(`flags ${flags} of ${version}`);
    const [dictionary = 0] = many(1, 'UInt64') as number[];
    const known = many(dictionary, 'String');
    const [rows] = many(1, 'UInt64');
    if (rows !== count) throw new Error(`${String(rows)} indexes of ${count} rows`);
    const indexes = many(count, ['UInt8', 'UInt16', 'UInt32'][flags - 0x200] ?? '');
    return indexes.map((index) => {
      if (Number(index) >= dictionary) throw new Error(`no word ${String(index)}`);
      return known[Number(index)];
    });
  };

  const columnCount = varint();
  const rows = varint();
  const block: ReadBlock = { rows, types: {}, columns: {} };
  for (let i = 0; i < columnCount; i++) {
    const name = text();
    const type = text();
    block.types[name] = type;
    const [, key, held] = /^Map\((\w+), (\w+)\)$/.exec(type) ?? [];
    if (key && held) block.columns[name] = map(rows, key, held);
    else block.columns[name] = type === WORDS ? words(rows) : many(rows, type);
  }
  if (at !== bytes.byteLength) throw new Error(`${bytes.byteLength - at} bytes are left over`);
  return block;
}
