import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { LABEL } from '#contracts/names.ts';
import type { NatsService } from '#contracts/subjects.ts';
import { sentenceOf } from '../log.ts';
import { credsText, userJwt } from '../nats-accounts/jwt.ts';
import {
  type NatsKeys,
  newAccountKeys,
  newOperatorKeys,
  newUserKeys,
  seedOf,
} from '../nats-accounts/keys.ts';
import { servicePermissions } from '../nats-accounts/permissions.ts';
import { newSealingKeys } from '../sealing.ts';
import { newSigningKeys } from '../signing.ts';
import { accountsConfig } from './accounts.ts';
import { authorityCertificate, serverCertificate } from './certificates.ts';
import {
  type FileToWrite,
  MeshFolderError,
  type MeshPaths,
  MeshRequestError,
  aboutText,
  meshPaths,
  writeWhole,
} from './folder.ts';

export interface CreateMeshOptions {
  /** Must not exist, or be empty. */
  dir: string;
  mesh: string;
  /** Names and IPv4 addresses by which the NATS servers are reached. */
  natsHosts: readonly string[];
  /** Wall clock, ms since 1970. */
  nowMs: number;
  /** The text of nats-server's configuration; without it none is written. */
  natsConfig?: (paths: MeshPaths) => string;
}

/**
 * Makes the keys, accounts and credentials of a new mesh, offline. The folder is there whole or
 * not at all. Throws MeshFolderError.
 */
export function createMesh(options: CreateMeshOptions): MeshPaths {
  const { dir, mesh } = options;
  if (!new RegExp(LABEL).test(mesh)) {
    throw new MeshRequestError(
      `${mesh} is no name of a mesh: lower-case letters, digits and dashes, 63 at most`,
    );
  }
  assertNew(dir);
  const paths = meshPaths(dir);
  const next = `${dir}.${randomBytes(6).toString('hex')}.new`;
  const files = filesOf(paths, options);
  try {
    mkdirSync(dirname(dir), { recursive: true });
    mkdirSync(next, { mode: 0o700 });
    for (const file of files) writeWhole({ ...file, path: next + file.path.slice(dir.length) });
    renameSync(next, dir);
  } catch (error) {
    rmSync(next, { recursive: true, force: true });
    if (error instanceof MeshFolderError) throw error;
    throw new MeshFolderError(`${dir} cannot be made: ${sentenceOf(error)}`);
  }
  return paths;
}

/** Keys are never written over: what they signed could not be checked any more. */
function assertNew(dir: string): void {
  let found: string[];
  try {
    found = readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new MeshFolderError(`${dir} cannot be used: ${sentenceOf(error)}`);
  }
  if (found.length === 0) return;
  throw new MeshFolderError(
    `${dir} is not empty: nothing was written; name a new folder, or remove that one yourself`,
  );
}

function filesOf(paths: MeshPaths, options: CreateMeshOptions): FileToWrite[] {
  const { mesh, natsHosts, nowMs } = options;
  const operator = newOperatorKeys();
  const systemAccount = newAccountKeys();
  const account = newAccountKeys();
  const proxyAccount = newAccountKeys();
  const signing = newSigningKeys();
  const sealing = newSealingKeys();
  const authority = authorityCertificate(mesh, nowMs);
  const server = serverCertificate(authority, natsHosts, nowMs);
  const madeAt = new Date(nowMs).toISOString();
  const about = aboutText({ mesh, natsHosts: [...natsHosts], madeAt });
  const accounts = accountsConfig({
    ...{ operator, systemAccount, account, proxyAccount, mesh, revoked: [] },
    ...{ madeAtMs: nowMs, nowMs },
  });
  const service = (name: NatsService): string => serviceCreds(name, mesh, account, nowMs);
  return [
    { path: paths.about, text: about, isPublic: true },
    { path: paths.keys.operator, text: `${seedOf(operator)}\n` },
    { path: paths.keys.systemAccount, text: `${seedOf(systemAccount)}\n` },
    { path: paths.keys.account, text: `${seedOf(account)}\n` },
    { path: paths.keys.proxyAccount, text: `${seedOf(proxyAccount)}\n` },
    { path: paths.keys.natsAuthority, text: authority.key },
    { path: paths.signingKey, text: signing.privateKey },
    { path: paths.trust, text: signing.publicKey, isPublic: true },
    { path: paths.sealingKey, text: sealing.privateKey },
    { path: paths.creds.config, text: service('config') },
    { path: paths.creds.alerting, text: service('alerting') },
    { path: paths.creds.system, text: userCreds('system', systemAccount, nowMs) },
    { path: paths.nats.accounts, text: accounts },
    { path: paths.nats.ca, text: authority.cert, isPublic: true },
    { path: paths.nats.cert, text: server.cert, isPublic: true },
    { path: paths.nats.key, text: server.key },
    ...(options.natsConfig === undefined
      ? []
      : [{ path: paths.nats.config, text: options.natsConfig(paths), isPublic: true }]),
  ];
}

function serviceCreds(name: NatsService, mesh: string, issuer: NatsKeys, nowMs: number): string {
  const user = newUserKeys();
  const permissions = servicePermissions(mesh, name);
  const claims = { name, issuer, issuedAtMs: nowMs, user: user.getPublicKey(), permissions };
  return credsText(userJwt(claims), seedOf(user));
}

function userCreds(name: string, issuer: NatsKeys, nowMs: number): string {
  const user = newUserKeys();
  const jwt = userJwt({ name, issuer, issuedAtMs: nowMs, user: user.getPublicKey() });
  return credsText(jwt, seedOf(user));
}
