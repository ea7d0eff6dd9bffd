/** Routes of connections whose bytes are not read: TLSRoute and TCPRoute of Gateway API. */
import type { Static } from 'typebox';
import { GATEWAY_VERSION } from './gateway-api.ts';
import { BackendRef, ParentRef } from './route-parts.ts';
import { Hostname, NamespacedMetadata, SectionName, strict } from './schema.ts';
import { Type } from './type.ts';

export const StreamRouteRule = strict({
  name: Type.Optional(SectionName),
  backendRefs: Type.Array(BackendRef, { minItems: 1, maxItems: 16 }),
});
export type StreamRouteRule = Static<typeof StreamRouteRule>;

/** Without matches a second rule would never be reached. */
const rules = Type.Array(StreamRouteRule, { minItems: 1, maxItems: 1 });
const parentRefs = Type.Optional(Type.Array(ParentRef, { maxItems: 32 }));

export const TLSRoute = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('TLSRoute'),
  metadata: NamespacedMetadata,
  spec: strict({
    parentRefs,
    hostnames: Type.Array(Hostname, {
      minItems: 1,
      maxItems: 1024,
      description: 'server names that a client asks for in its handshake',
    }),
    rules,
  }),
});
export type TLSRoute = Static<typeof TLSRoute>;

export const TCPRoute = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('TCPRoute'),
  metadata: NamespacedMetadata,
  spec: strict({ parentRefs, rules }),
});
export type TCPRoute = Static<typeof TCPRoute>;
