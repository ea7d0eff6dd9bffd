import type { ChangeEffects, EffectReason } from '#contracts/api/config.ts';
import type { ProxyRole } from '#contracts/events.ts';
import {
  type Resource,
  type RouteResource,
  backendRefsOf,
  parentRefsOf,
} from '#contracts/resources/index.ts';
import type { MeshState } from '#platform/state.ts';
import type { CompiledSnapshot } from '#proxy/pure.ts';

/** A proxy that is up; of one known from its receipts alone nothing else is known. */
export interface AudienceProxy {
  proxy: string;
  version?: string;
  role?: ProxyRole;
  /** `namespace/name`; empty for a gateway. */
  workload?: string;
}

export interface EffectsInput {
  /** As compiled: what a change leaves alone is the same object in both. */
  before: CompiledSnapshot;
  after: CompiledSnapshot;
  /** The state behind `after`. */
  state: Pick<MeshState, 'entries'>;
  proxies: readonly AudienceProxy[];
}

/** What differs between two snapshots, in the words of those who serve it. */
interface Differences {
  listeners: ReadonlySet<string>;
  /** Services with other ports, endpoints, policies. */
  services: ReadonlySet<string>;
  /** Services whose mesh routes differ: for every caller, or for those of some namespaces. */
  routes: ReadonlyMap<string, 'all' | ReadonlySet<string>>;
  /** Namespaces whose consumers' keys differ. */
  keys: ReadonlySet<string>;
  mesh: boolean;
}

type Tabled = Iterable<readonly [string, unknown]>;
interface TableLike<V> {
  entries: () => Iterable<readonly [string, V]>;
  get: (key: string) => V | undefined;
}

/**
 * Who would serve something else after a change, and what. A gateway's heartbeat does not say which
 * Gateways it serves, so that each one counts for every listener.
 */
export function effectsOf(input: EffectsInput): ChangeEffects {
  const found = differences(input.before, input.after);
  const calls = new Set([...found.services, ...found.routes.keys()]);
  const edgeCalls = edgeReaches(input.state, found.services);
  const proxies = input.proxies.flatMap(({ proxy, role, workload }) => {
    if (role === undefined || workload === undefined) return [];
    const why = reasonsFor(role, workload, found, edgeCalls);
    return why.length === 0 ? [] : [{ proxy, role, workload, why }];
  });
  return {
    listeners: [...found.listeners].sort(),
    services: [...calls].sort(),
    proxies: proxies.sort((a, b) => (a.proxy < b.proxy ? -1 : 1)),
    proxyCount: input.proxies.length,
  };
}

function reasonsFor(
  role: ProxyRole,
  workload: string,
  found: Differences,
  edgeCalls: boolean,
): EffectReason[] {
  const namespace = workload.split('/')[0] ?? '';
  const isEdge = role !== 'sidecar';
  const isSidecar = role !== 'gateway';
  const isRoutedAnew = [...found.routes.values()].some(
    (callers) => callers === 'all' || callers.has(namespace),
  );
  const reasons: [EffectReason, boolean][] = [
    ['mesh', found.mesh],
    ['listeners', isEdge && found.listeners.size > 0],
    ['inbound', isSidecar && found.services.has(workload)],
    ['calls', (isSidecar && (found.services.size > 0 || isRoutedAnew)) || (isEdge && edgeCalls)],
    ['keys', isEdge ? found.keys.size > 0 : found.keys.has(namespace)],
  ];
  return reasons.flatMap(([reason, holds]) => (holds ? [reason] : []));
}

function differences(before: CompiledSnapshot, after: CompiledSnapshot): Differences {
  const routes = new Map<string, 'all' | ReadonlySet<string>>();
  for (const name of changedIn(before.meshRoutes, after.meshRoutes)) {
    routes.set(name, callersOf(before.meshRoutes.get(name), after.meshRoutes.get(name)));
  }
  const keys = changedIn(before.credentials, after.credentials);
  return {
    listeners: new Set(changedIn(before.edge, after.edge)),
    services: new Set(changedIn(before.services, after.services)),
    routes,
    keys: new Set(keys.map((key) => key.split('/')[0] ?? '')),
    mesh: before.mesh !== after.mesh,
  };
}

type Routes = NonNullable<ReturnType<CompiledSnapshot['meshRoutes']['get']>>;

/** Routes of a consumer's namespace are for its own callers. */
function callersOf(before: Routes | undefined, after: Routes | undefined): 'all' | Set<string> {
  const isSame = (before?.producer.size ?? 0) === 0 && (after?.producer.size ?? 0) === 0;
  if (!isSame && before?.producer !== after?.producer) return 'all';
  const [old, now] = [before?.consumers ?? new Map(), after?.consumers ?? new Map()];
  return new Set([...old.keys(), ...now.keys()].filter((name) => old.get(name) !== now.get(name)));
}

function changedIn<V>(before: TableLike<V>, after: TableLike<V>): string[] {
  if (before === after) return [];
  const names = (table: { entries: () => Tabled }): string[] =>
    [...table.entries()].map(([name]) => name);
  const all = new Set([...names(before), ...names(after)]);
  return [...all].filter((name) => before.get(name) !== after.get(name));
}

/** Whether a route of a Gateway leads to one of these Services. */
function edgeReaches({ entries }: Pick<MeshState, 'entries'>, services: ReadonlySet<string>) {
  if (services.size === 0) return false;
  for (const { resource } of entries.values()) {
    if (isEdgeRoute(resource) && reaches(resource, services)) return true;
  }
  return false;
}

function isEdgeRoute(resource: Resource): resource is RouteResource {
  if (!resource.kind.endsWith('Route')) return false;
  const parents = parentRefsOf(resource as RouteResource);
  return parents.some(({ kind = 'Gateway' }) => kind !== 'Service');
}

function reaches(route: RouteResource, services: ReadonlySet<string>): boolean {
  const own = route.metadata.namespace ?? '';
  for (const { kind = 'Service', namespace = own, name } of backendRefsOf(route)) {
    if (kind === 'Service' && services.has(`${namespace}/${name}`)) return true;
  }
  return false;
}
