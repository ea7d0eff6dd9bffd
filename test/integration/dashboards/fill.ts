import { METRIC_WINDOW_MS, bucketMiddleUs, bucketOf } from '#contracts/metrics.ts';
import { TABLES, meshDatabase } from '#contracts/tables.ts';
import { type ClickHouse, connectClickHouse } from '#platform/clickhouse.ts';
import { clickhouseUrl } from '#test/parts.ts';
import { MIGRATIONS } from '../../../services/analytics/schema/migrations.ts';

/** The minute that the boards are looked at: known requests at known seconds of it. */
export const FROM_MS = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
export const TO_MS = FROM_MS + 60_000;

/** Seconds after the beginning of that minute, as ClickHouse reads a time in UTC. */
export function clock(seconds: number): string {
  return new Date(FROM_MS + seconds * 1_000).toISOString().replace('T', ' ').replace('Z', '');
}

/** The same as the answer of a query shows a DateTime. */
export function point(seconds: number): string {
  return new Date(FROM_MS + seconds * 1_000).toISOString().replace('.000Z', 'Z');
}

/** A time of records in the same. */
export function recordTime(seconds: number): string {
  return point(seconds).replace('Z', '.000000Z');
}

/** What a board shows for a duration: the middle of its bucket, 1 % off at most. */
export function shownMs(ms: number): number {
  return bucketMiddleUs(bucketOf(ms * 1_000)) / 1_000;
}

interface Metric {
  second: number;
  requests: number;
  ms: number;
  [column: string]: string | number;
}

const EDGE = {
  proxy: 'edge',
  role: 'gateway',
  direction: 'edge',
  source: 'Gateway/shop/edge',
  destination: 'shop/storefront',
  route: 'shop/storefront',
  log_epoch: 1,
  revision: 7,
  status_class: '2xx',
  reason: 'ok',
};
const OUTBOUND = {
  ...EDGE,
  proxy: 'storefront-1',
  role: 'sidecar',
  direction: 'outbound',
  source: 'shop/storefront',
  destination: 'shop/catalog',
  route: '',
};
const TROUBLE = { ...OUTBOUND, revision: 8, destination: 'shop/orders' };

/**
 * At the edge 120 requests: 60 + 6 of acme (6 failed), 24 anonymous, 20 of globex that were
 * limited, 10 that met no route. In the mesh 96 calls of catalog (3 retries), 4 of payments that
 * nobody took, and 2 of payments from outside of the mesh.
 */
const METRICS: Metric[] = [
  {
    ...EDGE,
    second: 0,
    requests: 60,
    ms: 10,
    consumer: 'shop/acme',
    bytes_in: 600,
    bytes_out: 6_000,
  },
  {
    ...EDGE,
    ...{ second: 12, requests: 6, ms: 100, consumer: 'shop/acme' },
    ...{ status_class: '5xx', reason: 'upstream_reset' },
  },
  { ...EDGE, second: 14, requests: 24, ms: 20, revision: 8, bytes_in: 0, bytes_out: 1_200 },
  {
    ...EDGE,
    ...{ second: 31, requests: 20, ms: 1, revision: 8, consumer: 'shop/globex' },
    ...{ status_class: '4xx', reason: 'limited' },
  },
  {
    ...EDGE,
    ...{ second: 40, requests: 10, ms: 1, revision: 8, route: '', destination: '' },
    ...{ status_class: '4xx', reason: 'no_route' },
  },
  { ...OUTBOUND, second: 2, requests: 66, ms: 5, retries: 3 },
  { ...OUTBOUND, second: 22, requests: 30, ms: 5, revision: 8 },
  {
    ...OUTBOUND,
    ...{ second: 22, requests: 4, ms: 2, revision: 8, destination: 'shop/payments' },
    ...{
      proxy: 'orders-1',
      source: 'shop/orders',
      status_class: '5xx',
      reason: 'upstream_refused',
    },
  },
  {
    ...OUTBOUND,
    ...{ second: 50, requests: 2, ms: 8, revision: 8, destination: 'shop/payments' },
    ...{ proxy: 'payments-1', direction: 'inbound', source: 'unknown' },
  },
  // What the sidecars of catalog and reviews-v1 saw: shown beside the others, and never added.
  {
    ...OUTBOUND,
    ...{ second: 2, requests: 95, ms: 4, proxy: 'catalog-1', direction: 'inbound', source: '' },
  },
  {
    ...OUTBOUND,
    ...{ second: 3, requests: 7, ms: 4, proxy: 'reviews-v1-1', destination: 'shop/reviews-v1' },
    ...{ direction: 'inbound', source: '' },
  },
  // Ten minutes later (TROUBLE_EXPECTED): 5 answered, 3 not in time, 2 + 1 not let through.
  { ...TROUBLE, second: 600, requests: 4, ms: 10, retries: 2 },
  {
    ...TROUBLE,
    ...{ second: 602, requests: 2, ms: 100, retries: 6 },
    ...{ status_class: '5xx', reason: 'upstream_timeout' },
  },
  { ...TROUBLE, second: 612, requests: 2, ms: 1, status_class: '5xx', reason: 'circuit_open' },
  { ...TROUBLE, second: 614, requests: 1, ms: 100, status_class: '5xx', reason: 'request_timeout' },
  {
    ...TROUBLE,
    ...{ second: 616, requests: 1, ms: 1, status_class: '5xx', reason: 'policy_unavailable' },
  },
  { ...TROUBLE, second: 630, requests: 1, ms: 10 },
  // One that lives and that nobody calls.
  {
    ...{ second: 48, requests: 0, ms: 0, proxy: 'idle-1', role: 'sidecar', direction: '' },
    source: 'shop/idle',
  },
  // Just outside of the minute.
  { ...EDGE, second: -10, requests: 1_000, ms: 10 },
  { ...OUTBOUND, second: 70, requests: 1_000, ms: 10 },
];

