import type {
  FaultPolicy,
  HTTPRoute,
  HTTPRouteRule,
  TCPRoute,
  TLSRoute,
} from '#contracts/resources/index.ts';
import type { Context, KubeObject } from './context.ts';
import type { Fields } from './fields.ts';
import type { Destinations } from './istio-destination.ts';
import { faultPolicies } from './istio-fault.ts';
import type { Subsets } from './istio-hosts.ts';
import { type IstioParent, isMesh, parentsOf } from './istio-parents.ts';
import { readEntry, rulesAt } from './istio-rules.ts';
import { streamRoutes } from './istio-stream.ts';
import { httpRoutes } from './routes.ts';

/** A VirtualService as routes; and as faults of the Services where the options let them expire. */
export function virtualService(
  object: KubeObject,
  subsets: Subsets,
  context: Context,
): (HTTPRoute | TLSRoute | TCPRoute | FaultPolicy)[] {
  const spec = object.fields.map('spec');
  object.fields.rest();
  if (spec === undefined) return [];
  const where: Destinations = { namespace: object.namespace, subsets, context };
  const parents = parentsOf(spec, object, context);
  if (spec.texts('exportTo').some((target) => target !== '*')) {
    spec.notes.lost(spec.at('exportTo'), 'a route is seen by whoever calls its parent');
  }
  const http = spec.maps('http');
  const faults = faultPolicies(http, parents, object, context);
  const routes = [
    ...httpOf(http, parents, where, object),
    ...streamRoutes(spec, parents, where, object),
  ];
  spec.rest();
  return [...routes, ...faults];
}

/** Parents with the same hosts and rules share a route. */
function httpOf(
  http: readonly Fields[],
  parents: readonly IstioParent[],
  where: Destinations,
  { namespace, name, fields }: KubeObject,
): HTTPRoute[] {
  const entries = http.flatMap((entry) => readEntry(entry, where) ?? []);
  const groups = new Map<string, { parents: IstioParent[]; rules: HTTPRouteRule[] }>();
  for (const parent of parents) {
    const rules = rulesAt(entries, parent.gateway, fields.notes);
    if (rules.length === 0) continue;
    const key = JSON.stringify([isMesh(parent), parent.hostnames, rules]);
    const group = groups.get(key) ?? { parents: [], rules };
    groups.set(key, group);
    group.parents.push(parent);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group.parents;
    const isOnlyMesh = first !== undefined && isMesh(first) && groups.size > 1;
    const refs = group.parents.flatMap((parent) => parent.refs);
    const unique = new Map(refs.map((ref) => [JSON.stringify(ref), ref]));
    return httpRoutes(
      {
        namespace,
        name: isOnlyMesh ? `${name}-mesh` : name,
        parentRefs: [...unique.values()],
        hostnames: first?.hostnames ?? [],
        rules: group.rules,
      },
      where.context,
    );
  });
}
