import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sentenceOf } from '../log.ts';
import { accountJwt, operatorJwt } from '../nats-accounts/jwt.ts';
import type { NatsKeys } from '../nats-accounts/keys.ts';
import { sharedWithProxies } from '../nats-accounts/permissions.ts';
import {
  MeshFolderError,
  type MeshPaths,
  readAbout,
  readKeys,
  readText,
  writeWhole,
} from './folder.ts';

/** A credential that was made: who has it, and how NATS calls its user. */
export interface IssuedRecord {
  proxy: string;
  /** Public key of the NATS user. */
  user: string;
  /** RFC 3339. */
  issuedAt: string;
  expiresAt?: string;
  revokedAt?: string;
}

export interface AccountKeys {
  operator: NatsKeys;
  systemAccount: NatsKeys;
  /** Of the services: it has the streams. */
  account: NatsKeys;
  /** Of the proxies: it has nothing, and takes of the other what proxies need. */
  proxyAccount: NatsKeys;
}

export interface AccountsOptions extends AccountKeys {
  mesh: string;
  /**
   * When the mesh was made: a server reads the accounts anew while it runs, and refuses to when
   * the operator's token is another.
   */
  madeAtMs: number;
  nowMs: number;
  revoked: readonly IssuedRecord[];
}

/** The part of nats-server's configuration that says who may connect. */
export function accountsConfig(options: AccountsOptions): string {
  const { mesh, operator, systemAccount, account, proxyAccount } = options;
  const { madeAtMs, nowMs, revoked } = options;
  const issue = { issuer: operator, issuedAtMs: madeAtMs };
  const system = systemAccount.getPublicKey();
  const owner = operatorJwt({ ...issue, name: `windrose-${mesh}`, systemAccount: system });
  const systemJwt = accountJwt({
    ...{ ...issue, name: 'SYS', account: systemAccount.getPublicKey(), jetstream: false },
  });
  const shared = sharedWithProxies(mesh);
  const meshJwt = accountJwt({
    ...{ ...issue, name: mesh, account: account.getPublicKey(), jetstream: true },
    exports: shared,
  });
  const proxiesJwt = accountJwt({
    ...{ issuer: operator, issuedAtMs: nowMs, name: `${mesh}-proxies`, jetstream: false },
    account: proxyAccount.getPublicKey(),
    imports: { from: account.getPublicKey(), shared },
    revocations: Object.fromEntries(revoked.map((one) => [one.user, revokedMs(one)])),
  });
  return `# Who may connect: written by \`windrose mesh\`, and again by \`windrose mesh revoke\`.
# nats-server reads it anew on SIGHUP (nats-server --signal reload).
operator: ${owner}
system_account: ${system}
resolver: MEMORY
resolver_preload: {
  # SYS: nats-server's own events and monitoring
  ${system}: ${systemJwt}
  # the services of the mesh ${mesh}, with its streams
  ${account.getPublicKey()}: ${meshJwt}
  # its proxies
  ${proxyAccount.getPublicKey()}: ${proxiesJwt}
}
`;
}

function revokedMs({ revokedAt, issuedAt }: IssuedRecord): number {
  return Date.parse(revokedAt ?? issuedAt);
}

export function recordPath(paths: MeshPaths, record: IssuedRecord): string {
  return join(paths.issued, `${record.proxy}.${record.user}.json`);
}

export function writeRecord(paths: MeshPaths, record: IssuedRecord): void {
  const path = recordPath(paths, record);
  writeWhole({ path, text: `${JSON.stringify(record, undefined, 2)}\n` });
}

/** All credentials that were made, the oldest first. */
export function issuedRecords(paths: MeshPaths): IssuedRecord[] {
  let names: string[];
  try {
    names = readdirSync(paths.issued).filter((name) => name.endsWith('.json'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new MeshFolderError(`${paths.issued} cannot be read: ${sentenceOf(error)}`);
  }
  const records = names.map((name) => readRecord(join(paths.issued, name)));
  return records.sort((a, b) => a.issuedAt.localeCompare(b.issuedAt));
}

function readRecord(file: string): IssuedRecord {
  const text = readText(file, 'a record of a credential cannot be read');
  try {
    return JSON.parse(text) as IssuedRecord;
  } catch (error) {
    throw new MeshFolderError(`${file} is damaged: ${sentenceOf(error)}`);
  }
}

/**
 * Revokes what was made for a proxy and writes the accounts anew; answers how many credentials
 * that were. The servers hold on to the old list until they read the new one.
 */
export function revokeProxy(paths: MeshPaths, proxy: string, nowMs: number): number {
  const { mesh, madeAt } = readAbout(paths.dir);
  const keys = readAccountKeys(paths);
  const records = issuedRecords(paths);
  const valid = records.filter((one) => one.proxy === proxy && one.revokedAt === undefined);
  const revokedAt = new Date(nowMs).toISOString();
  for (const record of valid) writeRecord(paths, { ...record, revokedAt });
  const revoked = issuedRecords(paths).filter((one) => one.revokedAt !== undefined);
  const text = accountsConfig({ ...keys, mesh, madeAtMs: Date.parse(madeAt), nowMs, revoked });
  writeWhole({ path: paths.nats.accounts, text });
  return valid.length;
}

export function readAccountKeys({ keys }: MeshPaths): AccountKeys {
  return {
    operator: readKeys(keys.operator),
    systemAccount: readKeys(keys.systemAccount),
    account: readKeys(keys.account),
    proxyAccount: readKeys(keys.proxyAccount),
  };
}
