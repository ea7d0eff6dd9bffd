import { printable, stripColour, widthOf } from './style.ts';

export interface ColumnSpec<Row> {
  title: string;
  value: (row: Row) => string;
  align?: 'left' | 'right';
  /** Applied after the padding was computed. */
  paint?: (text: string, row: Row) => string;
}

const GAP = '  ';

/** Rows under upper-case titles, aligned, without borders: for people, and for `awk`. */
export function table<Row>(columns: readonly ColumnSpec<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row)) || '-'));
  const widths = columns.map((column, index) =>
    Math.max(widthOf(column.title), ...cells.map((line) => widthOf(line[index] ?? ''))),
  );
  const lines = [columns.map((column) => column.title), ...cells].map((line, number) =>
    columns
      .map((column, index) => {
        const text = padded(line[index] ?? '', widths[index] ?? 0, column.align);
        const row = rows[number - 1];
        return row === undefined || column.paint === undefined ? text : column.paint(text, row);
      })
      .join(GAP),
  );
  return lines.map(withoutTail).join('\n');
}

/** Names and values below one another, such as the head of `show`. */
export function fields(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => withoutTail(`${`${name}:`.padEnd(width + 2)} ${printable(value)}`))
    .join('\n');
}

function padded(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const gap = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? gap + text : text + gap;
}

// A painted last cell keeps its padding inside its colour; only plain spaces can be cut.
function withoutTail(text: string): string {
  return stripColour(text) === text ? text.trimEnd() : text;
}
