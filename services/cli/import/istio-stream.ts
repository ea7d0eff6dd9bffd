import type {
  BackendRef,
  ParentRef,
  StreamRouteRule,
  TCPRoute,
  TLSRoute,
} from '#contracts/resources/index.ts';
import type { KubeObject } from './context.ts';
import type { Fields } from './fields.ts';
import { type Destinations, destinationRef } from './istio-destination.ts';
import type { IstioParent } from './istio-parents.ts';
import { isHostname } from './names.ts';
import { GATEWAY_V1 } from './routes.ts';

const LEFT_OUT = 'the rule is left out';

/** `tls` and `tcp` of a VirtualService, each match as a route: a stream's rule has no matches. */
export function streamRoutes(
  spec: Fields,
  parents: readonly IstioParent[],
  where: Destinations,
  object: KubeObject,
): (TLSRoute | TCPRoute)[] {
  const refs = parents.flatMap((parent) => parent.refs);
  const tls = spec.maps('tls').flatMap((entry) => tlsRoutes(entry, refs, where, object));
  const tcp = spec.maps('tcp').flatMap((entry) => tcpRoutes(entry, refs, where, object));
  return [...tls, ...tcp];
}

function tlsRoutes(
  entry: Fields,
  refs: readonly ParentRef[],
  where: Destinations,
  object: KubeObject,
): TLSRoute[] {
  const rule = ruleOf(entry, where);
  const matches = entry.maps('match');
  entry.rest();
  return matches.flatMap((match): TLSRoute[] => {
    const hostnames = match.texts('sniHosts').filter((host) => {
      if (isHostname(host)) return true;
      match.notes.lost(match.at('sniHosts'), `${host} is no DNS name`);
      return false;
    });
    const parentRefs = refsOf(match, refs);
    if (rule === undefined || parentRefs === undefined || hostnames.length === 0) return [];
    return [
      {
        apiVersion: GATEWAY_V1,
        kind: 'TLSRoute',
        metadata: metadataOf('TLSRoute', where, object),
        spec: { parentRefs, hostnames, rules: [rule] },
      },
    ];
  });
}

function tcpRoutes(
  entry: Fields,
  refs: readonly ParentRef[],
  where: Destinations,
  object: KubeObject,
): TCPRoute[] {
  const rule = ruleOf(entry, where);
  const matches = entry.maps('match');
  entry.rest();
  const bound =
    matches.length === 0 ? [[...refs]] : matches.flatMap((match) => [refsOf(match, refs) ?? []]);
  return bound.flatMap((parentRefs): TCPRoute[] => {
    if (rule === undefined || parentRefs.length === 0) return [];
    return [
      {
        apiVersion: GATEWAY_V1,
        kind: 'TCPRoute',
        metadata: metadataOf('TCPRoute', where, object),
        spec: { parentRefs, rules: [rule] },
      },
    ];
  });
}

function metadataOf(
  kind: string,
  { context }: Destinations,
  { namespace, name }: KubeObject,
): { name: string; namespace: string } {
  return { name: context.names.unique(`${kind}/${namespace}`, name), namespace };
}

/** The parents at the port of a match; undefined where it asks for what a stream's route cannot. */
function refsOf(match: Fields, refs: readonly ParentRef[]): ParentRef[] | undefined {
  const port = match.number('port');
  const { unread } = match;
  for (const key of unread) {
    if (key !== 'sniHosts') match.lost(key, `connections are told by port and name; ${LEFT_OUT}`);
  }
  if (unread.some((key) => key !== 'sniHosts')) return undefined;
  return refs.map((ref) => (port === undefined ? ref : { ...ref, port }));
}

function ruleOf(entry: Fields, where: Destinations): StreamRouteRule | undefined {
  const routes = entry.maps('route');
  const backendRefs = routes.flatMap((route): BackendRef[] => {
    const weight = route.number('weight') ?? 0;
    const destination = route.map('destination');
    const ref = destination && destinationRef(destination, where);
    route.rest();
    if (ref === undefined) return [];
    return [{ ...ref, ...(routes.length === 1 ? {} : { weight }) }];
  });
  if (backendRefs.length === routes.length && routes.length > 0) return { backendRefs };
  entry.notes.lost(entry.path, `a destination is missing; ${LEFT_OUT}`);
  return undefined;
}
