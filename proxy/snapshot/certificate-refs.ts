import type { AuthorityRef, CertificateRef } from '#contracts/resources/index.ts';
import { type Referent, type Referrer, isPermitted, reportNotPermitted } from './grants.ts';
import type { Report } from './report.ts';
import type { View } from './view.ts';

/**
 * The name of a certificate with its key in the bootstrap, `namespace/name`; undefined, and
 * reported, where the reference may not be followed or is none to a Secret.
 */
export function readCertificateRef(
  from: Referrer,
  ref: CertificateRef,
  path: string,
  view: View,
  report: Report,
): string | undefined {
  const { group = '', kind = 'Secret', namespace = from.namespace, name } = ref;
  const to = { group, kind, namespace, name };
  if (group !== '' || kind !== 'Secret') {
    reportNoCertificate(to, path, report);
    return undefined;
  }
  return permitted(from, to, path, view, report);
}

/** The same for certificate authorities. */
export function readAuthorityRef(
  from: Referrer,
  ref: AuthorityRef,
  path: string,
  view: View,
  report: Report,
): string | undefined {
  const { group = '', kind, namespace = from.namespace, name } = ref;
  const to = { group, kind, namespace, name };
  if (group !== '' || (kind !== 'ConfigMap' && kind !== 'Secret')) {
    reportNoAuthority(to, path, report);
    return undefined;
  }
  return permitted(from, to, path, view, report);
}

function permitted(
  from: Referrer,
  to: Referent,
  path: string,
  view: View,
  report: Report,
): string | undefined {
  if (isPermitted(view, from, to)) return `${to.namespace}/${to.name}`;
  reportNotPermitted(from, to, `${path}.namespace`, report);
  return undefined;
}

/** `InvalidCertificateRef`, of a Gateway's own certificate `InvalidClientCertificateRef`. */
function reportNoCertificate(to: Referent, path: string, report: Report): void {
  const message = `a certificate is in a Secret, not in a ${nameOfKind(to)}`;
  report.add(`${path}.kind`, 'invalid_reference', message);
}

/** `InvalidCACertificateKind`, of a BackendTLSPolicy `InvalidKind`. */
function reportNoAuthority(to: Referent, path: string, report: Report): void {
  const message = `authorities are in a ConfigMap or a Secret, not in a ${nameOfKind(to)}`;
  report.add(`${path}.kind`, 'invalid_reference', message);
}

/** `Service`, or `XBackend of group example.com`. */
export function nameOfKind({ group, kind }: { group: string; kind: string }): string {
  return group === '' ? kind : `${kind} of group ${group}`;
}
