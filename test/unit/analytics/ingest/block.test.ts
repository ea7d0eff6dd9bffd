import { METRIC_COLUMNS } from '#contracts/metrics.ts';
import { RECORD_COLUMNS, recordColumns } from '#contracts/record.ts';
import { type BlockHeaders, encodeBlockHeaders } from '#contracts/topics.ts';
import type { GroupMessage } from '#platform/kafka.ts';
import { NativeBlock } from '#proxy/telemetry/native/block.ts';
import { isText } from '#test/wire.ts';
import { expect, test } from 'vitest';
import { NEWEST_MS, OLDEST_MS, readBlock } from '../../../../services/analytics/ingest/block.ts';

const STORED_MS = Date.UTC(2026, 5, 1);

function body(timesMs: readonly number[], schema = 1): Buffer {
  const columns = (recordColumns(schema) ?? RECORD_COLUMNS) as typeof RECORD_COLUMNS;
  const block = new NativeBlock(columns, timesMs.length);
  for (const timeMs of timesMs) {
    for (const { name, wire } of columns) {
      if (name === 'time') block.columns.time.push(timeMs * 1_000);
      else if (name === 'fields') continue;
      else block.columns[name].push((isText(wire) ? '' : 0) as never);
    }
  }
  const { fields } = block.columns as Partial<typeof block.columns>;
  fields?.endRows(timesMs.length);
  return Buffer.from(block.take(timesMs.length));
}

function message(head: Partial<BlockHeaders>, value = body([STORED_MS])): GroupMessage {
  const headers: BlockHeaders = {
    ...{ schema: 1, proxy: 'p', instance: 'i', worker: 0, seq: 1, logEpoch: 1, rows: 1 },
    ...{ served: 1, sampledOut: 0, dropped: 0, minTs: STORED_MS, maxTs: STORED_MS },
    ...{ end: 0, bound: 0, ...head },
  };
  return { offset: 5n, timestampMs: STORED_MS, headers: encodeBlockHeaders(headers), value };
}

const reasonOf = (each: GroupMessage, stream: 'access' | 'metrics' = 'access'): string => {
  const read = readBlock(each, stream);
  return read.ok ? 'ok' : read.reason;
};

test('a good block keeps its bytes', () => {
  const sent = message({});
  const read = readBlock(sent, 'access');
  expect(read.ok && read.block).toMatchObject({ offset: 5n, storedMs: STORED_MS, clamped: false });
  expect(read.ok && read.block.body).toBe(sent.value);
});

test('a message without rows needs no body', () => {
  expect(reasonOf(message({ rows: 0, end: 1 }, Buffer.alloc(0)))).toBe('ok');
  expect(reasonOf(message({ rows: 0, end: 1 }))).toMatch(/not empty/);
});

test('what does not fit is told', () => {
  const cut = body([STORED_MS]);
  expect(reasonOf({ ...message({}), headers: {} })).toMatch(/headers are missing/);
  expect(reasonOf(message({ schema: 5 }))).toMatch(/schema 5 is unknown here, where 4 is/);
  expect(reasonOf(message({ worker: 70_000 }))).toMatch(/header worker is 70000/);
  expect(reasonOf(message({ end: 3 }))).toMatch(/header end is 3/);
  expect(reasonOf(message({ dropped: -1 }))).toMatch(/header dropped is -1/);
  expect(reasonOf(message({ rows: 2 }))).toMatch(/1 rows; .* and 2 were announced/);
  expect(reasonOf(message({}, Buffer.alloc(0)))).toMatch(/does not begin/);
  expect(reasonOf(message({}, cut.subarray(0, 30)))).toMatch(/does not begin/);
  expect(reasonOf(message({}, Buffer.alloc(200, 0xff)))).toMatch(/does not begin/);
  const columns = RECORD_COLUMNS.length - 1;
  expect(reasonOf(message({}), 'metrics')).toBe(
    `the body has ${columns} columns and 1 rows; ${METRIC_COLUMNS.length} and 1 were announced`,
  );
});

test('times far off are brought to the edge, in a copy, and the rest is left', () => {
  const times = [0, STORED_MS - 1_000, STORED_MS + 10 * NEWEST_MS, STORED_MS + 1_000];
  const value = body(times);
  const before = Buffer.from(value);
  const read = readBlock(
    message({ rows: 4, minTs: times[0] ?? 0, maxTs: times[2] ?? 0 }, value),
    'access',
  );
  if (!read.ok) throw new Error(read.reason);
  expect(read.block.clamped).toBe(true);
  const held = [STORED_MS - OLDEST_MS, times[1] ?? 0, STORED_MS + NEWEST_MS, times[3] ?? 0];
  expect(read.block.body.equals(body(held))).toBe(true);
  expect(value.equals(before)).toBe(true);
});

test('blocks of every schema that is known are good, each with its own columns', () => {
  expect(reasonOf(message({ schema: 2 }, body([STORED_MS], 2)))).toBe('ok');
  expect(reasonOf(message({ schema: 2 }, body([STORED_MS], 1)))).toMatch(/45 and 1 were announced/);
  expect(reasonOf(message({ schema: 1 }, body([STORED_MS], 2)))).toMatch(/44 and 1 were announced/);
});

test('a letter that is sent again is held to the time when it was stored first', () => {
  const day = 86_400_000;
  const oldMs = STORED_MS - 10 * day;
  const head = { minTs: oldMs, maxTs: oldMs };
  const again = (first: string): GroupMessage => {
    const sent = message(head, body([oldMs]));
    return { ...sent, headers: { ...sent.headers, 'first-stored': first } };
  };
  const clampedOf = (each: GroupMessage) => {
    const read = readBlock(each, 'access');
    return read.ok ? [read.block.clamped, read.block.storedMs] : read.reason;
  };
  expect(clampedOf(message(head, body([oldMs])))).toEqual([true, STORED_MS]);
  expect(clampedOf(again(String(oldMs + 1)))).toEqual([false, oldMs + 1]);
  for (const wrong of [STORED_MS + 1, STORED_MS - 31 * day, 'x', '']) {
    expect(clampedOf(again(String(wrong)))).toEqual([true, STORED_MS]);
  }
});
