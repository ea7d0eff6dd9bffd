/** ReferenceGrant of Gateway API v1 (GEP-709): who may refer into a namespace, and to what. */
import type { Static } from 'typebox';
import { GATEWAY_VERSION } from './gateway-api.ts';
import { ApiGroup, ApiKind } from './route-parts.ts';
import { Label, NamespacedMetadata, Subdomain, strict } from './schema.ts';
import { Type } from './type.ts';

export const ReferenceGrant = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('ReferenceGrant'),
  metadata: NamespacedMetadata,
  spec: strict({
    from: Type.Array(strict({ group: ApiGroup, kind: ApiKind, namespace: Label }), {
      minItems: 1,
      maxItems: 16,
      description: 'each of these may refer to each of `to`',
    }),
    to: Type.Array(
      strict({
        group: ApiGroup,
        kind: ApiKind,
        name: Type.Optional(Subdomain),
      }),
      { minItems: 1, maxItems: 16, description: 'without a name: all of the kind in here' },
    ),
  }),
});
export type ReferenceGrant = Static<typeof ReferenceGrant>;
