import { createHmac } from 'node:crypto';

/** A notification target. */
export interface Webhook {
  url: string;
  /** Signs what it is sent; undefined: nothing is signed. */
  secret?: Buffer | undefined;
}

export const SIGNATURE_HEADER = 'x-windrose-signature';

/**
 * `t=SECONDS,v1=HEX`: HMAC-SHA256 (RFC 2104) of the time (Unix seconds), a dot and the body. With
 * the time in it a receiver can refuse what is old, so that nobody can say it again later.
 */
export function signatureOf(secret: Buffer, body: string, wallMs: number): string {
  const time = Math.floor(wallMs / 1_000);
  const made = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
  return `t=${time},v1=${made}`;
}
