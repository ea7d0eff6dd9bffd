/** BackendTLSPolicy of Gateway API v1: TLS towards the endpoints of a Service, always verified. */
import type { Static } from 'typebox';
import { GATEWAY_GROUP } from './gateway-api.ts';
import { AuthorityRef } from './gateway-tls.ts';
import {
  Label,
  NamespacedMetadata,
  PreciseHostname,
  SectionName,
  oneOf,
  strict,
} from './schema.ts';
import { Type } from './type.ts';

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
      caCertificateRefs: Type.Optional(Type.Array(AuthorityRef, { minItems: 1, maxItems: 8 })),
      wellKnownCACertificates: Type.Optional(oneOf(['System'], 'those of the machine')),
      subjectAltNames: Type.Optional(
        Type.Array(strict({ type: Type.Literal('Hostname'), hostname: PreciseHostname }), {
          minItems: 1,
          maxItems: 5,
          description: 'the certificate has to have one of these instead of `hostname`',
        }),
      ),
    }),
  }),
});
export type BackendTLSPolicy = Static<typeof BackendTLSPolicy>;
