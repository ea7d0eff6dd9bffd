import { X509Certificate, createPrivateKey } from 'node:crypto';
import { tls } from '../node-tls.ts';

/** Where the values of one Secret lie (SEMANTICS: until the config plane carries sealed ones). */
export interface CertificateFiles {
  /** `namespace/name`, as resources refer to it. */
  name: string;
  /** PEM: the leaf, and then the chain to its authority. */
  cert: string | undefined;
  key: string | undefined;
  /** PEM: authorities that clients' or upstreams' certificates have to come from. */
  ca: string | undefined;
}

/** A certificate that can be served, with what choosing it needs. */
export interface ServerCertificate {
  name: string;
  cert: string;
  key: string;
  /** `rsa`, `ec` and so on: a context has one of each. */
  keyType: string;
  /** DNS names of the leaf, lower case, perhaps with `*.` in front. */
  dnsNames: readonly string[];
  notAfterMs: number;
}

export interface Authorities {
  pem: readonly string[];
  /** Differs whenever one of them does. */
  fingerprint: string;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Reads and checks a pair; throws one sentence about what is wrong with it. */
export function readServerCertificate(name: string, cert: string, key: string): ServerCertificate {
  const leaf = inWords('the certificate cannot be read', () => new X509Certificate(cert));
  const privateKey = inWords('the key cannot be read', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) throw new Error('the key is not that of the certificate');
  // What TLS itself refuses: a key that is too short, a broken chain.
  inWords('TLS does not take it', () => tls().createSecureContext({ cert, key }));
  return {
    ...{ name, cert, key },
    keyType: privateKey.asymmetricKeyType ?? '',
    dnsNames: dnsNamesOf(leaf),
    notAfterMs: leaf.validToDate.getTime(),
  };
}

/** Reads every certificate of a file; throws when there is none, or one that cannot be read. */
export function readAuthorities(text: string): Authorities {
  const pem = text.match(PEM_CERTIFICATE) ?? [];
  if (pem.length === 0) throw new Error('there is no certificate of an authority in it');
  const read = pem.map((each) =>
    inWords('an authority cannot be read', () => new X509Certificate(each)),
  );
  return { pem, fingerprint: read.map((each) => each.fingerprint256).join(' ') };
}

/**
 * The entries of a subject's alternative names that are plain DNS names. Node quotes an entry that
 * could be read in two ways; such a one, or one with a NUL, names nobody.
 */
function dnsNamesOf(leaf: X509Certificate): string[] {
  const entries = leaf.subjectAltName?.split(', ') ?? [];
  return entries.flatMap((entry) => {
    const name = /^DNS:((?:\*\.)?[A-Za-z0-9._-]{1,253})$/.exec(entry)?.[1];
    return name === undefined ? [] : [name.toLowerCase()];
  });
}

function inWords<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new Error(`${what}: ${why}`, { cause: error });
  }
}
