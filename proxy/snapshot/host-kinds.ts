/**
 * HTTPRoutes and GRPCRoutes must not be merged (GRPCRouteSpec.rules), so a hostname of a listener
 * has routes of one kind: that of the oldest route that asks for it. The other kind's are refused
 * there, as the standard allows (GRPCRouteSpec.hostnames).
 */
import { type HTTPRoute, type GRPCRoute, type RouteResource } from '#contracts/resources/index.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { StateEntry } from '#platform/state.ts';
import { nameOf } from './refs.ts';
import { compareText } from './report.ts';
import { HOST_ROUTES, type NodeKey, hostNode } from './units.ts';
import type { View } from './view.ts';

type HostRoute = HTTPRoute | GRPCRoute;

const OTHER_KIND = { HTTPRoute: 'GRPCRoute', GRPCRoute: 'HTTPRoute' } as const;

function isHostRoute(resource: { kind: string }): resource is HostRoute {
  return resource.kind === 'HTTPRoute' || resource.kind === 'GRPCRoute';
}

/** The node of the other kind. */
function otherNode(node: NodeKey): NodeKey {
  const rest = node.slice(HOST_ROUTES.length);
  const kind = rest.startsWith('HTTPRoute ') ? 'HTTPRoute' : 'GRPCRoute';
  return `${HOST_ROUTES}${OTHER_KIND[kind]}${rest.slice(kind.length)}`;
}

/**
 * True when an edit may change who is refused a hostname: a route came, went or asks elsewhere. Of
 * everything else it is of no account.
 */
export function hasMoved(before: StateEntry | undefined, after: StateEntry | undefined): boolean {
  if (before === undefined || after === undefined) return true;
  return before.createdAt !== after.createdAt || placeOf(before) !== placeOf(after);
}

function placeOf({ resource }: StateEntry): string {
  if (!isHostRoute(resource)) return '';
  return JSON.stringify([resource.spec.parentRefs, resource.spec.hostnames]);
}

/** Whom a move at a node touches: both kinds where both are there, nobody where one is alone. */
export function* touchedAt(
  node: NodeKey,
  attached: { get(node: NodeKey): ReadonlySet<ResourceKey> | undefined },
): Generator<ResourceKey> {
  const others = attached.get(otherNode(node));
  if (others === undefined) return;
  yield* others;
  yield* attached.get(node) ?? [];
}

/**
 * The route of the other kind that has this hostname of a listener, since it is older. `isAt` is
 * true of a route that is attached to the listener, as far as hostnames do not matter.
 */
export function holderOf(
  route: RouteResource,
  gateway: ResourceKey,
  hostname: string,
  isAt: (route: RouteResource) => boolean,
  view: View,
): RouteResource | undefined {
  if (!isHostRoute(route)) return undefined;
  const others = view.attached(hostNode(OTHER_KIND[route.kind], gateway, hostname));
  if (others.length === 0) return undefined;
  const isRoute = ({ resource }: StateEntry): boolean => isHostRoute(resource) && isAt(resource);
  const other = others.find(isRoute);
  const own = view.attached(hostNode(route.kind, gateway, hostname)).find(isRoute);
  if (other === undefined || (own !== undefined && compareAge(own, other) < 0)) return undefined;
  return isHostRoute(other.resource) ? other.resource : undefined;
}

/** The kind comes last: routes of both may have one name, and came with one change-set. */
function compareAge(a: StateEntry, b: StateEntry): number {
  return (
    a.createdAt - b.createdAt ||
    compareText(nameOf(a.resource), nameOf(b.resource)) ||
    compareText(a.key, b.key)
  );
}
