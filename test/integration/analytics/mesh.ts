import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { METRIC_COLUMNS, METRIC_SCHEMA, bucketOf } from '#contracts/metrics.ts';
import { type Column, RECORD_COLUMNS, RECORD_SCHEMA, recordColumns } from '#contracts/record.ts';
import { type Stream, meshDatabase } from '#contracts/tables.ts';
import { type BlockHeaders, encodeBlockHeaders, meshTopics } from '#contracts/topics.ts';
import { type ClickHouse, connectClickHouse } from '#platform/clickhouse.ts';
import { type Kafka, connectKafka } from '#platform/kafka.ts';
import { NativeBlock } from '#proxy/telemetry/native/block.ts';
import { eventually } from '#test/eventually.ts';
import { clickhouseUrl, kafkaBrokers, uniqueMesh } from '#test/parts.ts';
import { isText } from '#test/wire.ts';
import { onTestFinished } from 'vitest';

export type Row = Readonly<Record<string, string | number>>;

/** A mesh of its own on the run's real parts, without any process of ours yet. */
export interface TestMesh {
  name: string;
  kafka: Kafka;
  clickhouse: ClickHouse;
  send(stream: Stream, partition: number, message: Message): Promise<bigint>;
  close(): Promise<void>;
}

export interface Message {
  value: Uint8Array;
  headers: Record<string, string>;
}

/** `keep`: not closed after the test that asked for it; its owner does. */
export function testMesh(
  at: { clickhouse?: string; kafka?: string; keep?: boolean } = {},
): TestMesh {
  const name = uniqueMesh();
  const kafka = connectKafka({
    brokers: [at.kafka ?? kafkaBrokers()],
    clientId: 'test',
    log: () => undefined,
  });
  const clickhouse = connectClickHouse({
    url: at.clickhouse ?? clickhouseUrl(),
    database: meshDatabase(name),
  });
  const close = async (): Promise<void> => {
    await kafka.close();
    await clickhouse.close();
  };
  if (at.keep !== true) onTestFinished(close);
  const producer = kafka.createProducer();
  return {
    name,
    kafka,
    clickhouse,
    close,
    async send(stream, partition, message) {
      const sent = await producer.send(meshTopics(name)[stream], partition, message);
      if (!sent.ok) throw new Error(sent.message);
      return sent.offset;
    },
  };
}

/** A message of records or metrics as a proxy sends it; totals are those after this block. */
export function message(
  stream: Stream,
  rows: readonly Row[],
  head: Partial<BlockHeaders>,
): Message {
  const times = rows.map((row) => Number(row['time']) / 1_000);
  const headers: BlockHeaders = {
    schema: stream === 'access' ? RECORD_SCHEMA : METRIC_SCHEMA,
    ...{ proxy: 'gw', instance: 'i1', worker: 0, seq: 1, logEpoch: 1, rows: rows.length },
    ...{ served: rows.length, sampledOut: 0, dropped: 0, end: 0, bound: 0 },
    minTs: Math.floor(Math.min(...times, Date.now())),
    maxTs: Math.ceil(Math.max(...(times.length === 0 ? [Date.now()] : times))),
    ...head,
  };
  const own = { proxy: headers.proxy, instance: headers.instance, worker: headers.worker };
  return {
    value: stream === 'access' ? recordBlock(rows, own, head.schema) : metricBlock(rows, own),
    headers: encodeBlockHeaders(headers),
  };
}

const RECORD_DEFAULTS: Row = {
  ...{ role: 'gateway', direction: 'edge', log_epoch: 1, revision: 7, method: 'GET' },
  ...{ status: 200, grpc_status: -1, reason: 'ok', weight: 1, duration_us: 1_000 },
  ...{ source: 'Gateway/shop/edge', destination: 'shop/storefront', route: 'shop/storefront' },
};
const METRIC_DEFAULTS: Row = {
  ...{ role: 'gateway', direction: 'edge', log_epoch: 1, revision: 7, requests: 1 },
  ...{ source: 'Gateway/shop/edge', destination: 'shop/storefront', route: 'shop/storefront' },
  ...{ status_class: '2xx', reason: 'ok', duration_us: 1_000 },
};

