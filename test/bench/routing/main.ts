// How long one decision takes: the route phase, and the whole pipeline without a network. Prints
// ratios, since times belong to the machine. Options: `--json`, `--smoke` (a short run).
import { hash } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { ResourceKey } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { readResource } from '#contracts/resources/read.ts';
import { systemClock } from '#platform/clock.ts';
import { MeshState } from '#platform/state.ts';
import { DataPlane } from '#proxy/dataplane.ts';
import {
  type Attempt,
  type AttemptResult,
  type RequestView,
  detachedExchange,
} from '#proxy/exchange.ts';
import { HeaderList } from '#proxy/headers.ts';
import { type CompiledSnapshot, compile, decide } from '#proxy/pure.ts';
import { socketTable } from '#proxy/route/sockets.ts';

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, smoke: { type: 'boolean' } },
});
const ROUNDS = options.smoke === true ? 1 : 7;
const DECISIONS = options.smoke === true ? 1_000 : 200_000;
const KEY = 'a-key-of-the-bench';
const GATEWAY_API = 'gateway.networking.k8s.io/v1';

/** CPU time of this process: what a decision costs, also on a machine that does other things. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

interface Row {
  routes: number;
  /** One host with all routes, or a host for each ten routes. */
  hosts: number;
  decideNs: number;
  pipelineNs: number;
  fullCompileMs: number;
  editMs: number;
}

function document(value: unknown): Resource {
  const read = readResource(value, 'bench');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.resource;
}

function routeDocument(
  index: number,
  hosts: number,
  prefix = `/api/v1/resource-${index}`,
): Resource {
  return document({
    apiVersion: GATEWAY_API,
    kind: 'HTTPRoute',
    metadata: { name: `route-${index}`, namespace: 'bench' },
    spec: {
      parentRefs: [{ name: 'edge' }],
      hostnames: [hostOf(index, hosts)],
      rules: [
        {
          matches: [{ path: { value: prefix }, method: 'GET' }],
          backendRefs: [{ name: 'app', port: 80 }],
        },
      ],
    },
  });
}

function hostOf(index: number, hosts: number): string {
  return `host-${index % hosts}.example`;
}

function base(): Resource[] {
  const metadata = (name: string) => ({ name, namespace: 'bench' });
  const own = (kind: string, name: string, spec: object) =>
    document({ apiVersion: 'windrose.dev/v1', kind, metadata: metadata(name), spec });
  const targetRefs = [{ kind: 'Gateway', name: 'edge' }];
  return [
    document({
      apiVersion: GATEWAY_API,
      kind: 'Gateway',
      metadata: metadata('edge'),
      spec: {
        gatewayClassName: 'windrose',
        listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }],
      },
    }),
    document({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('app'),
      spec: { ports: [{ port: 80 }] },
    }),
    own('Consumer', 'c', {
      credentials: [{ type: 'APIKey', id: 'k', sha256: hash('sha256', KEY) }],
    }),
    own('AuthenticationPolicy', 'keys', { targetRefs, apiKey: {} }),
    own('RateLimitPolicy', 'limits', {
      targetRefs,
      limits: [{ name: 'all', key: ['consumer'], requests: 1_000_000_000, per: '1s' }],
    }),
  ];
}

function apply(state: MeshState, upserts: readonly Resource[]): ReadonlySet<ResourceKey> {
  const sequence = state.sequence + 1;
  return state.apply({ sequence, time: '2026-01-01T00:00:00Z', upserts, deletes: [] });
}

function compileNow(state: MeshState, more: object = {}): CompiledSnapshot {
  const revision = { epoch: 1, sequence: state.sequence };
  const { snapshot, problems } = compile({
    entries: state.entries,
    revision,
    nowMs: Date.now(),
    ...more,
  });
  if (problems.length > 0) throw new Error(JSON.stringify(problems[0]));
  return snapshot;
}

function view(routes: number, hosts: number, at: number): RequestView {
  const index = (at * 7) % routes;
  return {
    direction: 'edge',
    listener: ':80',
    method: 'GET',
    host: hostOf(index, hosts),
    port: undefined,
    path: `/api/v1/resource-${index}/items/4711`,
    query: '?page=2',
    headers: HeaderList.fromRaw(['host', hostOf(index, hosts), 'accept', '*/*', 'x-api-key', KEY]),
    hasBody: false,
    protocol: 'http/1.1',
    clientAddress: '127.0.0.1',
  };
}

function timeDecide(snapshot: CompiledSnapshot, views: readonly RequestView[]): number {
  const sockets = socketTable(snapshot.listeners);
  const startMs = cpuMs();
  let found = 0;
  for (let i = 0; i < DECISIONS; i++) {
    const request = views[i % views.length];
    if (request === undefined) continue;
    if (decide({ snapshot, sockets, service: undefined, request }).kind === 'rule') found++;
  }
  if (found !== DECISIONS) throw new Error('a request found no route');
  return ((cpuMs() - startMs) / DECISIONS) * 1e6;
}

