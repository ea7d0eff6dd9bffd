// Meshes of so many routes on one Gateway, compiled, and requests that meet them.
import type { ResourceKey } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { readResource } from '#contracts/resources/read.ts';
import { MeshState } from '#platform/state.ts';
import type { RequestView } from '#proxy/exchange.ts';
import { HeaderList } from '#proxy/headers.ts';
import { type CompiledSnapshot, compile } from '#proxy/pure.ts';

const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const HOST = 'api.example';
/** What a browser or a library sends along. */
const USUAL = [
  ...['user-agent', 'bench/1.0 (of the router)', 'accept', '*/*', 'accept-encoding', 'gzip, br'],
  ...['authorization', 'Bearer abcdefghijklmnopqrstuvwxyz0123456789', 'x-trace', '1234567890'],
];

/** What route number `index` matches, and a request that it gets. */
export interface Case {
  name: string;
  match(index: number): object;
  hostname?(index: number): string;
  request(index: number): { path: string; query?: string; headers?: string[]; host?: string };
}

export function document(value: unknown): Resource {
  const read = readResource(value, 'bench');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.resource;
}

export function routeOf(each: Case, index: number, match = each.match(index)): Resource {
  return document({
    ...head('HTTPRoute', `route-${index}`),
    spec: {
      parentRefs: [{ name: 'edge' }],
      hostnames: [each.hostname?.(index) ?? HOST],
      rules: [{ matches: [match], backendRefs: [{ name: 'app', port: 80 }] }],
    },
  });
}

export function routeKey(index: number): ResourceKey {
  return `HTTPRoute/bench/route-${index}`;
}

export function stateOf(each: Case, routes: number, more: readonly Resource[] = []): MeshState {
  const state = new MeshState();
  const upserts = [
    document({
      ...head('Gateway', 'edge'),
      spec: {
        gatewayClassName: 'windrose',
        listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }],
      },
    }),
    document({ ...head('Service', 'app', 'v1'), spec: { ports: [{ port: 80 }] } }),
    ...more,
    ...Array.from({ length: routes }, (_, index) => routeOf(each, index)),
  ];
  state.apply({ sequence: 1, time: '2026-01-01T00:00:00Z', upserts, deletes: [] });
  return state;
}

export function head(kind: string, name: string, apiVersion = GATEWAY_API): object {
  return { apiVersion, kind, metadata: { name, namespace: 'bench' } };
}

export function snapshotOf(
  entries: MeshState['entries'],
  before?: { previous: CompiledSnapshot; changed: ReadonlySet<ResourceKey> },
): CompiledSnapshot {
  const revision = { epoch: 1, sequence: 1 };
  const { snapshot, problems } = compile({ entries, revision, nowMs: Date.now(), ...before });
  if (problems.length > 0) throw new Error(JSON.stringify(problems[0]));
  return snapshot;
}

/**
 * Requests as a connection gives them: host and path are texts that nobody has looked at yet, the
 * path a piece of a longer one. Neighbours in time are no neighbours in a table.
 */
export function viewsOf(each: Case, routes: number, count: number, from = 0): RequestView[] {
  return Array.from({ length: count }, (_, at) => {
    const asked = each.request(((from + at) * 7_919) % routes);
    const { path, query = '', headers = [], host = HOST } = asked;
    const line = Buffer.from(`GET ${path} HTTP/1.1`).toString('latin1');
    return {
      direction: 'edge',
      listener: ':80',
      method: 'GET',
      host: Buffer.from(host).toString('latin1'),
      port: undefined,
      path: line.slice('GET '.length, 'GET '.length + path.length),
      query,
      headers: HeaderList.fromRaw(['host', host, ...USUAL, ...headers]),
      hasBody: false,
      protocol: 'http/1.1',
      clientAddress: '127.0.0.1',
    };
  });
}

/** CPU time of this process, ns: what something costs, also where other things run. */
export function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low = NaN, high = NaN] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (low + high) / 2;
}
