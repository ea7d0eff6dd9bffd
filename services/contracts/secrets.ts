import type { Signed } from './signing.ts';

/** What only the holder of an X25519 key can open (services/platform/sealing.ts). All base64url. */
export interface SealedBox {
  /** The sender's key for this one box, 32 bytes. */
  from: string;
  /** The text under AES-256-GCM, and its tag of 16 bytes. */
  text: string;
}

/**
 * The last message on `windrose.<mesh>.secret.<proxy>.<digest>`: the values of one Secret, as far
 * as this proxy needs them.
 */
export interface SecretMessage extends Signed {
  mesh: string;
  proxy: string;
  /** `namespace/name`. */
  secret: string;
  /** Of the Secret's `sealed`: which version of it these are. */
  digest: string;
  /** The key that it is sealed to, as in the proxy's grant. */
  sealTo: string;
  /** Whether all values are in it, or the certificates of authorities alone. */
  part: SecretPart;
  /** Of a JSON object from the data's keys to their values in base64. */
  box: SealedBox;
}

/** Who only has to trust needs no more than `ca.crt`. */
export type SecretPart = 'all' | 'authorities';

/** What a box is sealed for: moved to another proxy, Secret or version it does not open. */
export function secretContext(of: Omit<SecretMessage, 'box' | 'sealTo'>): string {
  return ['secret', of.mesh, of.proxy, of.secret, of.digest, of.part].join(' ');
}
