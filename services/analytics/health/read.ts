import type { Health, HealthResponse, OwnView, ServiceHealth } from '#contracts/api/health.ts';
import { ROLLUP_STEP_MS } from '#contracts/metrics.ts';
import { ROLLUPS, TABLES } from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { ask } from '../api/ask.ts';
import { type Buckets, quantilesMs } from '../api/histogram.ts';
import { iso } from '../api/range.ts';
import { STATES, type Sight, WINDOW_MINUTES, healthOf } from './rules.ts';

const MINUTE_MS = 60_000;
const BEFORE_MS = 60 * MINUTE_MS;
/** Who called or was called in that time is asked after. */
const KNOWN_MS = 24 * 60 * MINUTE_MS;
/** A proxy tells of each step of 10 s, with or without traffic; the rest is the way here. */
const SILENT_MS = 45_000;
const EDGES_MAX = 5_000;

/** Of all edges and of all services that were called in the last day. */
export interface MeshHealth {
  from: string;
  to: string;
  services: ReadonlyMap<string, ServiceHealth>;
  edges: ReadonlyMap<string, Health>;
}

export const edgeKey = (source: string, destination: string): string => `${source} ${destination}`;

interface EdgeRow {
  source: string;
  destination: string;
  requests_: number;
  errors_: number;
  retries_: number;
  durations_: Buckets;
  before_: number;
  durations_before: Buckets;
}

type Proxies = Sight['proxies'];

/** How the mesh is now, by the last minutes whose rows may be in. */
export async function readHealth(clickhouse: ClickHouse, nowMs: number): Promise<MeshHealth> {
  const toMs = Math.floor(nowMs / ROLLUP_STEP_MS) * ROLLUP_STEP_MS;
  const fromMs = toMs - WINDOW_MINUTES * MINUTE_MS;
  const times = { from: fromMs / 1_000, to: toMs / 1_000 };
  const [rows, own, proxies] = await Promise.all([
    ask<EdgeRow>(clickhouse, EDGES_SQL, { ...times, before: (fromMs - BEFORE_MS) / 1_000 }),
    ask<OwnView & { destination: string }>(clickhouse, OWN_SQL, times),
    readProxies(clickhouse, nowMs),
  ]);
  const known = await ask<{ source: string; destination: string }>(clickhouse, KNOWN_SQL, {
    since: (toMs - KNOWN_MS) / 1_000,
  });
  const owns = new Map(own.map(({ destination, ...view }) => [destination, view]));
  const byEdge = new Map(rows.map((row) => [edgeKey(row.source, row.destination), row]));
  const edges = new Map<string, Health>();
  const received = new Map<string, EdgeRow[]>();
  for (const { source, destination } of known) {
    const row = byEdge.get(edgeKey(source, destination));
    const list = received.get(destination) ?? [];
    received.set(destination, list);
    if (row !== undefined) list.push(row);
    // The callee's own view is of all its callers; of one of them nobody tells apart.
    const sight = sightOf(row === undefined ? [] : [row], undefined, proxies.of(destination));
    edges.set(edgeKey(source, destination), healthOf(sight));
  }
  const services = new Map<string, ServiceHealth>();
  for (const [service, calls] of received) {
    const view = owns.get(service);
    const sight = sightOf(calls, view, proxies.of(service));
    const { requests, errors, retries, p99Ms } = sight;
    services.set(service, {
      ...{ service, ...healthOf(sight), requests, errors, retries, p99Ms },
      ...(view === undefined ? {} : { own: view }),
    });
  }
  return { from: iso(fromMs), to: iso(toMs), services, edges };
}

export function healthList({ from, to, services }: MeshHealth): Omit<HealthResponse, 'freshness'> {
  const worst = ({ state }: ServiceHealth): number => STATES.indexOf(state);
  const items = [...services.values()].toSorted(
    (a, b) => worst(a) - worst(b) || b.requests - a.requests || (a.service < b.service ? -1 : 1),
  );
  return { from, to, items };
}

