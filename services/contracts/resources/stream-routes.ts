/** Routes of connections whose bytes are not read: TLSRoute and TCPRoute of Gateway API. */
import type { Static } from 'typebox';
import { BackendRef, GATEWAY_GROUP, ParentRef } from './gateway-api.ts';
import { Hostname, NamespacedMetadata, SectionName, strict } from './schema.ts';
import { Type } from './type.ts';

/** TLSRoute has left the standard's experimental channel, TCPRoute has not. */
export const TLS_ROUTE_VERSION = `${GATEWAY_GROUP}/v1`;
export const TCP_ROUTE_VERSION = `${GATEWAY_GROUP}/v1alpha2`;

export const StreamRouteRule = strict({
  name: Type.Optional(SectionName),
  backendRefs: Type.Array(BackendRef, { minItems: 1, maxItems: 16 }),
});
export type StreamRouteRule = Static<typeof StreamRouteRule>;

/** Without matches a second rule would never be reached. */
const rules = Type.Array(StreamRouteRule, { minItems: 1, maxItems: 1 });
const parentRefs = Type.Array(ParentRef, { minItems: 1, maxItems: 32 });

export const TLSRoute = strict({
  apiVersion: Type.Literal(TLS_ROUTE_VERSION),
  kind: Type.Literal('TLSRoute'),
  metadata: NamespacedMetadata,
  spec: strict({
    parentRefs,
    hostnames: Type.Array(Hostname, {
      minItems: 1,
      maxItems: 16,
      description: 'server names that a client asks for in its handshake',
    }),
    rules,
  }),
});
export type TLSRoute = Static<typeof TLSRoute>;

export const TCPRoute = strict({
  apiVersion: Type.Literal(TCP_ROUTE_VERSION),
  kind: Type.Literal('TCPRoute'),
  metadata: NamespacedMetadata,
  spec: strict({ parentRefs, rules }),
});
export type TCPRoute = Static<typeof TCPRoute>;
