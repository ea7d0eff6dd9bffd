import type { Gateway, ListenerSet } from './gateway-api.ts';
import type { AuthorityRef, CertificateRef } from './gateway-tls.ts';

/** Every Secret and ConfigMap that a Gateway or a ListenerSet and its listeners refer to. */
export function* certificateRefsOf(
  owner: Gateway | ListenerSet,
): Generator<CertificateRef | AuthorityRef> {
  for (const listener of owner.spec.listeners) yield* listener.tls?.certificateRefs ?? [];
  const tls = owner.kind === 'Gateway' ? owner.spec.tls : undefined;
  if (tls?.backend?.clientCertificateRef !== undefined) yield tls.backend.clientCertificateRef;
  if (tls?.frontend === undefined) return;
  yield* tls.frontend.default.validation?.caCertificateRefs ?? [];
  for (const each of tls.frontend.perPort ?? []) {
    yield* each.tls.validation?.caCertificateRefs ?? [];
  }
}
