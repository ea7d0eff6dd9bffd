import { PLAIN_RECORD_SCHEMA, RECORD_COLUMNS, RECORD_SCHEMA } from '#contracts/record.ts';
import type { Exchange } from '#proxy/exchange.ts';
import { AccessBlock } from '#proxy/telemetry/access/access-block.ts';
import { rowOf } from '#test/access-row.ts';
import { BLOCK_BYTES_MAX, BLOCK_ROWS_MAX } from '#proxy/telemetry/limits.ts';
import { TEXT_CHARS_MAX } from '#proxy/telemetry/native/columns.ts';
import { expect, test } from 'vitest';
import { IDENTITY, exchangeOf, rulesOf, shownOf } from '../exchanges.ts';
import { readNative } from '../native-reader.ts';

const PLAIN_COLUMNS = RECORD_COLUMNS.slice(0, -1);

function encode(exchanges: readonly Exchange[]): Uint8Array {
  const block = new AccessBlock(IDENTITY);
  for (const exchange of exchanges) block.add(exchange, 2_500, 'curl', shownOf(exchange));
  return block.take(0)?.bytes ?? new Uint8Array(0);
}

test.each([1, 2, 127, 128, BLOCK_ROWS_MAX])('%i records: every column of every row', (rows) => {
  const exchanges = Array.from({ length: rows }, (_, i) =>
    exchangeOf({
      requestId: `id-${i}`,
      request: { path: `/products/${'x'.repeat(i % 90)}`, method: i % 3 === 0 ? 'GET' : 'POST' },
      status: 200 + i,
      bytesOut: i * 2 ** 33,
      arrivedAtUs: Date.UTC(2026, 0, 1) * 1_000 + i,
      route: i % 5 === 0 ? '' : `shop/r${i % 2}`,
      sequence: i,
    }),
  );
  const read = readNative(encode(exchanges));
  expect(read.rows).toBe(rows);
  expect(Object.keys(read.columns)).toEqual(PLAIN_COLUMNS.map((column) => column.name));
  exchanges.forEach((exchange, i) => {
    const { fields: _, ...row } = rowOf(IDENTITY, exchange, 2_500, 'curl');
    const expected = { ...row, time: exchange.arrivedAtUs };
    const found = Object.entries(read.columns).map(([name, values]) => [name, values[i]]);
    expect(Object.fromEntries(found)).toEqual(expected);
  });
});

test('a request that has the name of its trace is not named twice', () => {
  const traceId = 'c'.repeat(32);
  const trace = { ...exchangeOf({}).trace, traceId };
  const { columns } = readNative(
    encode([exchangeOf({ requestId: traceId, trace }), exchangeOf({ requestId: 'mine', trace })]),
  );
  expect(columns['request_id']).toEqual(['', 'mine']);
  expect(columns['trace_id']).toEqual([traceId, traceId]);
});

test('every type on the wire is the one of the contract', () => {
  const records = rulesOf({
    fields: [{ name: 'agent', header: 'user-agent', of: 'request', valuesMax: 9 }],
  });
  const { types } = readNative(encode([exchangeOf({ records })]));
  expect(types).toEqual(Object.fromEntries(RECORD_COLUMNS.map(({ name, wire }) => [name, wire])));
});

test('texts of any kind come back as they were, broken ones repaired, long ones cut', () => {
  const texts = [
    '',
    'é',
    '日本語',
    '語'.repeat(42),
    '日本語'.repeat(30),
    'a\0b\n"',
    '\ud800',
    'y'.repeat(TEXT_CHARS_MAX + 9),
  ];
  const exchanges = texts.map((path) => exchangeOf({ request: { path } }));
  const { columns } = readNative(encode(exchanges));
  expect(columns['path']).toEqual([...texts.slice(0, 6), '\ufffd', 'y'.repeat(TEXT_CHARS_MAX)]);
});

