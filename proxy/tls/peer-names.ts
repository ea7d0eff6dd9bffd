import type { PeerCertificate } from 'node:tls';
import { tls as nodeTls } from '../node-tls.ts';

/** Whom a server has to be; one of all of them is enough, and with none nobody is. */
export interface ExpectedNames {
  /** DNS names, perhaps with `*.` in front, which takes every name below. */
  readonly names: readonly string[];
  readonly uris: readonly string[];
}

/** What keeps a certificate from being for one of the names; undefined: it is. */
export function checkPeer(
  { names, uris }: ExpectedNames,
  certificate: PeerCertificate,
): Error | undefined {
  const { dns, uri } = alternativeNames(certificate.subjectaltname ?? '');
  if (uris.some((each) => uri.includes(each))) return undefined;
  let first: Error | undefined;
  for (const name of names) {
    if (name.startsWith('*.')) {
      if (dns.some((each) => each.toLowerCase().endsWith(name.slice(1)))) return undefined;
      continue;
    }
    // Without a DNS name node takes the common name, which is no name of a server (RFC 9525).
    const error = dns.length === 0 ? undefined : nodeTls().checkServerIdentity(name, certificate);
    if (dns.length > 0 && error === undefined) return undefined;
    first ??= error;
  }
  return first ?? new Error(`the certificate is not for ${[...names, ...uris].join(' or ')}`);
}

export interface AlternativeNames {
  readonly dns: readonly string[];
  readonly uri: readonly string[];
}

const NOBODY: AlternativeNames = Object.freeze({ dns: [], uri: [] });
/** A value that could be taken for more than one stands as a JSON text (CVE-2021-44532). */
const ENTRY = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/**
 * Reads the subject's alternative names as node writes them: `DNS:a.example, URI:spiffe://a/b`.
 * Of a text that is not of this form nothing is believed.
 */
export function alternativeNames(text: string): AlternativeNames {
  const found = { dns: [] as string[], uri: [] as string[] };
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < text.length) {
    const [, type, written] = ENTRY.exec(text) ?? [];
    if (type === undefined || written === undefined) return NOBODY;
    const value = written.startsWith('"') ? fromJson(written) : written;
    if (value === undefined) return NOBODY;
    if (type === 'DNS') found.dns.push(value);
    else if (type === 'URI') found.uri.push(value);
  }
  return found;
}

function fromJson(text: string): string | undefined {
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
}
