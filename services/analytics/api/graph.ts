import type { GraphResponse } from '#contracts/api/analytics.ts';
import { FINE_RANGE_MAX_MS, ROLLUPS } from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { ask } from './ask.ts';
import { type Health, healthAt } from './health.ts';
import { type Buckets, quantilesMs } from './histogram.ts';
import { type TimeRange, alignTo, elapsedSeconds, iso, readRange } from './range.ts';
import { chooseSource, whereSql } from './source.ts';
import { errorRate } from './totals.ts';

type Edge = GraphResponse['edges'][number];
type Node = GraphResponse['nodes'][number];
type Own = NonNullable<Node['own']>;

/** More edges than a person can look at; the busiest are kept. */
const EDGES_MAX = 2_000;
const DAY_MS = 86_400_000;

interface Row {
  source: string;
  destination: string;
  requests_: number;
  errors_: number;
  durations_: Buckets;
}

/**
 * Who called whom, from the callers' side, beside it what the called services saw, and how each of
 * them is. A request that reached no service (no route, denied at the edge) is no edge; totals by
 * route have it.
 */
export async function readGraph(
  clickhouse: ClickHouse,
  query: { from?: string; to?: string },
  nowMs: number,
): Promise<Omit<GraphResponse, 'freshness'>> {
  const asked = readRange(query, nowMs);
  const source = chooseSource({ by: 'edge', filters: {}, range: asked, nowMs });
  const range = alignTo(asked, source.stepMs);
  const { where, params } = whereSql(source, {}, range);
  const { requests, errors, durations } = source.measures;
  const [rows, own, health] = await Promise.all([
    ask<Row>(
      clickhouse,
      `SELECT source, destination,
       ${requests} AS requests_, ${errors} AS errors_, ${durations} AS durations_
     FROM ${source.table} WHERE ${where} AND destination != ''
     GROUP BY source, destination
     ORDER BY requests_ DESC, source, destination LIMIT ${EDGES_MAX}`,
      params,
    ),
    readOwn(clickhouse, asked, nowMs),
    healthAt(clickhouse, Math.min(asked.toMs, nowMs)),
  ]);
  const seconds = elapsedSeconds(range, nowMs);
  const edges = withHealth(
    rows.map((row) => edgeOf(row, seconds)),
    health,
  );
  const nodes = nodesOf(edges, health, own);
  return { from: iso(range.fromMs), to: iso(range.toMs), nodes, edges };
}

/** What the proxies of each called service saw; nothing of a range that has no such rows. */
async function readOwn(
  clickhouse: ClickHouse,
  asked: TimeRange,
  nowMs: number,
): Promise<Map<string, Own>> {
  const { keepDays, stepSeconds, table } = ROLLUPS.inbound;
  const isOld = asked.fromMs < nowMs - keepDays * DAY_MS;
  if (isOld || asked.toMs - asked.fromMs > FINE_RANGE_MAX_MS) return new Map();
  const { fromMs, toMs } = alignTo(asked, stepSeconds * 1_000);
  const rows = await ask<Omit<Row, 'source'>>(
    clickhouse,
    `SELECT destination, sum(requests) AS requests_, sum(errors) AS errors_,
       sumMap(durations) AS durations_
     FROM ${table}
     WHERE time >= toDateTime({from: UInt32}, 'UTC') AND time < toDateTime({to: UInt32}, 'UTC')
       AND destination != ''
     GROUP BY destination`,
    { from: fromMs / 1_000, to: toMs / 1_000 },
  );
  return new Map(
    rows.map(({ destination, requests_, errors_, durations_ }) => {
      const [p99Ms] = quantilesMs(durations_, [0.99]);
      return [destination, { requests: requests_, errors: errors_, p99Ms }];
    }),
  );
}

function edgeOf(row: Row, seconds: number): Edge {
  const counts = { requests: row.requests_, errors: row.errors_ };
  const [p50Ms, p99Ms] = quantilesMs(row.durations_, [0.5, 0.99]);
  return {
    source: row.source,
    destination: row.destination,
    ...counts,
    errorRate: errorRate(counts),
    requestsPerSecond: counts.requests / seconds,
    p50Ms,
    p99Ms,
  };
}

/** With those behind that had no calls in the range and are known. */
function withHealth(called: readonly Edge[], health: Health): Edge[] {
  const keyOf = (edge: { source: string; destination: string }): string =>
    `${edge.source}\0${edge.destination}`;
  const states = new Map(health.edges.map((edge) => [keyOf(edge), edge.health]));
  const edges = called.map((edge): Edge => {
    const state = states.get(keyOf(edge));
    return state === undefined ? edge : { ...edge, health: state };
  });
  const seen = new Set(called.map(keyOf));
  for (const { source, destination, health: state } of health.edges) {
    if (seen.has(keyOf({ source, destination })) || edges.length >= EDGES_MAX) continue;
    const none = { source, destination, requests_: 0, errors_: 0, durations_: {} };
    edges.push({ ...edgeOf(none, 1), health: state });
  }
  return edges;
}

/** A node counts what it received; one that nobody calls, what it sent. */
function nodesOf(edges: readonly Edge[], health: Health, own: ReadonlyMap<string, Own>): Node[] {
  const received = new Map<string, Node>();
  const sent = new Map<string, Node>();
  const add = (nodes: Map<string, Node>, name: string, edge: Edge): void => {
    const node = nodes.get(name) ?? { name, requests: 0, errors: 0 };
    node.requests += edge.requests;
    node.errors += edge.errors;
    nodes.set(name, node);
  };
  for (const edge of edges) {
    add(received, edge.destination, edge);
    add(sent, edge.source, edge);
  }
  const quiet = health.services.map(({ name }): [string, Node] => [
    name,
    { name, requests: 0, errors: 0 },
  ]);
  const states = new Map(health.services.map((service) => [service.name, service.health]));
  return [...new Map([...quiet, ...sent, ...received]).values()]
    .map((node): Node => {
      const state = states.get(node.name);
      const seen = own.get(node.name);
      return { ...node, ...(seen && { own: seen }), ...(state && { health: state }) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
