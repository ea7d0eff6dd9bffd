import type { BackendTls } from './settings.ts';

const known = new WeakMap<BackendTls, Map<string, BackendTls>>();

/** The same, with a certificate to show; the same object each time, for it is asked per request. */
export function withClientCertificate(tls: BackendTls, clientCertificate: string): BackendTls {
  let variants = known.get(tls);
  if (variants === undefined) known.set(tls, (variants = new Map()));
  let variant = variants.get(clientCertificate);
  if (variant === undefined) {
    const key = `${tls.key} ${clientCertificate}`;
    variant = Object.freeze({ ...tls, key, clientCertificate });
    variants.set(clientCertificate, variant);
  }
  return variant;
}
