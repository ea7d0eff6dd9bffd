/**
 * Gateway API v1 (gateway.networking.k8s.io), the part that this version serves. Field names,
 * defaults and meaning are the standard's; what is not here yet is refused by name (later.ts),
 * never accepted and ignored.
 */
import type { Static } from 'typebox';
import {
  ClusterMetadata,
  DurationText,
  HeaderName,
  HeaderValue,
  Hostname,
  HttpMethod,
  Label,
  NamespacedMetadata,
  Port,
  SectionName,
  Subdomain,
  oneOf,
  strict,
} from './schema.ts';
import { Type } from './type.ts';
import { GatewayTls, ListenerTls } from './gateway-tls.ts';

export const GATEWAY_GROUP = 'gateway.networking.k8s.io';
const GATEWAY_VERSION = `${GATEWAY_GROUP}/v1`;
export const CONTROLLER_NAME = 'windrose.dev/gateway';
/** The class that exists without being declared. */
export const DEFAULT_GATEWAY_CLASS = 'windrose';

export const GatewayClass = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('GatewayClass'),
  metadata: ClusterMetadata,
  spec: strict({
    controllerName: Type.Literal(CONTROLLER_NAME),
    description: Type.Optional(Type.String({ maxLength: 64 })),
  }),
});
export type GatewayClass = Static<typeof GatewayClass>;

export const Gateway = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('Gateway'),
  metadata: NamespacedMetadata,
  spec: strict({
    gatewayClassName: Subdomain,
    addresses: Type.Optional(
      Type.Array(
        strict({
          type: Type.Optional(Type.Literal('IPAddress')),
          value: Type.String({ minLength: 2, maxLength: 45 }),
        }),
        { maxItems: 16 },
      ),
    ),
    listeners: Type.Array(
      strict({
        name: SectionName,
        hostname: Type.Optional(Hostname),
        port: Port,
        protocol: oneOf(['HTTP', 'HTTPS', 'TLS', 'TCP']),
        tls: Type.Optional(ListenerTls),
        allowedRoutes: Type.Optional(
          strict({
            namespaces: Type.Optional(strict({ from: Type.Optional(oneOf(['Same', 'All'])) })),
          }),
        ),
      }),
      { minItems: 1, maxItems: 64 },
    ),
    tls: Type.Optional(GatewayTls),
  }),
});
export type Gateway = Static<typeof Gateway>;
export type GatewayListener = Gateway['spec']['listeners'][number];

export const ParentRef = strict({
  group: Type.Optional(oneOf([GATEWAY_GROUP, ''])),
  kind: Type.Optional(oneOf(['Gateway', 'Service'])),
  namespace: Type.Optional(Label),
  name: Subdomain,
  sectionName: Type.Optional(SectionName),
  port: Type.Optional(Port),
});
export type ParentRef = Static<typeof ParentRef>;

const PathMatch = strict({
  type: Type.Optional(oneOf(['Exact', 'PathPrefix', 'RegularExpression'])),
  value: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
});
const ValueMatch = strict({
  type: Type.Optional(oneOf(['Exact', 'RegularExpression'])),
  name: HeaderName,
  value: Type.String({ minLength: 1, maxLength: 4096 }),
});
export const HTTPRouteMatch = strict({
  path: Type.Optional(PathMatch),
  headers: Type.Optional(Type.Array(ValueMatch, { maxItems: 16 })),
  queryParams: Type.Optional(Type.Array(ValueMatch, { maxItems: 16 })),
  method: Type.Optional(HttpMethod),
});
export type HTTPRouteMatch = Static<typeof HTTPRouteMatch>;

const HeaderLine = strict({ name: HeaderName, value: HeaderValue });
export const HeaderModifier = strict({
  set: Type.Optional(Type.Array(HeaderLine, { maxItems: 16 })),
  add: Type.Optional(Type.Array(HeaderLine, { maxItems: 16 })),
  remove: Type.Optional(Type.Array(HeaderName, { maxItems: 16 })),
});
export type HeaderModifier = Static<typeof HeaderModifier>;

/**
 * The type says which of the two fields is set; compile refuses a filter whose field is missing.
 */
export const HTTPRouteFilter = strict({
  type: oneOf(['RequestHeaderModifier', 'ResponseHeaderModifier']),
  requestHeaderModifier: Type.Optional(HeaderModifier),
  responseHeaderModifier: Type.Optional(HeaderModifier),
});
export type HTTPRouteFilter = Static<typeof HTTPRouteFilter>;

export const BackendRef = strict({
  group: Type.Optional(Type.Literal('')),
  kind: Type.Optional(Type.Literal('Service')),
  namespace: Type.Optional(Label),
  name: Label,
  port: Type.Optional(Port),
  weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
});
export type BackendRef = Static<typeof BackendRef>;

export const HTTPRouteRule = strict({
  name: Type.Optional(SectionName),
  matches: Type.Optional(Type.Array(HTTPRouteMatch, { maxItems: 64 })),
  filters: Type.Optional(Type.Array(HTTPRouteFilter, { maxItems: 16 })),
  backendRefs: Type.Optional(Type.Array(BackendRef, { maxItems: 16 })),
  timeouts: Type.Optional(
    strict({
      request: Type.Optional(DurationText),
      backendRequest: Type.Optional(DurationText),
    }),
  ),
});
export type HTTPRouteRule = Static<typeof HTTPRouteRule>;

export const HTTPRoute = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('HTTPRoute'),
  metadata: NamespacedMetadata,
  spec: strict({
    parentRefs: Type.Array(ParentRef, { minItems: 1, maxItems: 32 }),
    hostnames: Type.Optional(Type.Array(Hostname, { maxItems: 16 })),
    rules: Type.Array(HTTPRouteRule, { minItems: 1, maxItems: 16 }),
  }),
});
export type HTTPRoute = Static<typeof HTTPRoute>;
