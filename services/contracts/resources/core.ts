import type { Static } from 'typebox';
import {
  ClusterMetadata,
  Label,
  NamespacedLabelMetadata,
  NamespacedMetadata,
  Port,
  oneOf,
  strict,
} from './schema.ts';
import { Type } from './type.ts';

export const Namespace = strict({
  apiVersion: Type.Literal('v1'),
  kind: Type.Literal('Namespace'),
  metadata: ClusterMetadata,
});
export type Namespace = Static<typeof Namespace>;

/** A named destination. Its endpoints are announced by sidecars or declared by EndpointSlices. */
export const Service = strict({
  apiVersion: Type.Literal('v1'),
  kind: Type.Literal('Service'),
  metadata: NamespacedLabelMetadata,
  spec: strict({
    ports: Type.Array(
      strict({
        name: Type.Optional(Label),
        port: Port,
        protocol: Type.Optional(Type.Literal('TCP')),
        appProtocol: Type.Optional(
          oneOf(['http', 'kubernetes.io/ws', 'kubernetes.io/h2c', 'grpc']),
        ),
      }),
      { minItems: 1, maxItems: 64 },
    ),
  }),
});
export type Service = Static<typeof Service>;

/** The label that says which Service an EndpointSlice belongs to. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export const EndpointSlice = strict({
  apiVersion: Type.Literal('discovery.k8s.io/v1'),
  kind: Type.Literal('EndpointSlice'),
  metadata: NamespacedMetadata,
  addressType: oneOf(['IPv4', 'IPv6']),
  endpoints: Type.Array(
    strict({
      addresses: Type.Array(Type.String({ minLength: 2, maxLength: 45 }), {
        minItems: 1,
        maxItems: 100,
      }),
      conditions: Type.Optional(strict({ ready: Type.Optional(Type.Boolean()) })),
      zone: Type.Optional(Label),
    }),
    { maxItems: 1000 },
  ),
  ports: Type.Array(
    strict({
      name: Type.Optional(Type.String({ maxLength: 63 })),
      port: Port,
      protocol: Type.Optional(Type.Literal('TCP')),
    }),
    { minItems: 1, maxItems: 100 },
  ),
});
export type EndpointSlice = Static<typeof EndpointSlice>;
