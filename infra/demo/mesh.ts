import { existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL_HOST } from '#local/settings.ts';
import { CredentialError, readCredential } from '#platform/credential.ts';
import { renewServerCertificate, serverCertificateDays } from '#platform/mesh/certificates.ts';
import { createMesh } from '#platform/mesh/create.ts';
import { type CredentialRequest, issueCredential } from '#platform/mesh/credential.ts';
import {
  MeshFolderError,
  type MeshPaths,
  meshPaths,
  readAbout,
  writeWhole,
} from '#platform/mesh/folder.ts';

const DAYS_LEFT_MIN = 30;

/**
 * The keys of the mesh that runs here, made at the first start and used again at every other.
 * `say` hears what was set aside. Throws MeshFolderError.
 */
export function demoMesh(dataDir: string, mesh: string, say: (text: string) => void): MeshPaths {
  const dir = join(dataDir, 'mesh');
  const nowMs = Date.now();
  if (!existsSync(dir)) {
    setAside(dataDir, say);
    return createMesh({ dir, mesh, natsHosts: ['localhost', LOCAL_HOST], nowMs });
  }
  const paths = meshPaths(dir);
  const found = readAbout(dir).mesh;
  if (found !== mesh) throw new MeshFolderError(`${dir} is of the mesh ${found}, not of ${mesh}`);
  if (serverCertificateDays(paths, nowMs) < DAYS_LEFT_MIN) renewServerCertificate(paths, nowMs);
  return paths;
}

/**
 * What was written before there were accounts belongs to none, and nobody has signed it. The log is
 * kept where it can be looked at; snapshots of it would hold proxies to what no log says any more.
 */
function setAside(dataDir: string, say: (text: string) => void): void {
  const store = join(dataDir, 'nats', 'jetstream');
  if (!existsSync(store)) return;
  const kept = `${store}.${Date.now()}.old`;
  renameSync(store, kept);
  const proxies = join(dataDir, 'proxies');
  for (const proxy of existsSync(proxies) ? readdirSync(proxies) : []) {
    for (const name of readdirSync(join(proxies, proxy))) {
      if (/^snapshot\..*json$/.test(name)) rmSync(join(proxies, proxy, name));
    }
  }
  say(`the config log begins anew, with accounts and keys of the mesh; the old one is in ${kept}`);
}

/** File of a proxy's credential: made when there is none of this mesh, and used again after. */
export function demoCredential(
  keys: MeshPaths,
  dataDir: string,
  request: CredentialRequest,
): string {
  const path = join(dataDir, 'credentials', `${request.proxy}.json`);
  if (isOf(keys, path)) return path;
  const made = issueCredential(keys, request, Date.now());
  writeWhole({ path, text: `${JSON.stringify(made, undefined, 2)}\n` });
  return path;
}

function isOf(keys: MeshPaths, path: string): boolean {
  try {
    return readCredential(path).trust === readFileSync(keys.trust, 'utf8');
  } catch (error) {
    if (error instanceof CredentialError) return false; // None, or damaged: made anew.
    throw error;
  }
}
