/**
 * The columns of a record: the one list from which the encoder, the tables, the API, the
 * dashboards and the docs are made. A block carries these columns in this order in ClickHouse's
 * Native format, each under its `wire` type.
 */
export const RECORD_SCHEMA = 4;
/** Of a block whose rows have no fields of a TelemetryPolicy: without that column. */
export const PLAIN_RECORD_SCHEMA = 3;

export type WireType =
  | 'String'
  | 'LowCardinality(String)'
  | 'UInt8'
  | 'Int16'
  | 'UInt16'
  | 'UInt32'
  | 'UInt64'
  | "DateTime64(6, 'UTC')"
  | "DateTime('UTC')"
  | 'Map(UInt16, UInt64)'
  | 'Map(String, String)';

/**
 * ClickHouse's Native format of `LowCardinality(String)` (SerializationLowCardinality): version,
 * flags, how many words, the words, how many rows, and for each row the index of its word; counts
 * are UInt64. The words are the block's own, and the flags tell the type of the indexes beside it.
 */
export const WORDS_VERSION = 1;
export const OWN_WORDS = 0x200;

/** The narrowest type of index for so many words, as the flags tell it; it has 2^that bytes. */
export function indexTypeOf(words: number): 0 | 1 | 2 {
  return words <= 0x100 ? 0 : words <= 0x1_0000 ? 1 : 2;
}

export interface Column {
  name: string;
  wire: WireType;
  /** The table's type, where it differs from `wire`. */
  type?: string;
  /** Compression in the table. */
  codec?: string;
  meaning: string;
}

/** A column whose name and wire type are known to the type checker, so that encoders are too. */
type Named<N extends string, W extends WireType> = Column & { name: N; wire: W };

/** Of few different values in a block: each is sent once, and a number for each row. */
const word = <N extends string>(name: N, meaning: string): Named<N, 'LowCardinality(String)'> => ({
  name,
  wire: 'LowCardinality(String)',
  meaning,
});
const text = <N extends string>(name: N, meaning: string): Named<N, 'String'> => ({
  name,
  wire: 'String',
  meaning,
});
const number = <N extends string, W extends WireType>(
  name: N,
  wire: W,
  meaning: string,
): Named<N, W> => ({ name, wire, meaning });

export const RECORD_COLUMNS = [
  {
    name: 'time',
    wire: "DateTime64(6, 'UTC')",
    codec: 'Delta, ZSTD(1)',
    meaning: 'when the request arrived',
  },
  text('request_id', 'x-request-id, the same through every hop; empty: the trace id'),
  text('trace_id', 'W3C trace id, 32 hexadecimal digits'),
  text('span_id', 'span id of this proxy, 16 hexadecimal digits'),
  word('proxy', 'name of the proxy'),
  word('instance', 'random id of this start of the proxy'),
  number('worker', 'UInt16', 'number of the worker in the proxy, from 0'),
  word('role', 'gateway, sidecar or fused'),
  word('direction', 'edge, inbound or outbound'),
  word('workload', 'namespace/name of the workload behind a sidecar'),
  word('zone', 'zone of the proxy'),
  number('log_epoch', 'UInt32', 'epoch of the revision'),
  number('revision', 'UInt64', 'sequence of the revision that decided the request'),
  word('consumer', 'namespace/name of the Consumer that called at the edge'),
  text('client_address', 'address of the client as the proxy decided it'),
  word(
    'source',
    'calling service (namespace/name), Gateway/namespace/name, unknown, or empty: see sourceOf',
  ),
  word('destination', 'namespace/name of the called Service'),
  word('listener', 'Gateway/ or ListenerSet/namespace/name/listener, or inbound or outbound'),
  word('route', 'namespace/name of the route'),
  word('rule', 'name or number of its rule'),
  word('backend', 'namespace/name:port of the chosen backend'),
  word('endpoint', 'address:port of the last endpoint tried'),
  word('method', 'method'),
  word('host', 'host without port, lower case'),
  word('path_template', 'the matched path of the rule'),
  text('path', 'path without query'),
  word('protocol', 'http/1.1 and so on'),
  word('user_agent', 'family of the user agent'),
  number('status', 'UInt16', 'status sent to the client; 0 when nothing was sent'),
  number('grpc_status', 'Int16', 'gRPC status; -1 when the call is no gRPC'),
  word('reason', 'why it ended so: a word of reasons.ts'),
  number('retries', 'UInt8', 'further tries after the first'),
  word('retry_reason', 'why the last retry was made'),
  number('ejected', 'UInt8', '1 when this outcome ejected the endpoint'),
  number('fallback', 'UInt8', '1 when a fallback answered'),
  number('mirrored', 'UInt8', 'copies sent to mirrors'),
  number('bytes_in', 'UInt64', 'body bytes from the client'),
  number('bytes_out', 'UInt64', 'body bytes to the client'),
  number('duration_us', 'UInt32', 'from the request head to the last byte out, µs'),
  number('ttfb_us', 'UInt32', 'from the request head to the first byte out, µs'),
  number('queue_us', 'UInt32', 'waiting for a limit, a fault delay or before another try, µs'),
  number('connect_us', 'UInt32', 'connecting to the endpoint, µs; 0 on a kept connection'),
  number('upstream_us', 'UInt32', 'from sending upstream to its response head, µs'),
  number('weight', 'UInt32', 'how many requests this row stands for (1 when unsampled)'),
  {
    name: 'fields',
    wire: 'Map(String, String)',
    type: 'Map(LowCardinality(String), String)',
    meaning: 'what a TelemetryPolicy records besides, by its name',
  },
] as const satisfies readonly Column[];

/** The same columns as proxies of before sent them: words as plain texts. */
const PLAIN_TEXT_COLUMNS: readonly Column[] = RECORD_COLUMNS.map((column: Column) =>
  column.wire === 'LowCardinality(String)'
    ? { ...column, wire: 'String', type: column.wire }
    : column,
);
const WITHOUT_FIELDS = -1;

/** Columns by schema; the fields of a TelemetryPolicy are the last one. */
const SCHEMA_COLUMNS: Readonly<Record<number, readonly Column[]>> = {
  1: PLAIN_TEXT_COLUMNS.slice(0, WITHOUT_FIELDS),
  2: PLAIN_TEXT_COLUMNS,
  [PLAIN_RECORD_SCHEMA]: RECORD_COLUMNS.slice(0, WITHOUT_FIELDS),
  [RECORD_SCHEMA]: RECORD_COLUMNS,
};

/**
 * The columns of a block of that schema; undefined: a schema that this version does not know, so
 * that the service that stores records is brought to a new version before the proxies are.
 */
export function recordColumns(schema: number): readonly Column[] | undefined {
  return SCHEMA_COLUMNS[schema];
}

/**
 * SQL: the id of a request. A proxy that names a request gives it the id of its trace, and a record
 * does not hold 16 random bytes twice.
 */
export const REQUEST_ID_SQL = "if(request_id = '', trace_id, request_id)";

/**
 * Who calls, as far as this proxy may believe it. An outbound sidecar knows its own workload; an
 * edge names its Gateway; an inbound proxy believes nobody until mTLS: empty when a proxy of the
 * mesh sent it (that proxy's own record tells), `unknown` when none did, which then counts as the
 * caller's side.
 */
export const UNKNOWN_SOURCE = 'unknown';

/**
 * SQL condition and meaning in one place: rows from which service, route and SLO numbers are made.
 */
export const CALLER_SIDE_SQL = "(direction IN ('edge', 'outbound') OR source = 'unknown')";

export type RecordColumn = (typeof RECORD_COLUMNS)[number]['name'];
