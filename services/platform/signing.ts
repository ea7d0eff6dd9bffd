import {
  type KeyObject,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Signed, SigningPurpose } from '#contracts/signing.ts';
import { canonicalJson } from './canonical.ts';
import { sentenceOf } from './log.ts';

/** A key file that cannot be used: one sentence that names the file. */
export class KeyError extends Error {}

/** A new pair, as PEM: the private key in PKCS #8, the public key in SPKI (RFC 8410). */
export function newSigningKeys(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}

/** Signs with one private key. */
export class Signer {
  readonly id: string;
  /** SPKI PEM: what has to be trusted. */
  readonly publicKey: string;
  readonly #key: KeyObject;

  /** Throws KeyError. `from` names the text in sentences. */
  constructor(pem: string, from: string) {
    this.#key = readKey(pem, from, createPrivateKey);
    const publicKey = createPublicKey(this.#key);
    this.id = idOf(publicKey);
    this.publicKey = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  static read(file: string): Signer {
    return new Signer(readText(file), file);
  }

  /** The value with its signature in place of any that it had. */
  sign<T extends Signed>(purpose: SigningPurpose, value: T): T {
    const made = sign(null, bytesOf(purpose, value), this.#key).toString('base64url');
    return { ...value, signature: { key: this.id, value: made } };
  }
}

/** The public keys that are believed; several during a rotation. */
export class Trust {
  readonly #keys = new Map<string, KeyObject>();

  /** Each text holds one public key or more, in PEM. Throws KeyError. */
  constructor(texts: readonly { pem: string; from: string }[]) {
    for (const { pem, from } of texts) {
      const blocks = pem.match(PEM_BLOCK) ?? [];
      if (blocks.length === 0) throw new KeyError(`${from}: there is no public key in PEM in it`);
      for (const block of blocks) {
        const key = readKey(block, from, createPublicKey);
        this.#keys.set(idOf(key), key);
      }
    }
  }

  static read(files: readonly string[]): Trust {
    return new Trust(files.map((file) => ({ pem: readText(file), from: file })));
  }

  /** These keys and the signer's own: what a service has signed it believes itself. */
  including(signer: Signer): Trust {
    const all = new Trust([{ pem: signer.publicKey, from: 'the signing key' }]);
    for (const [id, key] of this.#keys) all.#keys.set(id, key);
    return all;
  }

  get ids(): string[] {
    return [...this.#keys.keys()].sort();
  }

  /** Why a value is not believed, in words that follow "it"; undefined when it is. */
  refusalOf(purpose: SigningPurpose, value: Signed): string | undefined {
    const { signature } = value;
    if (signature === undefined) return 'is not signed';
    if (typeof signature?.key !== 'string' || typeof signature.value !== 'string') {
      return 'has a signature that is not readable';
    }
    const key = this.#keys.get(signature.key);
    if (key === undefined) return `is signed by the key ${signature.key}, which is not trusted`;
    const made = Buffer.from(signature.value, 'base64url');
    return isMadeOf(purpose, value, key, made) ? undefined : 'does not match its signature';
  }
}

const PEM_BLOCK = /-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----/g;

/** What has no canonical form (nested without end, half a character) nobody has signed. */
function isMadeOf(purpose: SigningPurpose, value: Signed, key: KeyObject, made: Buffer): boolean {
  try {
    return verify(null, bytesOf(purpose, value), key, made);
  } catch {
    return false;
  }
}

/** The purpose stands before the text, so that nothing signed for one serves another. */
function bytesOf(purpose: SigningPurpose, value: Signed): Buffer {
  const { signature: _signature, ...content } = value;
  return Buffer.from(`windrose ${purpose}\n${canonicalJson(content)}`);
}

function idOf(key: KeyObject): string {
  // The last 32 bytes of an Ed25519 SPKI are the key itself (RFC 8410, section 4).
  const raw = key.export({ type: 'spki', format: 'der' }).subarray(-32);
  return createHash('sha256').update(raw).digest('hex').slice(0, 16);
}

function readKey(pem: string, from: string, read: (pem: string) => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = read(pem);
  } catch (error) {
    throw new KeyError(`${from}: ${sentenceOf(error)}`);
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new KeyError(`${from}: it is a key for ${key.asymmetricKeyType}, not for Ed25519`);
  }
  return key;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new KeyError(sentenceOf(error));
  }
}
