import { keyOf } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { type CompiledSnapshot, type ListenerSpec, placeOf } from '../snapshot/compiled.ts';
import type { Certificates } from './certificates.ts';

/**
 * What a receipt says of certificates that listeners and policies refer to and this proxy cannot
 * serve or trust. Their handshakes fail; everything else is served.
 */
export function certificateProblems(
  snapshot: CompiledSnapshot,
  listeners: readonly ListenerSpec[],
  certificates: Pick<Certificates, 'problemOf'>,
): ResourceProblem[] {
  const problems: ResourceProblem[] = [];
  const add = (resource: string, path: string, message: string | undefined): void => {
    if (message !== undefined) problems.push({ resource, path, reason: 'cannot_apply', message });
  };
  for (const { gateway, name: listener, tls, clientCertificate } of listeners) {
    const [namespace = '', name = ''] = gateway.split('/');
    const resource = keyOf({ kind: 'Gateway', namespace, name });
    const place = placeOf(listener);
    for (const each of tls?.certificates ?? []) {
      const path = `${place.path}.tls.certificateRefs`;
      add(place.resource, path, certificates.problemOf(each, 'server'));
    }
    if (clientCertificate !== undefined) {
      const at = 'spec.tls.backend.clientCertificateRef';
      add(resource, at, certificates.problemOf(clientCertificate, 'server'));
    }
    for (const each of tls?.clientAuthorities ?? []) {
      const path = `${tls?.clientsPath ?? 'spec.tls.frontend'}.caCertificateRefs`;
      add(resource, path, certificates.problemOf(each, 'authorities'));
    }
  }
  for (const { ports } of snapshot.services.values()) {
    for (const { tls } of ports) {
      if (tls === undefined || tls.authorities === 'system') continue;
      for (const each of tls.authorities) {
        const path = 'spec.validation.caCertificateRefs';
        add(tls.policy, path, certificates.problemOf(each, 'authorities'));
      }
    }
  }
  return problems;
}
