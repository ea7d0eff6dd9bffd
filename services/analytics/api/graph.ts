import type { GraphResponse } from '#contracts/api/analytics.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { ask } from './ask.ts';
import { type Buckets, quantilesMs } from './histogram.ts';
import { alignTo, elapsedSeconds, iso, readRange } from './range.ts';
import { chooseSource, whereSql } from './source.ts';
import { errorRate } from './totals.ts';

type Edge = GraphResponse['edges'][number];
type Node = GraphResponse['nodes'][number];

/** More edges than a person can look at; the busiest are kept. */
const EDGES_MAX = 2_000;

interface Row {
  source: string;
  destination: string;
  requests_: number;
  errors_: number;
  durations_: Buckets;
}

/**
 * Who called whom, from the callers' side. A request that reached no service (no route, denied at
 * the edge) is no edge; totals by route have it.
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
  const rows = await ask<Row>(
    clickhouse,
    `SELECT source, destination,
       ${requests} AS requests_, ${errors} AS errors_, ${durations} AS durations_
     FROM ${source.table} WHERE ${where} AND destination != ''
     GROUP BY source, destination
     ORDER BY requests_ DESC, source, destination LIMIT ${EDGES_MAX}`,
    params,
  );
  const seconds = elapsedSeconds(range, nowMs);
  const edges = rows.map((row) => edgeOf(row, seconds));
  return { from: iso(range.fromMs), to: iso(range.toMs), nodes: nodesOf(edges), edges };
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

/** A node counts what it received; one that nobody calls, what it sent. */
function nodesOf(edges: readonly Edge[]): Node[] {
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
  return [...new Map([...sent, ...received]).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