/** `time` is in µs since 1970; `fields` are written as `tenant=acme,plan=gold`. */
export function recordBlock(
  rows: readonly Row[],
  own: Row = {},
  schema = RECORD_SCHEMA,
): Uint8Array {
  if (rows.length === 0) return new Uint8Array(0);
  // Older schemas have the same columns under other types, or all but the last.
  const columns = (recordColumns(schema) ?? RECORD_COLUMNS) as typeof RECORD_COLUMNS;
  const block = new NativeBlock(columns, rows.length);
  const plain = columns.filter((column) => column.name !== 'fields');
  const { fields: writer } = block.columns as Partial<typeof block.columns>;
  rows.forEach((row, index) => {
    push(plain, block.columns, { ...RECORD_DEFAULTS, ...own, ...row });
    const fields = String(row['fields'] ?? '');
    writer?.push(index, fields === '' ? [] : fields.split(/[=,]/));
  });
  return block.take(rows.length);
}

/** All requests of a row took `duration_us`. */
export function metricBlock(rows: readonly Row[], own: Row = {}): Uint8Array {
  if (rows.length === 0) return new Uint8Array(0);
  const block = new NativeBlock(METRIC_COLUMNS, rows.length);
  const plain = METRIC_COLUMNS.filter((column) => column.name !== 'durations');
  for (const row of rows) {
    const full = { ...METRIC_DEFAULTS, ...own, ...row };
    const requests = Number(full['requests']);
    const durationUs = Number(full['duration_us']);
    push(plain, block.columns, { ...full, duration_us_sum: requests * durationUs });
    block.columns.durations.push(bucketOf(durationUs), requests);
    block.columns.durations.endRow();
  }
  return block.take(rows.length);
}

type Pushable = { push(value: never): unknown };

function push(columns: readonly Column[], writers: object, row: Row): void {
  for (const { name, wire } of columns) {
    const writer = (writers as Record<string, Pushable>)[name];
    writer?.push((row[name] ?? (isText(wire) ? '' : 0)) as never);
  }
}

export interface TestService {
  url: string;
  pid: number;
  stderr(): string;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<{ status: number; body: T }>;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

const MAIN = fileURLToPath(new URL('../../../services/analytics/main.ts', import.meta.url));

/** Starts `services/analytics/main.ts`; ended after the test. */
export async function startService(
  mesh: TestMesh,
  at: {
    clickhouse?: string;
    /** What it is told of Kafka, in flags (default: the run's broker). */
    kafka?: readonly string[];
    listen?: string;
    ready?: boolean;
    keep?: boolean;
    /** Further flags. */
    more?: readonly string[];
  } = {},
): Promise<TestService> {
  const args = [
    ...['--mesh', mesh.name, '--listen', at.listen ?? '127.0.0.1:0'],
    ...(at.kafka ?? ['--kafka', kafkaBrokers()]),
    ...['--clickhouse', at.clickhouse ?? clickhouseUrl()],
    ...(at.more ?? []),
  ];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  if (at.keep !== true) {
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await exited;
    });
  }
  const url =
    at.ready === false
      ? `http://${at.listen}`
      : await eventually(() => /ready (\S+)/.exec(out)?.[1], {
          what: `ready line; stderr: ${err}`,
          timeoutMs: 30_000,
        });
  return {
    url,
    pid: child.pid ?? 0,
    stderr: () => err,
    async get<T>(path: string) {
      const response = await fetch(`${url}${path}`);
      return (await response.json()) as T;
    },
    async post<T>(path: string, body: unknown) {
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as T };
    },
    async kill(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

/** Waits until the ledger has this many blocks of a stream. */
export function untilBlocks(mesh: TestMesh, stream: Stream, blocks: number): Promise<true> {
  return eventually(
    async () => {
      const found = await count(mesh, `blocks WHERE stream = '${stream}'`);
      return found >= blocks ? true : undefined;
    },
    { what: `${blocks} ${stream} blocks`, timeoutMs: 45_000, everyMs: 100 },
  );
}

export async function count(mesh: TestMesh, from: string, what = 'count()'): Promise<number> {
  const [row] = await mesh.clickhouse.query<{ n: number }>(`SELECT ${what} AS n FROM ${from}`);
  return Number(row?.n);
}
