import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueCertificate } from '#platform/x509.ts';

/** Files of the demo's edge: what it shows, and what a client has to trust. */
export interface EdgeCertificate {
  cert: string;
  key: string;
  ca: string;
}

const HOSTS = ['localhost', 'shop.localhost', '127.0.0.1'] as const;

const DAYS = 90;
const DAYS_LEFT_MIN = 30;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Makes a certificate of an authority of its own, unless the last one is good for a while. */
export function edgeCertificate(dataDir: string): EdgeCertificate {
  const folder = join(dataDir, 'tls');
  const files = {
    cert: join(folder, 'edge.pem'),
    key: join(folder, 'edge.key'),
    ca: join(folder, 'ca.pem'),
  };
  if (isGood(files)) return files;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const notAfter = new Date(Date.now() + DAYS * DAY_MS);
  const name = "authority of Windrose's demo";
  const authority = issueCertificate({ name, isAuthority: true, notAfter });
  const edge = issueCertificate({
    ...{ name: HOSTS[0], hosts: HOSTS, issuer: authority, notAfter },
  });
  writeFileSync(files.key, edge.key, { mode: 0o600 });
  writeFileSync(files.cert, edge.cert);
  writeFileSync(files.ca, authority.cert);
  return files;
}

function isGood({ cert, key, ca }: EdgeCertificate): boolean {
  if (![cert, key, ca].every((file) => existsSync(file))) return false;
  const left = new X509Certificate(readFileSync(cert)).validToDate.getTime() - Date.now();
  return left > DAYS_LEFT_MIN * DAY_MS;
}
