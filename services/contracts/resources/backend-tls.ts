/** BackendTLSPolicy of Gateway API v1: TLS towards the endpoints of a Service, always verified. */
import type { Static } from 'typebox';
import { GATEWAY_GROUP } from './gateway-api.ts';
import { ApiGroup, ApiKind } from './route-parts.ts';
import {
  Hostname,
  Label,
  NamespacedMetadata,
  PreciseHostname,
  SectionName,
  Subdomain,
  oneOf,
  strict,
} from './schema.ts';
import { Type } from './type.ts';

/** In the policy's own namespace; any kind: compile refuses what holds no authorities. */
const LocalAuthorityRef = strict({
  group: Type.Optional(ApiGroup),
  kind: ApiKind,
  name: Subdomain,
});

/** The type says which of the others it has; compile refuses both and neither. */
const SubjectAltName = strict({
  type: oneOf(['Hostname', 'URI']),
  hostname: Type.Optional(Hostname),
  uri: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 253,
      pattern: '^[A-Za-z][-A-Za-z0-9+.]*://[\\x21-\\x7e]+$',
      description: 'such as spiffe://mesh.example/ns/shop/sa/app',
    }),
  ),
});
export type SubjectAltName = Static<typeof SubjectAltName>;

export const BackendTLSPolicy = strict({
  apiVersion: Type.Literal(`${GATEWAY_GROUP}/v1`),
  kind: Type.Literal('BackendTLSPolicy'),
  metadata: NamespacedMetadata,
  spec: strict({
    targetRefs: Type.Array(
      strict({
        group: Type.Optional(Type.Literal('')),
        kind: Type.Literal('Service'),
        name: Label,
        sectionName: Type.Optional(SectionName),
      }),
      { minItems: 1, maxItems: 16 },
    ),
    validation: strict({
      hostname: PreciseHostname,
      caCertificateRefs: Type.Optional(Type.Array(LocalAuthorityRef, { maxItems: 8 })),
      wellKnownCACertificates: Type.Optional(
        Type.String({ maxLength: 253, description: 'System: those of the machine' }),
      ),
      subjectAltNames: Type.Optional(
        Type.Array(SubjectAltName, {
          maxItems: 5,
          description: 'the certificate has to have one of these instead of `hostname`',
        }),
      ),
    }),
  }),
});
export type BackendTLSPolicy = Static<typeof BackendTLSPolicy>;
