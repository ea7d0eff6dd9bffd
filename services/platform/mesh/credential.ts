import { isIP } from 'node:net';
import type { ProxyCredential } from '#contracts/credential.ts';
import { LABEL, SERVICE_NAME } from '#contracts/names.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { credsText, userJwt } from '../nats-accounts/jwt.ts';
import { newUserKeys, seedOf } from '../nats-accounts/keys.ts';
import { proxyPermissions } from '../nats-accounts/permissions.ts';
import { newSealingKeys } from '../sealing.ts';
import { Signer } from '../signing.ts';
import { writeRecord } from './accounts.ts';
import { type MeshPaths, MeshRequestError, readAbout, readKeys, readText } from './folder.ts';

export interface CredentialRequest {
  proxy: string;
  /** `namespace/name` of the one Service that it may announce; absent for a gateway. */
  service?: string | undefined;
  /** Address ranges that it may announce. */
  cidrs?: readonly string[] | undefined;
  /** `namespace/name` of the Gateways whose certificates it may have; absent: all, or none. */
  gateways?: readonly string[] | undefined;
  /** Ms since 1970; absent: until it is revoked. */
  expiresAtMs?: number | undefined;
}

/** Makes a credential and keeps a record of it, to be revoked by. Throws MeshFolderError. */
export function issueCredential(
  paths: MeshPaths,
  request: CredentialRequest,
  nowMs: number,
): ProxyCredential {
  check(request);
  const { mesh } = readAbout(paths.dir);
  const account = readKeys(paths.keys.proxyAccount);
  const signer = Signer.read(paths.signingKey);
  const trust = readText(paths.trust, 'the trusted keys cannot be read');
  const natsCa = readText(paths.nats.ca, 'the authority of NATS cannot be read');
  const { proxy, service, cidrs = [], gateways, expiresAtMs } = request;
  const { privateKey: sealKey, sealTo } = newSealingKeys();
  const user = newUserKeys();
  const expiresAt = expiresAtMs === undefined ? undefined : new Date(expiresAtMs).toISOString();
  const grant: ProxyGrant = {
    ...{ mesh, proxy, cidrs: [...cidrs] },
    ...(service === undefined ? {} : { service }),
    ...(gateways === undefined ? {} : { gateways: [...gateways] }),
    sealTo,
    ...(expiresAt === undefined ? {} : { notAfter: expiresAt }),
  };
  const jwt = userJwt({
    ...{ name: proxy, issuer: account, issuedAtMs: nowMs, expiresAtMs },
    user: user.getPublicKey(),
    permissions: proxyPermissions(mesh, proxy),
  });
  // The record first: what is not known of cannot be revoked.
  writeRecord(paths, {
    ...{ proxy, user: user.getPublicKey(), issuedAt: new Date(nowMs).toISOString() },
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
  return {
    ...{ mesh, proxy, natsCreds: credsText(jwt, seedOf(user)), natsCa, trust },
    grant: signer.sign('grant', grant),
    sealKey,
  };
}

function check({ proxy, service, cidrs = [], gateways = [] }: CredentialRequest): void {
  if (!new RegExp(LABEL).test(proxy)) {
    throw new MeshRequestError(
      `${proxy} is no name of a proxy: lower-case letters, digits and dashes, 63 at most`,
    );
  }
  const named = [...gateways, ...(service === undefined ? [] : [service])];
  const wrong = named.find((name) => !new RegExp(SERVICE_NAME).test(name));
  if (wrong !== undefined) throw new MeshRequestError(`${wrong} is not namespace/name`);
  const range = cidrs.find((cidr) => !isCidr(cidr));
  if (range !== undefined) {
    throw new MeshRequestError(`${range} is no range of addresses; write it like 10.1.0.0/16`);
  }
}

function isCidr(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || !/^\d{1,3}$/.test(length)) return false;
  return Number(length) <= (version === 4 ? 32 : 128);
}
