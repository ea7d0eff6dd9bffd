import { createHash } from 'node:crypto';
import type { NatsKeys } from './keys.ts';

/** Subjects that a user may use; what is not named is refused. */
export interface NatsPermissions {
  publish: readonly string[];
  subscribe: readonly string[];
}

interface Claims {
  name: string;
  subject: string;
  issuer: NatsKeys;
  /** Wall clock, ms since 1970. */
  issuedAtMs: number;
  /** Absent: for ever. */
  expiresAtMs?: number | undefined;
  nats: Record<string, unknown>;
}

/** No limit but those of the server. */
const UNLIMITED = -1;
const VERSION = 2;

export interface IssueOptions {
  name: string;
  issuer: NatsKeys;
  issuedAtMs: number;
}

/** The operator's own token: signed by itself, it names the account of the server's events. */
export function operatorJwt(options: IssueOptions & { systemAccount: string }): string {
  return encode({
    ...options,
    subject: options.issuer.getPublicKey(),
    nats: { type: 'operator', version: VERSION, system_account: options.systemAccount },
  });
}

/** Subjects of one account that another may use as if they were its own. */
export interface Shared {
  /** Asked of the account, or heard from it. */
  kind: 'service' | 'stream';
  subject: string;
  /** A request may have several answers. */
  manyAnswers?: boolean;
}

export interface AccountOptions extends IssueOptions {
  /** Public key of the account. */
  account: string;
  jetstream: boolean;
  exports?: readonly Shared[];
  /** What it takes from another account, by that one's public key. */
  imports?: { from: string; shared: readonly Shared[] };
  /** Public keys of users whose tokens of that time (ms since 1970) and before are refused. */
  revocations?: Readonly<Record<string, number>>;
}

export function accountJwt(options: AccountOptions): string {
  const storage = options.jetstream ? UNLIMITED : 0;
  const revocations = Object.entries(options.revocations ?? {}).map(
    ([key, atMs]) => [key, seconds(atMs)] as const,
  );
  return encode({
    ...options,
    subject: options.account,
    nats: {
      type: 'account',
      version: VERSION,
      limits: {
        ...{ subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED },
        ...{ conn: UNLIMITED, leaf: UNLIMITED, imports: UNLIMITED, exports: UNLIMITED },
        ...{ wildcards: true, mem_storage: storage, disk_storage: storage },
        ...{ streams: storage, consumer: storage },
      },
      ...exportsOf(options.exports ?? []),
      ...(options.imports === undefined ? {} : importsOf(options.imports)),
      ...(revocations.length === 0 ? {} : { revocations: Object.fromEntries(revocations) }),
    },
  });
}

function exportsOf(shared: readonly Shared[]): object {
  if (shared.length === 0) return {};
  const exports = shared.map(({ kind, subject, manyAnswers = false }) => ({
    ...{ name: subject, subject, type: kind },
    ...(kind === 'service' ? { response_type: manyAnswers ? 'Stream' : 'Singleton' } : {}),
  }));
  return { exports };
}

function importsOf({ from, shared }: NonNullable<AccountOptions['imports']>): object {
  const imports = shared.map(({ kind, subject }) => ({
    ...{ name: subject, subject, account: from, local_subject: subject, type: kind },
  }));
  return { imports };
}

export interface UserOptions extends IssueOptions {
  /** Public key of the user. */
  user: string;
  /** Absent: everything in its account. */
  permissions?: NatsPermissions;
  expiresAtMs?: number | undefined;
}

export function userJwt({ permissions, ...options }: UserOptions): string {
  return encode({
    ...options,
    subject: options.user,
    nats: {
      type: 'user',
      version: VERSION,
      ...{ subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED },
      pub: permissions === undefined ? {} : { allow: permissions.publish },
      sub: permissions === undefined ? {} : { allow: permissions.subscribe },
    },
  });
}

/** The text of a .creds file. */
export function credsText(jwt: string, seed: string): string {
  return `-----BEGIN NATS USER JWT-----
${jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------
`;
}

/** A token of version 2 as the NATS decision record ADR-14 has it. */
function encode(claims: Claims): string {
  const { name, subject, issuer, issuedAtMs, expiresAtMs, nats } = claims;
  const content = {
    iat: seconds(issuedAtMs),
    iss: issuer.getPublicKey(),
    name,
    sub: subject,
    ...(expiresAtMs === undefined ? {} : { exp: seconds(expiresAtMs) }),
    nats,
  };
  const id = base32(createHash('sha512-256').update(JSON.stringify(content)).digest());
  const header = part({ typ: 'JWT', alg: 'ed25519-nkey' });
  const body = `${header}.${part({ jti: id, ...content })}`;
  return `${body}.${Buffer.from(issuer.sign(Buffer.from(body))).toString('base64url')}`;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648, section 6, without padding. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32[(value >>> (bits - 5)) & 0x1f];
  }
  return bits === 0 ? text : text + BASE32[(value << (5 - bits)) & 0x1f];
}
