import type { Static } from 'typebox';
import type { ResourceProblem } from '../problems.ts';
import { NamespacedMetadata, strict } from './schema.ts';
import { Type } from './type.ts';

/** A key of a Secret's data (Kubernetes: letters, digits, `-`, `_`, `.`). */
const DATA_KEY = '^[-._a-zA-Z0-9]{1,253}$';
/** Kubernetes' own bound on all values together is 1 MiB; what is sealed here is certificates. */
export const SECRET_BYTES_MAX = 128 * 1024;
export const TLS_SECRET_TYPE = 'kubernetes.io/tls';
export const CERT_KEY = 'tls.crt';
export const PRIVATE_KEY_KEY = 'tls.key';
export const AUTHORITY_KEY = 'ca.crt';

const Values = Type.Record(
  Type.String({ pattern: DATA_KEY }),
  Type.String({ maxLength: SECRET_BYTES_MAX * 2 }),
);

/** Names values without telling them: an HMAC-SHA256 with a key that only config services have. */
const SecretDigest = Type.String({ pattern: '^hmac-sha256:[0-9a-f]{64}$' });

/**
 * What an author writes has `data` or `stringData`; the config service seals the values and keeps
 * `sealed` in their place, which is all that the log, snapshots and proxies' dumps ever hold.
 */
export const Secret = strict({
  apiVersion: Type.Literal('v1'),
  kind: Type.Literal('Secret'),
  metadata: NamespacedMetadata,
  type: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
  immutable: Type.Optional(Type.Literal(false)),
  /** Base64. */
  data: Type.Optional(Values),
  /** As they are; wins over `data`. */
  stringData: Type.Optional(Values),
  /** Given by the server. */
  sealed: Type.Optional(
    strict({
      digest: SecretDigest,
      keys: Type.Array(Type.String({ pattern: DATA_KEY }), { maxItems: 32 }),
    }),
  ),
});
export type Secret = Static<typeof Secret>;

/** Base64 of whole bytes (RFC 4648, section 4), white space between lines allowed. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What the schema cannot say. */
export function checkSecret(secret: Secret): Omit<ResourceProblem, 'resource'>[] {
  const { data, stringData, sealed } = secret;
  const problems: Omit<ResourceProblem, 'resource'>[] = [];
  const add = (path: string, message: string, hint?: string): void => {
    const tail = hint === undefined ? {} : { hint };
    problems.push({ path, reason: 'invalid_value', message, ...tail });
  };
  const hasValues = data !== undefined || stringData !== undefined;
  if (hasValues && sealed !== undefined) {
    add('sealed', 'a Secret has values, or the digest of sealed ones, not both', 'remove sealed');
  }
  if (!hasValues && sealed === undefined) add('data', 'a Secret without values');
  for (const [key, text] of Object.entries(data ?? {})) {
    if (!BASE64.test(text.replaceAll(/\s/g, ''))) {
      add(`data.${key}`, 'this is not base64', 'plain text goes into stringData');
    }
  }
  const values = Object.values(valuesOf(secret) ?? {});
  const bytes = values.reduce((sum, text) => sum + (text.length * 3) / 4, 0);
  if (bytes > SECRET_BYTES_MAX) add('data', `it holds more than ${SECRET_BYTES_MAX} bytes`);
  return problems;
}

/** The values that a Secret was written with, base64; undefined where it is sealed. */
export function valuesOf({ data, stringData }: Secret): Record<string, string> | undefined {
  if (data === undefined && stringData === undefined) return undefined;
  const values: Record<string, string> = {};
  for (const [key, text] of Object.entries(data ?? {})) values[key] = text.replaceAll(/\s/g, '');
  for (const [key, text] of Object.entries(stringData ?? {})) {
    values[key] = Buffer.from(text).toString('base64');
  }
  return values;
}
