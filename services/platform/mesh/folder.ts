import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sentenceOf } from '../log.ts';
import { type NatsKeys, keysOfSeed } from '../nats-accounts/keys.ts';

/** What `windrose mesh` cannot do with a folder: one sentence that names it. */
export class MeshFolderError extends Error {}

/** What was asked for cannot be, whatever the folder: a name that is none. */
export class MeshRequestError extends MeshFolderError {}

/** Absolute or relative paths of all that `windrose mesh init` makes. */
export interface MeshPaths {
  dir: string;
  /** Which mesh this is. */
  about: string;
  /** Whoever has these can make credentials; they are needed for nothing else. */
  keys: {
    operator: string;
    systemAccount: string;
    account: string;
    proxyAccount: string;
    natsAuthority: string;
  };
  /** Signs change-sets, heads, endpoints and grants: for the config services. */
  signingKey: string;
  /** Public keys that proxies believe. */
  trust: string;
  /** Opens what the config services have sealed: for them only. */
  sealingKey: string;
  creds: { config: string; alerting: string; system: string };
  /** What nats-server needs. */
  nats: { dir: string; config: string; accounts: string; ca: string; cert: string; key: string };
  /** A record of each credential that was made, to be revoked by. */
  issued: string;
}

export function meshPaths(dir: string): MeshPaths {
  const keys = join(dir, 'keys');
  const nats = join(dir, 'nats');
  return {
    dir,
    about: join(dir, 'mesh.json'),
    keys: {
      operator: join(keys, 'operator.nk'),
      systemAccount: join(keys, 'system-account.nk'),
      account: join(keys, 'account.nk'),
      proxyAccount: join(keys, 'proxy-account.nk'),
      natsAuthority: join(keys, 'nats-ca.key'),
    },
    signingKey: join(dir, 'signing.key'),
    trust: join(dir, 'trust.pem'),
    sealingKey: join(dir, 'sealing.key'),
    creds: {
      config: join(dir, 'creds', 'config.creds'),
      alerting: join(dir, 'creds', 'alerting.creds'),
      system: join(dir, 'creds', 'system.creds'),
    },
    nats: {
      dir: nats,
      config: join(nats, 'nats.conf'),
      accounts: join(nats, 'accounts.conf'),
      ca: join(nats, 'ca.pem'),
      cert: join(nats, 'server.pem'),
      key: join(nats, 'server.key'),
    },
    issued: join(dir, 'issued'),
  };
}

const FORMAT = 1;

export interface MeshAbout {
  format: typeof FORMAT;
  mesh: string;
  /** Names and addresses of the NATS servers, as their certificate has them. */
  natsHosts: string[];
  /** RFC 3339. */
  madeAt: string;
}

export function aboutText(about: Omit<MeshAbout, 'format'>): string {
  return `${JSON.stringify({ format: FORMAT, ...about }, undefined, 2)}\n`;
}

/** What a folder says of itself; throws a sentence for any other folder. */
export function readAbout(dir: string): MeshAbout {
  const file = meshPaths(dir).about;
  const text = readText(file, `${dir} is no folder of \`windrose mesh init\``);
  let about: Partial<MeshAbout> | null = null;
  try {
    about = JSON.parse(text) as Partial<MeshAbout> | null;
  } catch (error) {
    throw new MeshFolderError(`${file} is damaged: ${sentenceOf(error)}`);
  }
  if (about?.format !== FORMAT || typeof about.mesh !== 'string') {
    throw new MeshFolderError(`${file} is of another version of Windrose, or damaged`);
  }
  return about as MeshAbout;
}

export function readKeys(file: string): NatsKeys {
  const seed = readText(file, 'a key of the mesh cannot be read');
  try {
    return keysOfSeed(seed);
  } catch (error) {
    throw new MeshFolderError(`${file} holds no NATS seed (${sentenceOf(error)})`);
  }
}

export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MeshFolderError(`${what}: ${sentenceOf(error)}`);
  }
}

const PRIVATE = 0o600;
const PUBLIC = 0o644;

export interface FileToWrite {
  path: string;
  text: string;
  /** Readable by everyone: no key, no credential. */
  isPublic?: boolean;
}

/** Whole or not at all, also when the disk is full; makes its folder, which nobody else enters. */
export function writeWhole({ path, text, isPublic = false }: FileToWrite): void {
  const next = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(next, text, { mode: isPublic ? PUBLIC : PRIVATE, flag: 'wx', flush: true });
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw new MeshFolderError(`${path} cannot be written: ${sentenceOf(error)}`);
  }
}
