import { METRIC_COLUMNS, METRIC_SCHEMA } from '#contracts/metrics.ts';
import { type Column, RECORD_SCHEMA, recordColumns } from '#contracts/record.ts';
import type { Stream } from '#contracts/tables.ts';
import { type BlockHeaders, decodeBlockHeaders } from '#contracts/topics.ts';
import type { GroupMessage } from '#platform/kafka.ts';
import { readVarint } from './texts.ts';

/** A message that is fit to be stored, as far as can be told without reading its rows. */
export interface Block {
  headers: BlockHeaders;
  offset: bigint;
  /** When the broker stored the message: the one clock that all blocks share. */
  storedMs: number;
  /** Native bytes; empty for a message without rows. */
  body: Buffer;
  /** Its rows' times were brought within bounds. */
  clamped: boolean;
}

export type ReadResult = { ok: true; block: Block } | { ok: false; reason: string };

const NEWEST = { access: RECORD_SCHEMA, metrics: METRIC_SCHEMA } as const satisfies Record<
  Stream,
  number
>;

/** Undefined: no schema that is known here. Proxies of several versions send side by side. */
export function columnsOf(stream: Stream, schema: number): readonly Column[] | undefined {
  if (stream === 'access') return recordColumns(schema);
  return schema === METRIC_SCHEMA ? METRIC_COLUMNS : undefined;
}

/**
 * A row's time may differ from the broker's by so much; a clock that is further off is held at the
 * edge. Tables are cut by the day, and one insert may touch at most 100 days.
 */
export const OLDEST_MS = 3 * 86_400_000;
export const NEWEST_MS = 3_600_000;

const UINT32_MAX = 0xffff_ffff;
const LIMITS: Partial<Record<keyof BlockHeaders, number>> = {
  schema: 0xffff,
  worker: 0xffff,
  rows: UINT32_MAX,
  logEpoch: UINT32_MAX,
  end: 2,
  bound: UINT32_MAX,
};

/** Reads a message's headers and the head of its body, and clamps the times of its rows. */
export function readBlock(message: GroupMessage, stream: Stream): ReadResult {
  const headers = decodeBlockHeaders(message.headers);
  if (headers === undefined) return bad('headers are missing or are no whole numbers');
  const columns = columnsOf(stream, headers.schema);
  if (columns === undefined) {
    return bad(`schema ${headers.schema} is unknown here, where ${NEWEST[stream]} is the newest`);
  }
  for (const [name, value] of Object.entries(headers)) {
    const max = LIMITS[name as keyof BlockHeaders] ?? Number.MAX_SAFE_INTEGER;
    if (typeof value === 'number' && (value < 0 || value > max)) {
      return bad(`header ${name} is ${value}, outside 0 to ${max}`);
    }
  }
  const offset = message.offset;
  const storedMs = firstStoredMs(message);
  if (headers.rows === 0) {
    if (message.value.length > 0) return bad('headers say 0 rows, and the body is not empty');
    return { ok: true, block: { headers, offset, storedMs, body: message.value, clamped: false } };
  }
  const head = readHead(message.value);
  if (head === undefined) return bad('the body does not begin with a Native block and its time');
  if (head.columns !== columns.length || head.rows !== headers.rows) {
    return bad(
      `the body has ${head.columns} columns and ${head.rows} rows; ` +
        `${columns.length} and ${headers.rows} were announced`,
    );
  }
  const { body, clamped } = clampTimes(message, headers, { storedMs, timesAt: head.timesAt });
  return { ok: true, block: { headers, offset, storedMs, body, clamped } };
}

/** Of a dead letter that is sent again: when a broker stored it first. */
export const FIRST_STORED_HEADER = 'first-stored';
/** Dead letters are kept for two weeks; nobody sends older ones again. */
const REPLAY_MAX_MS = 30 * 86_400_000;

function firstStoredMs({ headers, timestampMs }: GroupMessage): number {
  const firstMs = Number(headers[FIRST_STORED_HEADER] ?? Number.NaN);
  const isBefore = Number.isSafeInteger(firstMs) && firstMs <= timestampMs;
  return isBefore && firstMs >= timestampMs - REPLAY_MAX_MS ? firstMs : timestampMs;
}

function bad(reason: string): ReadResult {
  return { ok: false, reason };
}

interface Head {
  columns: number;
  rows: number;
  /** Where the first column's values begin: 8 bytes a row. */
  timesAt: number;
}

const TIME_HEAD = Buffer.from("\x04time\x14DateTime64(6, 'UTC')", 'latin1');

function readHead(body: Buffer): Head | undefined {
  const columns = readVarint(body, 0);
  const rows = columns === undefined ? undefined : readVarint(body, columns.end);
  if (columns === undefined || rows === undefined) return undefined;
  const timesAt = rows.end + TIME_HEAD.length;
  if (!body.subarray(rows.end, timesAt).equals(TIME_HEAD)) return undefined;
  if (timesAt + rows.value * 8 > body.length) return undefined;
  return { columns: columns.value, rows: rows.value, timesAt };
}

/**
 * The block's rows hold exactly what the proxy's clock said, unless its headers tell that the
 * clock is off; then the times are changed in a copy. The bounds come from the broker's clock, so
 * that a second try changes them alike.
 */
function clampTimes(
  message: GroupMessage,
  headers: BlockHeaders,
  { storedMs, timesAt }: { storedMs: number; timesAt: number },
): { body: Buffer; clamped: boolean } {
  const oldestMs = storedMs - OLDEST_MS;
  const newestMs = storedMs + NEWEST_MS;
  if (headers.minTs >= oldestMs && headers.maxTs <= newestMs) {
    return { body: message.value, clamped: false };
  }
  const body = Buffer.from(message.value);
  const oldestUs = BigInt(oldestMs) * 1_000n;
  const newestUs = BigInt(newestMs) * 1_000n;
  for (let row = 0; row < headers.rows; row++) {
    const at = timesAt + row * 8;
    const time = body.readBigInt64LE(at);
    if (time < oldestUs) body.writeBigInt64LE(oldestUs, at);
    else if (time > newestUs) body.writeBigInt64LE(newestUs, at);
  }
  return { body, clamped: true };
}
