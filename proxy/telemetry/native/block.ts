import type { Column, WireType } from '#contracts/record.ts';
import {
  BucketsColumn,
  type ColumnWriter,
  FieldsColumn,
  NumberColumn,
  TextColumn,
  WideColumn,
  writeVarint,
} from './columns.ts';
import { WordColumn } from './word-column.ts';

export type WriterOf<W extends WireType> = W extends 'String'
  ? TextColumn
  : W extends 'LowCardinality(String)'
    ? WordColumn
    : W extends 'UInt64' | "DateTime64(6, 'UTC')"
      ? WideColumn
      : W extends 'Map(UInt16, UInt64)'
        ? BucketsColumn
        : W extends 'Map(String, String)'
          ? FieldsColumn
          : NumberColumn;

type Writers<C extends readonly Column[]> = {
  readonly [K in C[number] as K['name']]: WriterOf<K['wire']>;
};

/**
 * A block in ClickHouse's Native format while it is filled: its columns by name, in the order of
 * the contract. The caller pushes one value to every column for each row.
 */
export class NativeBlock<const C extends readonly Column[]> {
  readonly columns: Writers<C>;
  readonly #parts: { head: Uint8Array; writer: ColumnWriter }[];

  /** `rows`: how many to make room for; more are taken. */
  constructor(columns: C, rows: number) {
    this.#parts = columns.map((column) => ({
      head: headOf(column),
      writer: writerOf(column.wire, rows),
    }));
    this.columns = Object.fromEntries(
      columns.map((column, index) => [column.name, this.#parts[index]?.writer]),
    ) as Writers<C>;
  }

  /**
   * The block's bytes in a buffer of their own, which may be transferred; starts the next one.
   * `columns`: how many of them, from the first, it has.
   */
  take(rows: number, columns = this.#parts.length): Uint8Array<ArrayBuffer> {
    const parts = this.#parts.slice(0, columns);
    const counts = new Uint8Array(10);
    const countsEnd = writeVarint(counts, writeVarint(counts, 0, parts.length), rows);
    let size = countsEnd;
    for (const { head, writer } of parts) size += head.length + writer.byteLength;
    const bytes = new Uint8Array(size);
    bytes.set(counts.subarray(0, countsEnd));
    let at = countsEnd;
    for (const { head, writer } of parts) {
      bytes.set(head, at);
      writer.copyTo(bytes, at + head.length);
      at += head.length + writer.byteLength;
    }
    for (const { writer } of this.#parts) writer.reset();
    return bytes;
  }
}

/** Name and type of a column, each as a varint length and its text. */
function headOf(column: Column): Uint8Array {
  const text = new TextColumn();
  text.push(column.name);
  text.push(column.wire);
  const head = new Uint8Array(text.byteLength);
  text.copyTo(head, 0);
  return head;
}

function writerOf(wire: WireType, rows: number): ColumnWriter {
  switch (wire) {
    case 'String':
      return new TextColumn();
    case 'LowCardinality(String)':
      return new WordColumn(rows);
    case 'UInt8':
    case 'Int16':
    case 'UInt16':
    case 'UInt32':
      return new NumberColumn(wire, rows);
    case "DateTime('UTC')":
      return new NumberColumn('UInt32', rows);
    case 'UInt64':
    case "DateTime64(6, 'UTC')":
      return new WideColumn(rows);
    case 'Map(UInt16, UInt64)':
      return new BucketsColumn(rows);
    case 'Map(String, String)':
      return new FieldsColumn(rows);
    default:
      return wire satisfies never;
  }
}

/** Bytes of one row in the columns whose values all have the same width; words at their widest. */
export function fixedBytesOf(columns: readonly Column[]): number {
  const widths: Partial<Record<WireType, number>> = {
    'LowCardinality(String)': 2,
    UInt8: 1,
    Int16: 2,
    UInt16: 2,
    UInt32: 4,
    "DateTime('UTC')": 4,
    UInt64: 8,
    "DateTime64(6, 'UTC')": 8,
  };
  return columns.reduce((sum, column) => sum + (widths[column.wire] ?? 0), 0);
}
