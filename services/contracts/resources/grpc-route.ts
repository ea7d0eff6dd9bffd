/** GRPCRoute of Gateway API v1.7. */
import type { Static } from 'typebox';
import { GATEWAY_VERSION } from './gateway-api.ts';
import {
  ExtensionRef,
  HeaderMatch,
  HeaderModifier,
  ParentRef,
  RequestMirror,
  SessionPersistence,
  ValueMatchType,
  weightedReference,
} from './route-parts.ts';
import { Hostname, NamespacedMetadata, SectionName, oneOf, strict } from './schema.ts';
import { Type } from './type.ts';

/** At least one of `service` and `method`; compile refuses an empty one. */
const MethodMatch = strict({
  type: Type.Optional(ValueMatchType),
  service: Type.Optional(Type.String({ maxLength: 1024 })),
  method: Type.Optional(Type.String({ maxLength: 1024 })),
});
export const GRPCRouteMatch = strict({
  method: Type.Optional(MethodMatch),
  headers: Type.Optional(Type.Array(HeaderMatch, { maxItems: 16 })),
});
export type GRPCRouteMatch = Static<typeof GRPCRouteMatch>;

export const GRPCRouteFilter = strict({
  type: oneOf(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'ExtensionRef']),
  requestHeaderModifier: Type.Optional(HeaderModifier),
  responseHeaderModifier: Type.Optional(HeaderModifier),
  requestMirror: Type.Optional(RequestMirror),
  extensionRef: Type.Optional(ExtensionRef),
});
export type GRPCRouteFilter = Static<typeof GRPCRouteFilter>;

const filters = Type.Optional(Type.Array(GRPCRouteFilter, { maxItems: 16 }));

export const GRPCBackendRef = strict({ ...weightedReference, filters });
export type GRPCBackendRef = Static<typeof GRPCBackendRef>;

export const GRPCRouteRule = strict({
  name: Type.Optional(SectionName),
  matches: Type.Optional(Type.Array(GRPCRouteMatch, { maxItems: 64 })),
  filters,
  backendRefs: Type.Optional(Type.Array(GRPCBackendRef, { maxItems: 16 })),
  sessionPersistence: Type.Optional(SessionPersistence),
});
export type GRPCRouteRule = Static<typeof GRPCRouteRule>;

export const GRPCRoute = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('GRPCRoute'),
  metadata: NamespacedMetadata,
  spec: strict({
    parentRefs: Type.Optional(Type.Array(ParentRef, { maxItems: 32 })),
    hostnames: Type.Optional(Type.Array(Hostname, { maxItems: 16 })),
    rules: Type.Optional(Type.Array(GRPCRouteRule, { minItems: 1, maxItems: 16 })),
  }),
});
export type GRPCRoute = Static<typeof GRPCRoute>;
