import type { Endpoint } from '#contracts/events.ts';
import type { ResourceKey, ResourceRef } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { readResource } from '#contracts/resources/read.ts';
import { MeshState } from '#platform/state.ts';
import { type Exchange, type RequestView, detachedExchange } from '#proxy/exchange.ts';
import { HeaderList } from '#proxy/headers.ts';
import { type CompiledSnapshot, compile } from '#proxy/pure.ts';

export const NOW_MS = Date.UTC(2026, 0, 1);

/** A mesh whose state changes step by step and is compiled after each. */
export class World {
  readonly state = new MeshState();
  snapshot: CompiledSnapshot;
  problems: ResourceProblem[] = [];

  constructor(...resources: unknown[]) {
    this.snapshot = this.#compile().snapshot;
    this.apply(...resources);
  }

  apply(...documents: unknown[]): this {
    return this.change(documents, []);
  }

  delete(...deletes: ResourceRef[]): this {
    return this.change([], deletes);
  }

  change(documents: readonly unknown[], deletes: readonly ResourceRef[]): this {
    const changed = this.state.apply({
      sequence: this.state.sequence + 1,
      time: '2026-01-01T00:00:00Z',
      upserts: documents.map(resource),
      deletes,
    });
    const { snapshot, problems } = this.#compile(this.snapshot, changed);
    this.snapshot = snapshot;
    this.problems = problems;
    return this;
  }

  /** From nothing, whatever was there before. */
  full(): { snapshot: CompiledSnapshot; problems: ResourceProblem[] } {
    return this.#compile();
  }

  /** `Kind/namespace/name path reason` of each problem. */
  get findings(): string[] {
    return this.problems.map(({ resource: key, path, reason }) => `${key} ${path} ${reason}`);
  }

  #compile(previous?: CompiledSnapshot, changed?: ReadonlySet<ResourceKey>) {
    return compile({
      entries: this.state.entries,
      revision: { epoch: 1, sequence: this.state.sequence },
      nowMs: NOW_MS,
      ...(previous === undefined || changed === undefined ? {} : { previous, changed }),
    });
  }
}

function resource(document: unknown): Resource {
  const read = readResource(document, 'test');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.resource;
}

const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const WINDROSE = 'windrose.dev/v1';

/** `namespace/name`, or a name in `shop`. */
function metadata(name: string, more: object = {}): object {
  const [namespace, short] = name.includes('/') ? name.split('/') : ['shop', name];
  return { name: short, namespace, ...more };
}

export function gateway(name: string, listeners: unknown[], spec: object = {}): object {
  return {
    apiVersion: GATEWAY_API,
    kind: 'Gateway',
    metadata: metadata(name),
    spec: {
      gatewayClassName: 'windrose',
      listeners: listeners.map((listener) => ({
        name: 'http',
        port: 80,
        protocol: 'HTTP',
        ...(listener as object),
      })),
      ...spec,
    },
  };
}

/** Listeners that join the Gateway `edge`. */
export function listenerSet(name: string, listeners: object[], spec: object = {}): object {
  return {
    apiVersion: GATEWAY_API,
    kind: 'ListenerSet',
    metadata: metadata(name),
    spec: {
      parentRef: { name: 'edge', namespace: 'shop' },
      listeners: listeners.map((each) => ({ name: 'http', port: 80, protocol: 'HTTP', ...each })),
      ...spec,
    },
  };
}

export function namespace(name: string, labels: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function gatewayClass(
  name: string,
  controllerName = 'windrose.dev/gateway',
  spec: object = {},
): object {
  return {
    apiVersion: GATEWAY_API,
    kind: 'GatewayClass',
    metadata: { name },
    spec: { controllerName, ...spec },
  };
}

export function route(name: string, spec: object): object {
  return {
    apiVersion: GATEWAY_API,
    kind: 'HTTPRoute',
    metadata: metadata(name),
    spec: { parentRefs: [{ name: 'edge' }], ...spec },
  };
}

/** A GRPCRoute; its rules come from `calls`. */
export function grpcRoute(name: string, spec: object): object {
  return { ...route(name, spec), kind: 'GRPCRoute' };
}

/** A rule for calls, as GRPCMethodMatch writes them, that leads to a Service's port 80. */
export function calls(method: object | undefined, backend: string, more: object = {}): object {
  return {
    matches: [method === undefined ? {} : { method }],
    backendRefs: [{ name: backend, port: 80 }],
    ...more,
  };
}

/** A rule for a path prefix that leads to a Service's port 80. */
export function rule(prefix: string, backend: string, more: object = {}): object {
  return {
    matches: [{ path: { type: 'PathPrefix', value: prefix } }],
    backendRefs: [{ name: backend, port: 80 }],
    ...more,
  };
}

export function service(name: string, ports: object[] = [{ port: 80 }]): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: metadata(name), spec: { ports } };
}

/** Lets `kind` of namespace `from` refer to things of the namespace `of`; without a name to all. */
export function grant(
  name: string,
  from: { group?: string; kind: string; namespace: string },
  to: { group?: string; kind: string; name?: string } = { kind: 'Service' },
): object {
  return {
    apiVersion: GATEWAY_API,
    kind: 'ReferenceGrant',
    metadata: metadata(name),
    spec: {
      from: [{ group: 'gateway.networking.k8s.io', ...from }],
      to: [{ group: '', ...to }],
    },
  };
}

export function slice(of: string, addresses: string[], more: object = {}): object {
  const name = of.split('/').at(-1) ?? of;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(of, { labels: { 'kubernetes.io/service-name': name } }),
    addressType: 'IPv4',
    endpoints: [{ addresses }],
    ports: [{ port: 8080 }],
    ...more,
  };
}

/** A resource of `windrose.dev/v1`. */
export function own(kind: string, name: string, spec: object): object {
  const meta = kind === 'Mesh' ? { name } : metadata(name);
  return { apiVersion: WINDROSE, kind, metadata: meta, spec };
}

/** An endpoint that the sidecar `proxy` announced. */
export function announced(address: string, port = 9000, proxy = `sidecar-${address}`): Endpoint {
  return { address, port, proxy, zone: '' };
}

export function request(fields: Partial<Omit<RequestView, 'headers'>> & { headers?: object } = {}) {
  const { headers = {}, ...rest } = fields;
  const list = new HeaderList();
  for (const [name, value] of Object.entries(headers)) list.add(name, String(value));
  const view: RequestView = {
    direction: 'edge',
    listener: ':80',
    method: 'GET',
    host: 'shop.example',
    port: undefined,
    path: '/',
    query: '',
    hasBody: false,
    protocol: 'http/1.1',
    clientAddress: '127.0.0.9',
    headers: list,
    ...rest,
  };
  return view;
}

export function exchange(
  snapshot: CompiledSnapshot,
  fields: Parameters<typeof request>[0] = {},
  more: Partial<Exchange> = {},
): Exchange {
  return { ...detachedExchange(request(fields), snapshot, ''), requestId: 'r1', ...more };
}

/** The same numbers in [0, 1) in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of a list. */
export function oneOf<T>(random: () => number, list: readonly T[]): T {
  const chosen = list[Math.floor(random() * list.length)];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
}
