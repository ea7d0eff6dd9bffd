import { X509Certificate } from 'node:crypto';
import { type Issued, issueCertificate, issuerOf } from '../x509.ts';
import { type MeshPaths, readAbout, readText, writeWhole } from './folder.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const AUTHORITY_DAYS = 3_650;
const SERVER_DAYS = 397;

/** The authority that proxies and services believe for NATS only. */
export function authorityCertificate(mesh: string, nowMs: number): Issued {
  const name = `authority of NATS for the mesh ${mesh}`;
  const notAfter = new Date(nowMs + AUTHORITY_DAYS * DAY_MS);
  return issueCertificate({ name, isAuthority: true, notAfter });
}

/** What a NATS server shows, to clients and to the other servers of its cluster. */
export function serverCertificate(issuer: Issued, hosts: readonly string[], nowMs: number): Issued {
  const notAfter = new Date(nowMs + SERVER_DAYS * DAY_MS);
  return issueCertificate({ name: hosts[0] ?? 'nats', hosts, issuer, notAfter });
}

/** Makes the NATS servers' certificate anew; answers until when it holds. */
export function renewServerCertificate(paths: MeshPaths, nowMs: number): Date {
  const { natsHosts } = readAbout(paths.dir);
  const cert = readText(paths.nats.ca, 'the authority of NATS cannot be read');
  const key = readText(paths.keys.natsAuthority, 'the key of the authority cannot be read');
  const made = serverCertificate(issuerOf(cert, key), natsHosts, nowMs);
  writeWhole({ path: paths.nats.key, text: made.key });
  writeWhole({ path: paths.nats.cert, text: made.cert, isPublic: true });
  return new X509Certificate(made.cert).validToDate;
}

/** Days that the NATS servers' certificate still holds. */
export function serverCertificateDays(paths: MeshPaths, nowMs: number): number {
  const cert = readText(paths.nats.cert, 'the certificate of NATS cannot be read');
  return (new X509Certificate(cert).validToDate.getTime() - nowMs) / DAY_MS;
}
