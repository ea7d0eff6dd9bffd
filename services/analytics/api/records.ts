import type { RecordsQuery, RecordsResponse } from '#contracts/api/analytics.ts';
import { RECORD_COLUMNS, REQUEST_ID_SQL } from '#contracts/record.ts';
import { TABLES } from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { HttpProblem } from '#platform/http.ts';
import { ask } from './ask.ts';
import { type TimeRange, readRange } from './range.ts';
import { filterSql, recordsSource } from './source.ts';

export type RecordItem = RecordsResponse['items'][number];
export type RecordFilters = Omit<RecordsQuery, 'from' | 'to' | 'limit' | 'cursor'>;

const LIMIT = 100;
const COLUMNS = RECORD_COLUMNS.map(({ name }) =>
  name === 'request_id' ? `${REQUEST_ID_SQL} AS request_id` : name,
).join(', ');

/** As it is stored; without its table that name is the one selected. */
const OWN_ID = `${TABLES.records}.request_id`;

/** Where a page ended: what orders records, so that no two pages share or miss one. */
interface Cursor {
  timeUs: number;
  requestId: string;
  spanId: string;
}

const ORDER = 'toUnixTimestamp64Micro(time)';

/** Records of every direction that pass the filters, newest first, a page at a time. */
export async function readRecords(
  clickhouse: ClickHouse,
  query: RecordsQuery,
  nowMs: number,
): Promise<Omit<RecordsResponse, 'freshness'>> {
  const { limit = LIMIT, cursor } = query;
  const range = readRange(query, nowMs);
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const rows = await selectRecords(clickhouse, { filters: query, range, after, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(({ cursor_us: _, ...item }) => item),
    ...(rows.length > limit && last !== undefined ? { next: encodeCursor(last) } : {}),
  };
}

export async function selectRecords(
  clickhouse: ClickHouse,
  question: {
    filters: RecordFilters;
    range: TimeRange;
    after?: Cursor | undefined;
    limit: number;
  },
): Promise<RecordItem[]> {
  const { filters, range, after, limit } = question;
  const { conditions, params } = recordFilterSql(filters);
  const { time } = recordsSource();
  conditions.push(`time >= ${time('from')}`, `time < ${time('to')}`);
  if (after !== undefined) {
    conditions.push(
      // The first condition says nothing new; it is the one that the table's order can use.
      `time <= fromUnixTimestamp64Micro({afterUs: Int64}, 'UTC')`,
      `(${ORDER}, request_id, span_id) < ` +
        '({afterUs: Int64}, {afterId: String}, {afterSpan: String})',
    );
  }
  return ask<RecordItem>(
    clickhouse,
    `SELECT ${COLUMNS}, ${ORDER} AS cursor_us FROM ${TABLES.records}
     WHERE ${conditions.join(' AND ')}
     ORDER BY time DESC, request_id DESC, span_id DESC LIMIT {limit: UInt32}`,
    {
      ...params,
      ...(after === undefined
        ? {}
        : { afterUs: after.timeUs, afterId: after.requestId, afterSpan: after.spanId }),
      ...{ from: Math.floor(range.fromMs), to: Math.ceil(range.toMs), limit },
    },
  );
}

function recordFilterSql(filters: RecordFilters): {
  conditions: string[];
  params: Record<string, unknown>;
} {
  const { conditions, params } = filterSql(filters);
  const { proxy, direction, trace, request, status } = filters;
  const equal = { proxy, direction, trace_id: trace };
  const all: Record<string, unknown> = { ...params };
  for (const [column, value] of Object.entries(equal)) {
    if (value === undefined) continue;
    conditions.push(`${column} = {${column}: String}`);
    all[column] = value;
  }
  if (request !== undefined) {
    // Each by the column itself, which has an index.
    const asked = '{request: String}';
    conditions.push(`(${OWN_ID} = ${asked} OR (${OWN_ID} = '' AND trace_id = ${asked}))`);
    all['request'] = request;
  }
  if (status !== undefined) {
    const [first, last] = statusRange(status);
    conditions.push('status BETWEEN {statusFirst: UInt16} AND {statusLast: UInt16}');
    all['statusFirst'] = first;
    all['statusLast'] = last;
  }
  return { conditions, params: all };
}

/** `503` or `5xx`, whose form the schema has checked. */
function statusRange(status: string): [number, number] {
  if (!status.endsWith('xx')) return [Number(status), Number(status)];
  const first = Number(status[0]) * 100;
  return [first, first + 99];
}

function encodeCursor(item: RecordItem): string {
  const parts = [item['cursor_us'], item['request_id'], item['span_id']];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

function decodeCursor(text: string): Cursor {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (Array.isArray(parts) && parts.length === 3) {
      const [timeUs, requestId, spanId] = parts as unknown[];
      if (
        Number.isSafeInteger(timeUs) &&
        typeof requestId === 'string' &&
        typeof spanId === 'string'
      ) {
        return { timeUs: timeUs as number, requestId, spanId };
      }
    }
  } catch {
    // Said below: whatever it is, it was not given out here.
  }
  throw new HttpProblem('invalid-request', 'the cursor is none that this service gave out');
}
