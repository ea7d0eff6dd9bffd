import {
  type KeyObject,
  X509Certificate,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIP } from 'node:net';

/**
 * Makes certificates (RFC 5280) for NATS, the demo and tests: node reads them and writes none.
 */
export interface CertificateRequest {
  /** The subject's common name. */
  name: string;
  /** DNS names and IPv4 addresses; an authority has none. */
  hosts?: readonly string[];
  uris?: readonly string[];
  keyType?: 'ec' | 'rsa';
  /** Absent: it signs itself. */
  issuer?: Issued;
  isAuthority?: boolean;
  /** What a leaf may be used for; both without. */
  purposes?: readonly ('serverAuth' | 'clientAuth')[];
  notBefore?: Date;
  notAfter?: Date;
}

export interface Issued {
  /** PEM. */
  cert: string;
  key: string;
  privateKey: KeyObject;
  /** DER of the subject's name, and of the bits of the public key. */
  subject: Buffer;
  publicBits: Buffer;
}

const DAY_MS = 24 * 60 * 60 * 1_000;
const YEAR_DAYS = 365;
const RSA_BITS = 2_048;
const SERIAL_BYTES = 16;

const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const TAG = {
  ...{ boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, null: 0x05, oid: 0x06 },
  ...{ utf8: 0x0c, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30, set: 0x31 },
} as const;

export function issueCertificate(request: CertificateRequest): Issued {
  const { privateKey, publicKey } =
    request.keyType === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
      : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const publicInfo = publicKey.export({ type: 'spki', format: 'der' });
  const publicBits = lastBitString(publicInfo);
  const subject = nameOf(request.name);
  const issuer = request.issuer ?? { privateKey, subject, publicBits };
  const algorithm = signatureAlgorithm(issuer.privateKey);
  const notBefore = request.notBefore ?? new Date(Date.now() - DAY_MS);
  const notAfter = request.notAfter ?? new Date(Date.now() + YEAR_DAYS * DAY_MS);
  const serial = randomBytes(SERIAL_BYTES);
  // Positive, and without a leading zero byte.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    tagged(0, der(TAG.integer, Buffer.from([2]))),
    der(TAG.integer, serial),
    algorithm,
    issuer.subject,
    sequence(time(notBefore), time(notAfter)),
    subject,
    publicInfo,
    tagged(3, sequence(...extensionsOf(request, publicBits, issuer.publicBits))),
  );
  const signature = sign('sha256', body, issuer.privateKey);
  const whole = sequence(body, algorithm, bitString(signature));
  return {
    cert: new X509Certificate(whole).toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ...{ privateKey, subject, publicBits },
  };
}

/** An authority of ours, as it was read from its files (PEM). */
export function issuerOf(cert: string, key: string): Issued {
  const privateKey = createPrivateKey(key);
  const publicInfo = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const name = new X509Certificate(cert).subject.replace(/^CN=/, '');
  return {
    ...{ cert, key, privateKey },
    subject: nameOf(name),
    publicBits: lastBitString(publicInfo),
  };
}

function extensionsOf(
  { isAuthority = false, hosts = [], uris = [], purposes }: CertificateRequest,
  publicBits: Buffer,
  issuerBits: Buffer,
): Buffer[] {
  const constraints = isAuthority ? sequence(der(TAG.boolean, Buffer.from([0xff]))) : sequence();
  // keyCertSign and cRLSign; or digitalSignature and keyEncipherment.
  const usage = isAuthority ? Buffer.from([1, 0x06]) : Buffer.from([5, 0xa0]);
  const extensions = [
    extension(OID.basicConstraints, constraints, true),
    extension(OID.keyUsage, der(TAG.bits, usage), true),
    extension(OID.subjectKeyId, der(TAG.octets, keyId(publicBits))),
    extension(OID.authorityKeyId, sequence(der(0x80, keyId(issuerBits)))),
  ];
  if (!isAuthority) {
    const allowed = (purposes ?? ['serverAuth', 'clientAuth']).map((each) => oid(OID[each]));
    extensions.push(extension(OID.extKeyUsage, sequence(...allowed)));
  }
  const names = [...hosts.map(generalName), ...uris.map((uri) => der(0x86, Buffer.from(uri)))];
  if (names.length > 0) extensions.push(extension(OID.subjectAltName, sequence(...names)));
  return extensions;
}

function extension(id: string, value: Buffer, isCritical = false): Buffer {
  const critical = isCritical ? [der(TAG.boolean, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...critical, der(TAG.octets, value));
}

function generalName(host: string): Buffer {
  if (isIP(host) === 4) return der(0x87, Buffer.from(host.split('.').map(Number)));
  return der(0x82, Buffer.from(host, 'latin1'));
}

function nameOf(commonName: string): Buffer {
  const attribute = sequence(oid(OID.commonName), der(TAG.utf8, Buffer.from(commonName)));
  return sequence(der(TAG.set, attribute));
}

function signatureAlgorithm(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === 'ec') return sequence(oid(OID.ecdsaWithSha256));
  return sequence(oid(OID.sha256WithRsa), der(TAG.null, Buffer.alloc(0)));
}

function keyId(publicBits: Buffer): Buffer {
  return createHash('sha1').update(publicBits).digest();
}

/** UTCTime until 2049 (section 4.1.2.5). */
function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const isNear = date.getUTCFullYear() < 2050;
  return der(
    isNear ? TAG.utcTime : TAG.generalizedTime,
    Buffer.from(isNear ? digits.slice(2) : digits),
  );
}

/** A SubjectPublicKeyInfo ends with the bits of the key; behind the tag, its length, and a zero. */
function lastBitString(info: Buffer): Buffer {
  const [, headerLength] = lengthAt(info, 1);
  const inside = info.subarray(1 + headerLength);
  const [algorithmLength, algorithmHeader] = lengthAt(inside, 1);
  const bits = inside.subarray(1 + algorithmHeader + algorithmLength);
  const [, bitsHeader] = lengthAt(bits, 1);
  return bits.subarray(1 + bitsHeader + 1);
}

function lengthAt(bytes: Buffer, at: number): [length: number, headerBytes: number] {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return [first, 1];
  const size = first & 0x7f;
  return [bytes.readUIntBE(at + 1, size), 1 + size];
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const digits = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return der(TAG.oid, Buffer.from(bytes));
}

function bitString(bytes: Buffer): Buffer {
  return der(TAG.bits, Buffer.concat([Buffer.from([0]), bytes]));
}

function tagged(number: number, inside: Buffer): Buffer {
  return der(0xa0 + number, inside);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(TAG.sequence, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(content.length)]), content]);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left >>>= 8) bytes.unshift(left & 0xff);
  return [0x80 + bytes.length, ...bytes];
}
