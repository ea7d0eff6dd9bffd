import { Readable } from 'node:stream';
import {
  type ClickHouseSettings,
  ClickHouseError,
  ClickHouseLogLevel,
  createClient,
} from '@clickhouse/client';
import { sentenceOf } from './log.ts';

export interface ClickHouseOptions {
  /** `http(s)://[user:password@]host:port`. */
  url: string;
  user?: string;
  password?: string;
  database: string;
  /** Longest that any one request may take (default 60 s). */
  requestTimeoutMs?: number;
  maxConnections?: number;
}

/** Values of `{name: Type}` in a statement; never spliced into its text. */
export type SqlParams = Readonly<Record<string, unknown>>;
export type SqlSettings = Readonly<Record<string, string | number>>;

export interface StatementOptions {
  settings?: SqlSettings;
  signal?: AbortSignal;
}

/** An answer as columns and rows, as `POST /v1/query` gives it. */
export interface SqlTable {
  columns: { name: string; type: string }[];
  rows: unknown[][];
}

/**
 * `away`: no answer, so that what was asked may or may not have happened. `refused`: ClickHouse
 * answered with an error; `type` is its own word for it, such as `SYNTAX_ERROR`.
 */
export class ClickHouseFailure extends Error {
  readonly kind: 'away' | 'refused';
  readonly type: string | undefined;

  constructor(kind: 'away' | 'refused', message: string, type?: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
    this.type = type;
  }
}

/** One database of a ClickHouse. Every method rejects with a ClickHouseFailure and nothing else. */
export interface ClickHouse {
  readonly database: string;
  /** 64-bit numbers come as JavaScript numbers: exact up to 2^53. */
  query<Row>(sql: string, params?: SqlParams, options?: StatementOptions): Promise<Row[]>;
  table(sql: string, params?: SqlParams, options?: StatementOptions): Promise<SqlTable>;
  /** The lines of an answer as ClickHouse writes it when no format is named (tab-separated). */
  lines(sql: string, params?: SqlParams, options?: StatementOptions): Promise<string[]>;
  command(sql: string, params?: SqlParams, options?: StatementOptions): Promise<void>;
  /**
   * Inserts blocks in Native format as they are, in one insert that is answered when it is stored.
   * A second insert with the same token, within the table's window, stores nothing again, and
   * completes the views that missed the first. The token wins over the content.
   */
  insertNative(
    table: string,
    blocks: readonly Uint8Array[],
    token: string,
    options?: StatementOptions,
  ): Promise<void>;
  /** The same for a few rows as objects. */
  insertRows(
    table: string,
    rows: readonly object[],
    token: string,
    options?: StatementOptions,
  ): Promise<void>;
  /** Makes the database when it is absent. */
  createDatabase(): Promise<void>;
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 60_000;
const CONNECTIONS = 10;

const ALWAYS: ClickHouseSettings = {
  output_format_json_quote_64bit_integers: 0,
  // An insert is answered when it is stored, whatever the server's default.
  async_insert: 0,
  date_time_output_format: 'iso',
};

/**
 * So that one insert becomes one block for each table: only then is it stored whole or not at all,
 * and its token names the same rows at every try.
 */
const ONE_BLOCK: ClickHouseSettings = {
  min_insert_block_size_rows: '10000000',
  min_insert_block_size_bytes: '2000000000',
  max_insert_block_size: '10000000',
  deduplicate_blocks_in_dependent_materialized_views: 1,
  // Through a Distributed table: answered when every shard has its rows, not when they wait here.
  distributed_foreground_insert: 1,
};

/** Opens no connection yet; ClickHouse may be away. */
export function connectClickHouse(options: ClickHouseOptions): ClickHouse {
  const where = withoutSecrets(options.url);
  const open = (database: string) =>
    createClient({
      url: options.url,
      ...(options.user === undefined ? {} : { username: options.user }),
      ...(options.password === undefined ? {} : { password: options.password }),
      database,
      application: 'windrose',
      request_timeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      max_open_connections: options.maxConnections ?? CONNECTIONS,
      log: { level: ClickHouseLogLevel.OFF },
      clickhouse_settings: ALWAYS,
    });
  const client = open(options.database);
  const asked = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw failureOf(error, where);
    });
  const insert = async (format: string, body: Readable, request: InsertRequest): Promise<void> => {
    const { stream } = await client.exec({
      query: `INSERT INTO ${request.table} FORMAT ${format}`,
      values: body,
      clickhouse_settings: {
        ...ONE_BLOCK,
        ...request.settings,
        insert_deduplication_token: request.token,
      },
      ...(request.signal === undefined ? {} : { abort_signal: request.signal }),
    });
    for await (const _chunk of stream);
  };
  return {
    database: options.database,
    query: (sql, params, each) =>
      asked(
        client
          .query({ ...statement(sql, params, each), format: 'JSONEachRow' })
          .then((result) => result.json() as Promise<never>),
      ),
    table: (sql, params, each) => asked(readTable(client, statement(sql, params, each))),
    lines: (sql, params, each) => asked(readLines(client, statement(sql, params, each))),
    command: (sql, params, each) =>
      asked(client.command(statement(sql, params, each)).then(() => undefined)),
    insertNative: (table, blocks, token, each) =>
      asked(insert('Native', Readable.from(blocks), { table, token, ...each })),
    insertRows: (table, rows, token, each) =>
      asked(insert('JSONEachRow', Readable.from(linesOf(rows)), { table, token, ...each })),
    createDatabase: () => asked(createDatabase(open('default'), options.database)),
    close: () => client.close(),
  };
}

type Client = ReturnType<typeof createClient>;
type Statement = ReturnType<typeof statement>;

interface InsertRequest extends StatementOptions {
  table: string;
  token: string;
}

function statement(sql: string, params: SqlParams = {}, options: StatementOptions = {}) {
  return {
    query: sql,
    query_params: { ...params },
    ...(options.settings === undefined ? {} : { clickhouse_settings: { ...options.settings } }),
    ...(options.signal === undefined ? {} : { abort_signal: options.signal }),
  };
}

async function readTable(client: Client, asked: Statement): Promise<SqlTable> {
  const result = await client.query({ ...asked, format: 'JSONCompact' });
  const { meta = [], data } = await result.json<unknown[]>();
  return { columns: meta, rows: data };
}

async function readLines(client: Client, asked: Statement): Promise<string[]> {
  const { stream } = await client.exec(asked);
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  return text.split('\n').slice(0, -1);
}

function* linesOf(rows: readonly object[]): Generator<string> {
  for (const row of rows) yield `${JSON.stringify(row)}\n`;
}

async function createDatabase(client: Client, database: string): Promise<void> {
  try {
    await client.command({
      query: 'CREATE DATABASE IF NOT EXISTS {database: Identifier}',
      query_params: { database },
    });
  } finally {
    await client.close();
  }
}

function failureOf(error: unknown, where: string): ClickHouseFailure {
  if (error instanceof ClickHouseFailure) return error;
  if (error instanceof ClickHouseError) {
    return new ClickHouseFailure('refused', tidy(error.message), error.type, error);
  }
  const code = (error as NodeJS.ErrnoException).code;
  const text = code === 'ECONNREFUSED' ? 'nobody listens there' : sentenceOf(error);
  return new ClickHouseFailure('away', `ClickHouse at ${where}: ${text}`, undefined, error);
}

/** The first sentence of what ClickHouse says, without its trailing lists and positions. */
function tidy(message: string): string {
  const text = message.replaceAll(/\s+/g, ' ').trim();
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

function withoutSecrets(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return 'the given address';
  }
}
