import { type CertificateRequest, type Issued, issueCertificate } from '#platform/x509.ts';
import type { Tls } from './client.ts';

/** Who signs what the servers and Gateways of a file's tests show. */
export const authority = issueCertificate({ name: 'conformance', isAuthority: true });
/** Whom nobody here trusts. */
export const stranger = issueCertificate({ name: 'stranger', isAuthority: true });

export function leaf(hosts: readonly string[], more: Partial<CertificateRequest> = {}): Issued {
  return issueCertificate({ name: hosts[0] ?? 'client', hosts, issuer: authority, ...more });
}

/** A client that trusts the authority, with or without a certificate of its own. */
export function trusting(serverName?: string, own?: Issued): Tls {
  return {
    ca: authority.cert,
    ...(serverName === undefined ? {} : { serverName }),
    ...(own === undefined ? {} : { cert: own.cert, key: own.key }),
  };
}
