// Whatever the rows and wherever they are cut: merged they are the block that they would have been.
import { METRIC_COLUMNS } from '#contracts/metrics.ts';
import { RECORD_COLUMNS, recordColumns } from '#contracts/record.ts';
import { NativeBlock } from '#proxy/telemetry/native/block.ts';
import { describe, expect, test } from 'vitest';
import { MERGE_ROWS_MEAN_MAX, mergeBlocks } from '../../../../services/analytics/ingest/merge.ts';
import { type Row, metricBlock, recordBlock } from '../../../integration/analytics/mesh.ts';

let state = 7;
const random = (below: number): number => {
  state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor((state / 2 ** 31) * below);
};
/** Short, empty and longer than a length of one or two bytes. */
const text = (): string =>
  'ä/x'.repeat([0, 1, 3, 70, 6_000][random(40) === 0 ? 4 : random(4)] ?? 0);
const rowsOf = (count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ time: 1_790_000_000_000_000 + i, path: text(), route: text(), consumer: text() },
    ...{ duration_us: random(1_000_000), requests: 1 + random(300), bytes_out: random(1e9) },
    // More words than a byte numbers.
    host: `h${random(2_000)}`,
    fields: ['', '', 'a=b', `tenant=${'ä'.repeat(random(200))},plan=gold`][random(4)] ?? '',
  }));

function cut(rows: readonly Row[], encode: (rows: readonly Row[]) => Uint8Array): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at < rows.length;) {
    const next = at + 1 + random(40);
    blocks.push(Buffer.from(encode(rows.slice(at, next))));
    at = next;
  }
  return blocks;
}

/** The very same buffers: to compare so many byte by byte takes minutes. */
const same = (a: readonly Buffer[], b: readonly Buffer[]): boolean =>
  a.length === b.length && a.every((buffer, i) => buffer === b[i]);

describe.each([
  { stream: 'records', columns: RECORD_COLUMNS, encode: recordBlock },
  {
    stream: 'records whose words are plain texts',
    columns: recordColumns(2) ?? [],
    encode: (rows: readonly Row[]) => recordBlock(rows, {}, 2),
  },
  { stream: 'metrics', columns: METRIC_COLUMNS, encode: metricBlock },
])('small blocks of $stream', ({ columns, encode }) => {
  test('make the block of all their rows, byte for byte', () => {
    for (let round = 0; round < 60; round++) {
      const rows = rowsOf(2 + random(400));
      const blocks = cut(rows, encode);
      const merged = mergeBlocks(blocks, columns);
      expect(merged).toHaveLength(1);
      expect(Buffer.compare(merged[0] ?? Buffer.alloc(0), Buffer.from(encode(rows)))).toBe(0);
    }
  });

  test('leave out what is no single block of these columns', () => {
    // Of at most 40 rows each: two at least.
    const good = cut(rowsOf(60), encode);
    const [first = Buffer.alloc(0)] = good;
    const bad = [
      ...Array.from({ length: first.length }, (_, length) => first.subarray(0, length)),
      Buffer.concat([first, first]),
      Buffer.concat([first, Buffer.from([0])]),
      Buffer.from(encode === metricBlock ? recordBlock(rowsOf(2)) : metricBlock(rowsOf(2))),
    ];
    const [merged, ...rest] = mergeBlocks([...bad.slice(0, 9), ...good, ...bad.slice(9)], columns);
    expect(same(rest, bad)).toBe(true);
    const alone = [merged ?? first, ...bad];
    expect(same(mergeBlocks(alone, columns), alone)).toBe(true);
  });

  test('that somebody has changed are merged or left, and never an error', () => {
    const good = cut(rowsOf(20), encode);
    for (let round = 0; round < 3_000; round++) {
      const broken = Buffer.from(good[round % good.length] ?? Buffer.alloc(0));
      for (let flips = 1 + random(3); flips > 0; flips--) {
        broken[random(broken.length)] = random(256);
      }
      const all = mergeBlocks([...good, broken], columns);
      expect(all.length).toBeLessThanOrEqual(2);
      if (all.length === 2) expect(all[1]).toBe(broken);
    }
  });

  test('are left as they are when there is one, or when they are large', () => {
    const blocks = [rowsOf(MERGE_ROWS_MEAN_MAX), rowsOf(MERGE_ROWS_MEAN_MAX)].map((rows) =>
      Buffer.from(encode(rows)),
    );
    expect(same(mergeBlocks(blocks, columns), blocks)).toBe(true);
    expect(same(mergeBlocks(blocks.slice(1), columns), blocks.slice(1))).toBe(true);
    expect(mergeBlocks([], columns)).toEqual([]);
  });
});

test('more words than two bytes number are merged too', () => {
  const columns = [{ name: 'w', wire: 'LowCardinality(String)', meaning: '' }] as const;
  const encode = (first: number, rows: number): Buffer => {
    const block = new NativeBlock(columns, rows);
    for (let i = 0; i < rows; i++) block.columns.w.push(`w${first + i}`);
    return Buffer.from(block.take(rows));
  };
  const rows = MERGE_ROWS_MEAN_MAX - 1;
  const blocks = Array.from({ length: 140 }, (_, i) => encode(i * rows, rows));
  const [merged] = mergeBlocks(blocks, columns);
  expect(merged?.equals(encode(0, 140 * rows))).toBe(true);
  const [again] = mergeBlocks([merged ?? Buffer.alloc(0), ...blocks], columns);
  expect(again).toBe(merged);
});
