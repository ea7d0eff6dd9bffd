import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ProxyCredential } from '#contracts/credential.ts';
import { BootstrapError } from './bootstrap.ts';
import { sentenceOf } from './log.ts';
import { Trust } from './signing.ts';

/** A credential that cannot be used: one sentence that names the file. */
export class CredentialError extends BootstrapError {}

const TEXTS = ['mesh', 'proxy', 'natsCreds', 'trust', 'sealKey'] as const;

/** Reads the file of `windrose mesh credential`; throws CredentialError. */
export function readCredential(file: string): ProxyCredential {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CredentialError(`the credential cannot be read: ${sentenceOf(error)}`);
  }
  return parseCredential(text, file);
}

/** `from` names the text in sentences. */
export function parseCredential(text: string, from: string): ProxyCredential {
  const found = parse(text);
  if (found === undefined) {
    throw new CredentialError(
      `${from} is no credential: it is not JSON as \`windrose mesh credential\` writes it`,
    );
  }
  for (const name of TEXTS) {
    if (typeof found[name] === 'string' && found[name] !== '') continue;
    throw new CredentialError(`${from} is no credential: it has no ${name}`);
  }
  const credential = found as unknown as ProxyCredential;
  if (!['undefined', 'string'].includes(typeof credential.natsCa)) {
    throw new CredentialError(`${from} is no credential: natsCa is no text`);
  }
  const wrong = grantProblem(credential) ?? keyProblem(credential, from);
  if (wrong !== undefined) throw new CredentialError(`${from} cannot be used: ${wrong}`);
  return credential;
}

function parse(text: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // The caller says so, without a key in the sentence.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Record<string, unknown>;
}

function grantProblem({ mesh, proxy, grant }: ProxyCredential): string | undefined {
  if (typeof grant !== 'object' || grant === null) return 'it has no grant';
  if (grant.mesh !== mesh || grant.proxy !== proxy) {
    return `its grant is for ${grant.mesh}/${grant.proxy}, and it is that of ${mesh}/${proxy}`;
  }
  return Array.isArray(grant.cidrs) ? undefined : 'its grant has no cidrs';
}

function keyProblem(credential: ProxyCredential, from: string): string | undefined {
  try {
    const type = createPrivateKey(credential.sealKey).asymmetricKeyType;
    if (type !== 'x25519') return `sealKey is a key for ${type}, not for X25519`;
    const trust = new Trust([{ pem: credential.trust, from: 'trust' }]);
    const refusal = trust.refusalOf('grant', credential.grant);
    return refusal === undefined ? undefined : `its grant ${refusal}`;
  } catch (error) {
    return `a key in ${from} is not readable (${sentenceOf(error)})`;
  }
}