const RECORD = {
  proxy: 'edge',
  role: 'gateway',
  direction: 'edge',
  source: 'Gateway/shop/edge',
  destination: 'shop/storefront',
  log_epoch: 1,
  revision: 8,
  consumer: 'shop/acme',
  route: 'shop/storefront',
  backend: 'shop/storefront:80',
  endpoint: '127.0.0.1:9001',
  method: 'GET',
  host: 'shop.test',
  path: '/',
  path_template: '/',
  status: 200,
  reason: 'ok',
  duration_us: 10_000,
  upstream_us: 9_000,
  weight: 1,
};
const RECORDS = [
  { ...RECORD, second: 5, request_id: 'r1', trace_id: 't1', revision: 7 },
  {
    ...RECORD,
    ...{ second: 15, request_id: 'r2', trace_id: 't2', path: '/cart', path_template: '/cart' },
    ...{ status: 503, reason: 'upstream_refused', duration_us: 2_000, upstream_us: 0, weight: 2 },
    ...{ queue_us: 500, connect_us: 300, retries: 2, retry_reason: 'connect', ejected: 1 },
  },
  {
    ...RECORD,
    ...{ second: 25, request_id: 'r3', trace_id: 't3', duration_us: 40_000, connect_us: 1_000 },
    ...{ retries: 1, retry_reason: 'connect', fallback: 1 },
  },
  {
    ...RECORD,
    ...{ second: 25, request_id: 'r3', trace_id: 't3', proxy: 'storefront-1', role: 'sidecar' },
    ...{ direction: 'inbound', source: '', duration_us: 30_000, revision: 7, consumer: '' },
    // What a callee says of itself is not added.
    ...{ retries: 9, retry_reason: 'reset', ejected: 1, fallback: 1 },
  },
  { ...RECORD, second: 65, request_id: 'late', trace_id: 'late' },
];

/** Of a worker that is well, one that dropped 5 and misses a block of 10, and one that crashed. */
const BLOCKS = [
  block({ seq: 1, second: 4, rows: 30, served: 30 }),
  block({ seq: 2, second: 24, rows: 10, served: 46, sampled_out: 6, queued: 2, delay: 3 }),
  block({ proxy: 'b', instance: 'i2', seq: 1, second: 6, rows: 20, served: 20 }),
  block({
    ...{ proxy: 'b', instance: 'i2', seq: 3, second: 46, rows: 10, served: 45, dropped: 5 },
    queued: 0.5,
  }),
  block({ proxy: 'c', instance: 'i3', seq: 1, second: 8, rows: 7, served: 7, delay: 2 }),
  block({ proxy: 'c', instance: 'i3', seq: 2, second: 20, rows: 0, served: 9, end: 2 }),
  block({ stream: 'metrics', seq: 1, second: 26, rows: 12, served: 12, delay: 2 }),
  // In the minute of trouble, one that Kafka got twice and that was stored twice.
  block({ proxy: 'd', instance: 'i4', seq: 1, second: 604, rows: 10, served: 10, offset: 1 }),
  block({
    ...{ proxy: 'd', instance: 'i4', seq: 1, second: 604, rows: 10, served: 10, offset: 2 },
    ...{ queued: 8, delay: 9 },
  }),
];

function block(given: {
  stream?: string;
  proxy?: string;
  instance?: string;
  seq: number;
  second: number;
  rows: number;
  served: number;
  sampled_out?: number;
  dropped?: number;
  end?: number;
  offset?: number;
  /** Seconds after its newest row, until Kafka had it and until it stood in the ledger. */
  queued?: number;
  delay?: number;
}): object {
  const { second, queued = 0, delay = 1, ...rest } = given;
  const { stream = 'access', instance = 'i1' } = rest;
  return {
    stream,
    proxy: 'a',
    instance,
    topic: `windrose.demo.${stream}`,
    generation: 1,
    partition: Number(instance.slice(1)),
    offset: rest.seq,
    ...rest,
    min_time: clock(second - 1),
    max_time: clock(second),
    time: clock(second + queued),
    stored_at: clock(second + delay),
  };
}

/** The tables as analytics makes them, in a database of this mesh, with the minute in them. */
export async function fill(mesh: string): Promise<ClickHouse> {
  const clickhouse = connectClickHouse({ url: clickhouseUrl(), database: meshDatabase(mesh) });
  await clickhouse.createDatabase();
  for (const migration of MIGRATIONS) {
    for (const statement of migration.statements()) await clickhouse.command(statement);
  }
  const metrics = METRICS.map(({ second, ms, ...row }) => ({
    ...row,
    time: clock(Math.floor((second * 1_000) / METRIC_WINDOW_MS) * (METRIC_WINDOW_MS / 1_000)),
    duration_us_sum: row.requests * ms * 1_000,
    durations: { [bucketOf(ms * 1_000)]: row.requests },
  }));
  // Two blocks each, so that the rollups hold rows of one key that are not merged yet.
  await clickhouse.insertRows(TABLES.metrics, metrics.slice(0, 4), 'metrics-1');
  await clickhouse.insertRows(TABLES.metrics, metrics.slice(4), 'metrics-2');
  const records = RECORDS.map(({ second, ...row }) => ({ ...row, time: clock(second) }));
  await clickhouse.insertRows(TABLES.records, records, 'records-1');
  await clickhouse.insertRows(TABLES.blocks, BLOCKS, 'blocks-1');
  return clickhouse;
}
