import { keyOf } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { type CompiledSnapshot, type ListenerSpec, placeOf } from '../snapshot/compiled.ts';
import type { Certificates } from './certificates.ts';

/** What refers to a certificate, or to authorities, and where in it. */
export interface CertificateUse {
  /** Of a Secret, or of an entry of the bootstrap: `namespace/name`. */
  readonly name: string;
  readonly what: 'server' | 'authorities';
  readonly resource: string;
  readonly path: string;
}

/** Every certificate that these listeners, and calls of any Service, need. */
export function* certificateUses(
  snapshot: CompiledSnapshot,
  listeners: readonly ListenerSpec[],
): Generator<CertificateUse> {
  for (const listener of listeners) yield* listenerUses(listener);
  for (const { ports } of snapshot.services.values()) {
    for (const { tls } of ports) {
      if (tls === undefined || tls.authorities === 'system') continue;
      const path = 'spec.validation.caCertificateRefs';
      for (const name of tls.authorities) {
        yield { name, what: 'authorities', resource: tls.policy, path };
      }
    }
  }
}

function* listenerUses(listener: ListenerSpec): Generator<CertificateUse> {
  const { gateway, tls, clientCertificate } = listener;
  const [namespace = '', gatewayName = ''] = gateway.split('/');
  const resource = keyOf({ kind: 'Gateway', namespace, name: gatewayName });
  const place = placeOf(listener.name);
  const own = { resource: place.resource, path: `${place.path}.tls.certificateRefs` };
  for (const name of tls?.certificates ?? []) yield { name, what: 'server', ...own };
  if (clientCertificate !== undefined) {
    const path = 'spec.tls.backend.clientCertificateRef';
    yield { name: clientCertificate, what: 'server', resource, path };
  }
  const path = `${tls?.clientsPath ?? 'spec.tls.frontend'}.caCertificateRefs`;
  for (const name of tls?.clientAuthorities ?? []) {
    yield { name, what: 'authorities', resource, path };
  }
}

/**
 * What a receipt says of certificates that listeners and policies refer to and this proxy cannot
 * serve or trust. Their handshakes fail; everything else is served.
 */
export function certificateProblems(
  uses: Iterable<CertificateUse>,
  certificates: Pick<Certificates, 'problemOf'>,
): ResourceProblem[] {
  const problems: ResourceProblem[] = [];
  for (const { name, what, resource, path } of uses) {
    const message = certificates.problemOf(name, what);
    if (message !== undefined) problems.push({ resource, path, reason: 'cannot_apply', message });
  }
  return problems;
}