async function timePipeline(
  snapshot: CompiledSnapshot,
  views: readonly RequestView[],
): Promise<number> {
  const scope = { role: 'gateway', proxy: 'p', gateways: undefined, service: undefined } as const;
  const plane = new DataPlane({
    scope: { ...scope, workers: 1 },
    clock: systemClock,
    random: Math.random,
  });
  plane.swap(snapshot);
  const endpoint = { address: '127.0.0.1', port: 9000, proxy: 'x', zone: '' };
  plane.setEndpoints({ mesh: 'm', service: 'bench/app', endpoints: [endpoint], time: '' });
  const headers = new HeaderList();
  const head: AttemptResult = { kind: 'head', status: 200, headers, body: { discard: () => {} } };
  const attempt: Attempt = (_exchange, _endpoint, _limits, done) => done(head);
  const startMs = cpuMs();
  for (let i = 0; i < DECISIONS; i++) {
    const request = views[i % views.length];
    if (request === undefined) continue;
    const exchange = detachedExchange({ ...request }, snapshot, '');
    plane.handle(exchange, attempt, (outcome) => {
      plane.release(exchange, { aborted: false });
      if (outcome.kind !== 'head') throw new Error(outcome.reply.message);
    });
  }
  return ((cpuMs() - startMs) / DECISIONS) * 1e6;
}

async function measure(routes: number, hosts: number): Promise<Row> {
  const state = new MeshState();
  const all = Array.from({ length: routes }, (_, index) => routeDocument(index, hosts));
  apply(state, [...base(), ...all]);
  const first = compileNow(state);
  const views = Array.from({ length: Math.min(routes, 512) }, (_, at) => view(routes, hosts, at));
  const decideNs: number[] = [];
  const pipelineNs: number[] = [];
  const fullCompileMs: number[] = [];
  const editMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    decideNs.push(timeDecide(first, views));
    pipelineNs.push(await timePipeline(first, views));
    const fullStart = cpuMs();
    compileNow(state);
    fullCompileMs.push(cpuMs() - fullStart);
    editMs.push(timeEdits(first, state, routes, hosts));
  }
  return {
    routes,
    hosts,
    decideNs: median(decideNs),
    pipelineNs: median(pipelineNs),
    fullCompileMs: median(fullCompileMs),
    editMs: median(editMs),
  };
}

/** One route of many changes its path; the edits are independent of each other. */
function timeEdits(
  previous: CompiledSnapshot,
  state: MeshState,
  routes: number,
  hosts: number,
): number {
  const count = options.smoke === true ? 1 : 50;
  const inputs = Array.from({ length: count }, (_, edit) => {
    const entries = new Map(state.entries);
    const resource = routeDocument(edit % routes, hosts, `/edited-${edit}`);
    const key = `HTTPRoute/bench/route-${edit % routes}` as const;
    const before = entries.get(key);
    if (before !== undefined) entries.set(key, { ...before, resource });
    return { entries, changed: new Set([key]) };
  });
  const startMs = cpuMs();
  for (const input of inputs) {
    compile({ ...input, previous, revision: previous.revision, nowMs: 0 });
  }
  return (cpuMs() - startMs) / count;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const sizes: [number, number][] = [
  [10, 1],
  [1_000, 1],
  [1_000, 100],
];
if (options.smoke !== true) sizes.push([10_000, 1_000]);
const rows: Row[] = [];
await measure(100, 10);
for (const [routes, hosts] of sizes) rows.push(await measure(routes, hosts));
if (options.json === true) console.log(JSON.stringify(rows));
else print(rows);

function print(table: readonly Row[]): void {
  const [first] = table;
  if (first === undefined) return;
  const ratio = (value: number, unit: number): string => `×${(value / unit).toFixed(2)}`;
  process.stdout.write('routes  hosts  decide  pipeline  edit    full compile\n');
  for (const row of table) {
    process.stdout.write(
      [
        String(row.routes).padEnd(7),
        String(row.hosts).padEnd(6),
        ratio(row.decideNs, first.decideNs).padEnd(7),
        ratio(row.pipelineNs, first.pipelineNs).padEnd(9),
        ratio(row.editMs, first.editMs).padEnd(7),
        ratio(row.fullCompileMs, first.fullCompileMs),
      ].join(' ') + '\n',
    );
  }
  const us = (ns: number): string => `${(ns / 1_000).toFixed(2)} µs`;
  process.stdout.write(
    `×1 here: decide ${us(first.decideNs)}, pipeline ${us(first.pipelineNs)}, ` +
      `edit ${first.editMs.toFixed(2)} ms, full compile ${first.fullCompileMs.toFixed(2)} ms\n`,
  );
}
