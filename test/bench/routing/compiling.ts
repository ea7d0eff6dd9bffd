// What it costs to make the tables: all of them, and again after one edit.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type CompiledSnapshot, decide } from '#proxy/pure.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import { type Case, cpuNs, routeKey, routeOf, snapshotOf, stateOf, viewsOf } from './world.ts';

export interface Compiling {
  name: string;
  routes: number;
  /** Of a whole compile; one of each round, as below. */
  fullMs: number[];
  /** One route changes what it matches. */
  editMs: number[];
  /** The edit, and the first decision behind it for what it changed. */
  editAndDecideMs: number[];
  bytesPerRoute: number;
}

const EDITS = 20;

/** Of a case whose routes have one host. */
export function measureCompiling(each: Case, routes: number, rounds: number): Compiling {
  const state = stateOf(each, routes);
  const collect = collector();
  snapshotOf(state.entries); // Code and caches come first: they are not the tables'.
  collect();
  const before = process.memoryUsage().heapUsed;
  const first = snapshotOf(state.entries);
  collect();
  const bytesPerRoute = (process.memoryUsage().heapUsed - before) / routes;
  // The first edit of all divides the large tables; a proxy pays that once.
  const changed = new Set([routeKey(0)]);
  const divided = snapshotOf(state.entries, { previous: first, changed });
  const fullMs: number[] = [];
  const editMs: number[] = [];
  const editAndDecideMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = cpuNs();
    snapshotOf(state.entries);
    fullMs.push((cpuNs() - start) / 1e6);
    editMs.push(editsMs(each, routes, divided, state.entries, false));
    editAndDecideMs.push(editsMs(each, routes, divided, state.entries, true));
  }
  return { ...{ name: each.name, routes, fullMs, editMs, editAndDecideMs, bytesPerRoute } };
}

/** The edits are independent of each other: each begins with the same snapshot. */
function editsMs(
  each: Case,
  routes: number,
  previous: CompiledSnapshot,
  all: ReturnType<typeof stateOf>['entries'],
  decides: boolean,
): number {
  const edits = Array.from({ length: EDITS }, (_, number) => {
    const index = (number * 7_919) % routes;
    const key = routeKey(index);
    const entries = all.copy();
    const entry = entries.get(key);
    // What no other route matches yet.
    const resource = routeOf(each, index, each.match(routes + number));
    if (entry !== undefined) entries.set(key, { ...entry, resource });
    const moved = { ...each, request: () => each.request(routes + number) };
    const [view] = viewsOf(moved, routes, 1);
    return { entries, changed: new Set([key]), view };
  });
  const sockets = socketTable(previous.listeners);
  const start = cpuNs();
  for (const { entries, changed, view: request } of edits) {
    const snapshot = snapshotOf(entries, { previous, changed });
    if (!decides || request === undefined) continue;
    const { kind } = decide({ snapshot, sockets, service: undefined, request });
    if (kind !== 'rule') throw new Error('an edit is not decided with');
  }
  return (cpuNs() - start) / 1e6 / EDITS;
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  return typeof collect === 'function' ? () => void collect() : () => {};
}
