// How long one decision takes, and what it allocates.
import { getHeapStatistics } from 'node:v8';
import type { RequestView } from '#proxy/exchange.ts';
import { type CompiledSnapshot, decide } from '#proxy/pure.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import { type Case, cpuNs, snapshotOf, stateOf, viewsOf } from './world.ts';

export interface Decisions {
  name: string;
  routes: number;
  /** Of one decision; one of each round. */
  ns: number[];
  /** That matching allocates, without the decision's own two records. */
  matchBytes: number;
  decideBytes: number;
}

export interface Effort {
  rounds: number;
  /** Decisions in a round. */
  count: number;
}

/**
 * So many requests are made, then decided: they are as fresh in the processor's caches as one that
 * was just read, while the tables are as cold as the routes are many.
 */
const BLOCK = 256;

export function measureDecisions(each: Case, routes: number, effort: Effort): Decisions {
  const snapshot = snapshotOf(stateOf(each, routes).entries);
  const blocks = Math.ceil(effort.count / BLOCK);
  const decideAll = decider(snapshot);
  const matchAll = matcher(snapshot);
  const warm = viewsOf(each, routes, BLOCK);
  decideAll(warm, effort.count);
  matchAll(warm, effort.count);
  const ns: number[] = [];
  for (let round = 0; round < effort.rounds; round++) {
    let sum = 0;
    for (let block = 0; block < blocks; block++) {
      const views = viewsOf(each, routes, BLOCK, block * BLOCK);
      const start = cpuNs();
      decideAll(views, BLOCK);
      sum += cpuNs() - start;
    }
    ns.push(sum / (blocks * BLOCK));
  }
  return {
    ...{ name: each.name, routes, ns },
    matchBytes: bytesOf(matchAll, warm, effort.count),
    decideBytes: bytesOf(decideAll, warm, effort.count),
  };
}

type Run = (views: readonly RequestView[], count: number) => void;

function decider(snapshot: CompiledSnapshot): Run {
  const sockets = socketTable(snapshot.listeners);
  return (views, count) => {
    let found = 0;
    for (let i = 0; i < count; i++) {
      const request = views[i % views.length];
      if (request === undefined) continue;
      if (decide({ snapshot, sockets, service: undefined, request }).kind === 'rule') found++;
    }
    if (found !== count) throw new Error('a request found no route');
  };
}

function matcher(snapshot: CompiledSnapshot): Run {
  const [listener] = snapshot.edge.values();
  return (views, count) => {
    let found = 0;
    for (let i = 0; i < count; i++) {
      const request = views[i % views.length];
      if (request !== undefined && listener?.hosts.find(request) !== undefined) found++;
    }
    if (found !== count) throw new Error('a request found no match');
  };
}

function bytesOf(run: Run, views: readonly RequestView[], count: number): number {
  const before = allocated();
  run(views, count);
  return (allocated() - before) / count;
}

/** Since the process began, also what was collected since. */
function allocated(): number {
  const statistics: { total_allocated_bytes?: number } = getHeapStatistics();
  return statistics.total_allocated_bytes ?? Number.NaN;
}
