import {
  type Hmac,
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SealedBox } from '#contracts/secrets.ts';
import { canonicalJson } from './canonical.ts';
import { sentenceOf } from './log.ts';

/** A key file that cannot be used, or a box that this key does not open: one sentence. */
export class SealError extends Error {}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A new X25519 pair: the private key as PKCS #8 PEM (RFC 8410), the public one base64url. */
export function newSealingKeys(): { privateKey: string; sealTo: string } {
  const { privateKey } = generateKeyPairSync('x25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { privateKey: pem, sealTo: rawOf(createPublicKey(privateKey)) };
}

/**
 * Seals a text to an X25519 key: a fresh key pair for each box, X25519 (RFC 7748), HKDF-SHA256
 * (RFC 5869) over both public keys, AES-256-GCM. `context` says what the box is for; it opens
 * under the same words only. Throws SealError for a key that is none.
 */
export function seal(sealTo: string, context: string, text: string): SealedBox {
  const own = generateKeyPairSync('x25519');
  const from = rawOf(own.publicKey);
  const { key, nonce } = derive(own.privateKey, publicKeyOf(sealTo), from, sealTo, context);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { from, text: sealed.toString('base64url') };
}

/** One private X25519 key, and what only its holder can do. */
export class Unsealer {
  /** The public key, as `seal` takes it. */
  readonly sealTo: string;
  readonly #key: KeyObject;
  readonly #digestKey: Buffer;
  readonly #fileKey: Buffer;

  /** Throws SealError. `from` names the text in sentences. */
  constructor(pem: string, from: string) {
    this.#key = readPrivateKey(pem, from);
    this.sealTo = rawOf(createPublicKey(this.#key));
    const raw = Buffer.from(this.#key.export({ format: 'jwk' }).d ?? '', 'base64url');
    const keyFor = (purpose: string): Buffer =>
      Buffer.from(hkdfSync('sha256', raw, '', `windrose ${purpose}`, KEY_BYTES));
    this.#digestKey = keyFor('secret digest');
    this.#fileKey = keyFor('own file');
  }

  static read(file: string): Unsealer {
    let pem: string;
    try {
      pem = readFileSync(file, 'utf8');
    } catch (error) {
      throw new SealError(sentenceOf(error));
    }
    return new Unsealer(pem, file);
  }

  /** Throws SealError for what was sealed to another key, for something else, or was changed. */
  open(box: SealedBox, context: string): string {
    const sealed = Buffer.from(box.text, 'base64url');
    const { key, nonce } = derive(this.#key, publicKeyOf(box.from), box.from, this.sealTo, context);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      const text = decipher.update(sealed.subarray(0, -TAG_BYTES), undefined, 'utf8');
      return text + decipher.final('utf8');
    } catch (error) {
      throw new SealError('it was not sealed to this key, or was changed', { cause: error });
    }
  }

  /** Begins an HMAC-SHA256 over a file that only this key's holder can have written. */
  fileCode(): Hmac {
    return createHmac('sha256', this.#fileKey);
  }

  /** Names a value without telling it: HMAC-SHA256 over its canonical JSON. */
  digestOf(value: unknown): string {
    const made = createHmac('sha256', this.#digestKey).update(canonicalJson(value)).digest('hex');
    return `hmac-sha256:${made}`;
  }
}

/** The key is of one box alone, and so may its nonce be. */
function derive(
  own: KeyObject,
  other: KeyObject,
  from: string,
  sealTo: string,
  context: string,
): { key: Buffer; nonce: Buffer } {
  let shared: Buffer;
  try {
    shared = diffieHellman({ privateKey: own, publicKey: other });
  } catch (error) {
    // A point of small order (RFC 7748, section 6.1).
    throw new SealError('this X25519 key is not usable', { cause: error });
  }
  const info = `windrose seal\n${context}`;
  const length = KEY_BYTES + NONCE_BYTES;
  const bytes = Buffer.from(hkdfSync('sha256', shared, `${from}.${sealTo}`, info, length));
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) };
}

function rawOf(key: KeyObject): string {
  return key.export({ format: 'jwk' }).x ?? '';
}

function publicKeyOf(raw: string): KeyObject {
  if (Buffer.from(raw, 'base64url').byteLength !== KEY_BYTES) {
    throw new SealError('this is no X25519 key: it has to be 32 bytes in base64url');
  }
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: raw }, format: 'jwk' });
}

function readPrivateKey(pem: string, from: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new SealError(`${from}: ${sentenceOf(error)}`);
  }
  if (key.asymmetricKeyType === 'x25519') return key;
  throw new SealError(`${from}: it is a key for ${key.asymmetricKeyType}, not for X25519`);
}
