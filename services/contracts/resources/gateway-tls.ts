/** TLS of a Gateway and its listeners (Gateway API v1). */
import type { Static } from 'typebox';
import { ApiGroup, ApiKind } from './route-parts.ts';
import { Label, Port, StringMap, Subdomain, oneOf, strict } from './schema.ts';
import { Type } from './type.ts';

/**
 * A certificate with its key: a Secret of the mesh, unless `certificates` in the proxy's bootstrap
 * has an entry of this name. Any group and kind: compile refuses what is no Secret.
 */
export const CertificateRef = strict({
  group: Type.Optional(ApiGroup),
  kind: Type.Optional(ApiKind),
  namespace: Type.Optional(Label),
  name: Subdomain,
});
export type CertificateRef = Static<typeof CertificateRef>;

/** Authorities: `ca.crt` of a Secret, or `ca` of an entry, which alone stands for ConfigMaps. */
export const AuthorityRef = strict({
  group: Type.Optional(ApiGroup),
  kind: ApiKind,
  namespace: Type.Optional(Label),
  name: Subdomain,
});
export type AuthorityRef = Static<typeof AuthorityRef>;

/** Compile refuses certificates that are missing, or that nobody would use. */
export const ListenerTls = strict({
  mode: Type.Optional(oneOf(['Terminate', 'Passthrough'], 'who ends TLS; default Terminate')),
  certificateRefs: Type.Optional(Type.Array(CertificateRef, { maxItems: 64 })),
  options: Type.Optional(StringMap),
});
export type ListenerTls = Static<typeof ListenerTls>;

const ClientValidation = strict({
  caCertificateRefs: Type.Array(AuthorityRef, { minItems: 1, maxItems: 16 }),
  mode: Type.Optional(
    oneOf(
      ['AllowValidOnly', 'AllowInsecureFallback'],
      'whether a connection without a valid client certificate is refused, which is the default',
    ),
  ),
});
const FrontendTls = strict({ validation: Type.Optional(ClientValidation) });

/**
 * Client certificates: those asked for at every port that ends TLS, or at one (GEP-91); and the one
 * that is shown to backends that ask for it (GEP-3155).
 */
export const GatewayTls = strict({
  backend: Type.Optional(strict({ clientCertificateRef: Type.Optional(CertificateRef) })),
  frontend: Type.Optional(
    strict({
      default: FrontendTls,
      perPort: Type.Optional(
        Type.Array(strict({ port: Port, tls: FrontendTls }), { maxItems: 64 }),
      ),
    }),
  ),
});
export type GatewayTls = Static<typeof GatewayTls>;
