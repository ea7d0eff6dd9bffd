import {
  GATEWAY_GROUP,
  type GatewayListener,
  type RouteGroupKind,
  type RouteResource,
} from '#contracts/resources/index.ts';

const kindsOf = (...kinds: RouteResource['kind'][]): readonly RouteResource['kind'][] =>
  Object.freeze(kinds);
const HTTP = kindsOf('HTTPRoute', 'GRPCRoute');
const TCP = kindsOf('TCPRoute');
const PASSTHROUGH = kindsOf('TLSRoute');
/** Once TLS has ended, what is inside is bytes. */
const TERMINATE = kindsOf('TLSRoute', 'TCPRoute');
const NONE = kindsOf();

/** The kinds of routes that a protocol can serve here; none: the protocol is not served. */
export function protocolKinds({
  protocol,
  tls,
}: Pick<GatewayListener, 'protocol' | 'tls'>): readonly RouteResource['kind'][] {
  if (protocol === 'HTTP' || protocol === 'HTTPS') return HTTP;
  if (protocol === 'TCP') return TCP;
  if (protocol === 'TLS') return tls?.mode === 'Passthrough' ? PASSTHROUGH : TERMINATE;
  return NONE;
}

/** Those of them that `allowedRoutes.kinds` lets in: all when it names none. */
export function supportedKinds(listener: GatewayListener): readonly RouteResource['kind'][] {
  const kinds = protocolKinds(listener);
  const asked = listener.allowedRoutes?.kinds;
  if (asked === undefined || asked.length === 0) return kinds;
  return kinds.filter((kind) =>
    asked.some((each) => each.kind === kind && (each.group ?? GATEWAY_GROUP) === GATEWAY_GROUP),
  );
}

export function groupKinds(listener: GatewayListener): RouteGroupKind[] {
  return supportedKinds(listener).map((kind) => ({ group: GATEWAY_GROUP, kind }));
}

export function endsTls({ protocol, tls }: GatewayListener): boolean {
  return protocol === 'HTTPS' || (protocol === 'TLS' && tls?.mode !== 'Passthrough');
}