function sightOf(calls: readonly EdgeRow[], own: OwnView | undefined, proxies: Proxies): Sight {
  const sum = (read: (row: EdgeRow) => number): number =>
    calls.reduce((total, row) => total + read(row), 0);
  const p99 = (read: (row: EdgeRow) => Buckets): number =>
    quantilesMs(added(calls.map(read)), [0.99])[0];
  return {
    requests: sum((row) => row.requests_),
    errors: sum((row) => row.errors_),
    retries: sum((row) => row.retries_),
    p99Ms: p99((row) => row.durations_),
    before: { requests: sum((row) => row.before_), p99Ms: p99((row) => row.durations_before) },
    own,
    proxies,
  };
}

function added(all: readonly Buckets[]): Buckets {
  const sums: Record<string, number> = {};
  for (const buckets of all) {
    for (const [bucket, count] of Object.entries(buckets)) {
      sums[bucket] = (sums[bucket] ?? 0) + count;
    }
  }
  return sums;
}

/** Whom one hears of a service from: its own sidecars, or where it has none, any proxy. */
async function readProxies(
  clickhouse: ClickHouse,
  nowMs: number,
): Promise<{ of(service: string): Proxies }> {
  const [progress, sidecars] = await Promise.all([
    ask<{ proxy: string; newest: number; ended: number }>(clickhouse, PROGRESS_SQL, {}),
    ask<{ service: string; proxies: string[] }>(clickhouse, SIDECARS_SQL, {
      since: Math.floor((nowMs - KNOWN_MS) / 1_000),
    }),
  ]);
  const live = progress.filter(({ ended }) => ended === 0);
  const heard = new Set(
    live.filter(({ newest }) => newest >= nowMs - SILENT_MS).map(({ proxy }) => proxy),
  );
  const known = new Set(live.map(({ proxy }) => proxy));
  const all = { known: known.size, heard: heard.size };
  const byService = new Map(
    sidecars.map(({ service, proxies }) => {
      const own = proxies.filter((proxy) => known.has(proxy));
      return [
        service,
        { known: own.length, heard: own.filter((proxy) => heard.has(proxy)).length },
      ];
    }),
  );
  return { of: (service) => byService.get(service) ?? all };
}

const { edges: EDGES, edgesMinute, inbound: INBOUND } = ROLLUPS;
const time = (name: string): string => `toDateTime({${name}: Int64}, 'UTC')`;
const NOW = `time >= ${time('from')}`;

const EDGES_SQL = `
SELECT source, destination,
  sumIf(requests, ${NOW}) AS requests_, sumIf(errors, ${NOW}) AS errors_,
  sumIf(retries, ${NOW}) AS retries_, sumMapIf(durations, ${NOW}) AS durations_,
  sumIf(requests, NOT ${NOW}) AS before_, sumMapIf(durations, NOT ${NOW}) AS durations_before
FROM ${EDGES.table}
WHERE time >= ${time('before')} AND time < ${time('to')} AND destination != ''
GROUP BY source, destination`;

const OWN_SQL = `
SELECT destination, sum(requests) AS requests, sum(errors) AS errors FROM ${INBOUND.table}
WHERE time >= ${time('from')} AND time < ${time('to')} AND destination != ''
GROUP BY destination`;

const KNOWN_SQL = `
SELECT source, destination FROM ${edgesMinute.table}
WHERE time >= ${time('since')} AND destination != ''
GROUP BY source, destination ORDER BY sum(requests) DESC, source, destination LIMIT ${EDGES_MAX}`;

/** As the alerting service's watermark: workers of the last hour. */
const PROGRESS_SQL = `
SELECT proxy, max(newest) AS newest, min(ended) AS ended FROM (
  SELECT proxy, toUnixTimestamp64Milli(max(max_time)) AS newest, argMax(end, seq) > 0 AS ended
  FROM ${TABLES.blocks}
  WHERE stream = 'metrics' AND time >= now64(3) - INTERVAL 1 DAY
  GROUP BY proxy, instance, worker
) GROUP BY proxy`;

const SIDECARS_SQL = `
SELECT destination AS service, groupUniqArray(proxy) AS proxies FROM ${INBOUND.table}
WHERE time >= ${time('since')} AND destination != '' GROUP BY destination`;