test('numbers outside a column are held at its edge', () => {
  const extremes = [
    exchangeOf({ status: -1, retries: 300, ttfbMs: 1e9, queueMs: -5, bytesIn: -1 }),
    exchangeOf({ status: 70_000, retries: 0, ttfbMs: Number.NaN, bytesIn: 2 ** 53 - 1 }),
  ];
  const { columns } = readNative(encode(extremes));
  expect(columns['status']).toEqual([0, 65_535]);
  expect(columns['retries']).toEqual([255, 0]);
  expect(columns['ttfb_us']).toEqual([2 ** 32 - 1, 0]);
  expect(columns['queue_us']?.[0]).toBe(0);
  expect(columns['bytes_in']).toEqual([0, 2 ** 53 - 1]);
});

test('a block is full at its rows or at its bytes, and the next one begins empty', () => {
  const block = new AccessBlock(IDENTITY);
  const small = exchangeOf({
    requestId: '',
    trace: { traceId: '', spanId: '' },
    request: { listener: '', path: '/', host: '' },
    backend: '',
    endpoint: '',
    retryReason: '',
  });
  for (let i = 0; i < BLOCK_ROWS_MAX - 1; i++) block.add(small, 1, '', shownOf(small));
  expect(block.full).toBe(false);
  block.add(small, 1, '', shownOf(small));
  expect(block.full).toBe(true);
  expect(block.take(0)).toMatchObject({ rows: BLOCK_ROWS_MAX, schema: PLAIN_RECORD_SCHEMA });
  expect(block.take(0)).toBeUndefined();

  const large = exchangeOf({ request: { path: '/'.padEnd(8_000, 'p') } });
  while (!block.full) block.add(large, 1, '', shownOf(large));
  const closed = block.take(0);
  expect(closed?.rows).toBeLessThan(BLOCK_ROWS_MAX);
  expect(closed?.bytes.byteLength).toBeGreaterThanOrEqual(BLOCK_BYTES_MAX);
  expect(closed?.bytes.byteLength).toBeLessThan(BLOCK_BYTES_MAX + 16_384);
});

test('a block names the epoch of its rows and their oldest and newest time', () => {
  const block = new AccessBlock(IDENTITY);
  for (const arrivedAtUs of [5_000_500, 4_000_500, 6_000_500]) {
    const exchange = exchangeOf({ epoch: 2, arrivedAtUs });
    block.add(exchange, 1, '', shownOf(exchange));
  }
  expect(block.fits(exchangeOf({ epoch: 2 }))).toBe(true);
  expect(block.fits(exchangeOf({ epoch: 3 }))).toBe(false);
  expect(block.take(0)).toMatchObject({ logEpoch: 2, minTs: 4_000, maxTs: 6_001 });
  expect(block.fits(exchangeOf({ epoch: 3 }))).toBe(true);
});

test('a block has the schema with fields as soon as one of its rows has some', () => {
  const field = { name: 'agent', header: 'user-agent', of: 'request', valuesMax: 9 } as const;
  const withFields = exchangeOf({ records: rulesOf({ fields: [field] }) });
  const block = new AccessBlock(IDENTITY);
  const rows = [exchangeOf(), withFields, exchangeOf(), withFields, exchangeOf()];
  for (const exchange of rows) block.add(exchange, 1, '', shownOf(exchange));
  const closed = block.take(0);
  expect(closed?.schema).toBe(RECORD_SCHEMA);
  const { columns, rows: count } = readNative(closed?.bytes ?? new Uint8Array(0));
  expect(count).toBe(5);
  expect(Object.keys(columns)).toEqual(RECORD_COLUMNS.map(({ name }) => name));
  const agent = [['agent', 'curl/8.1']];
  expect(columns['fields']).toEqual([[], agent, [], agent, []]);

  block.add(exchangeOf(), 1, '', shownOf(exchangeOf()));
  expect(block.take(0)?.schema).toBe(PLAIN_RECORD_SCHEMA);
});

test('what is not kept is counted with the next block, or with one of no rows', () => {
  const block = new AccessBlock(IDENTITY);
  block.skip();
  block.skip();
  block.add(exchangeOf({ epoch: 4 }), 1, '', shownOf(exchangeOf()));
  expect(block.take(7)).toMatchObject({ rows: 1, skipped: 2 });
  block.skip();
  const nothing = block.take(7);
  expect(nothing).toMatchObject({ rows: 0, skipped: 1, minTs: 7, maxTs: 7, logEpoch: 4 });
  expect(nothing?.bytes).toHaveLength(0);
  expect(block.take(7)).toBeUndefined();
});
