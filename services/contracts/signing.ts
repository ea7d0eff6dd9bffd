/** What a signature is for: one made for one purpose is worth nothing for another. */
export type SigningPurpose =
  'change-set' | 'body' | 'head' | 'snapshot' | 'endpoints' | 'grant' | 'secret';

/** An Ed25519 signature (RFC 8032) over the canonical JSON (RFC 8785) of what stands beside it. */
export interface Signature {
  /** Names the key: the first 16 hex digits of the SHA-256 of the public key's 32 bytes. */
  key: string;
  /** 64 bytes, base64url. */
  value: string;
}

/** Unsigned only in a mesh that was started with `--insecure-unsigned`. */
export interface Signed {
  signature?: Signature;
}

/**
 * What a proxy may say of itself, made by `windrose mesh credential` and shown in every heartbeat:
 * the registry believes no announcement beyond it.
 */
export interface ProxyGrant extends Signed {
  mesh: string;
  proxy: string;
  /** `namespace/name` of the one Service that it may announce; absent for a gateway. */
  service?: string;
  /** Address ranges that it may announce, as CIDRs. */
  cidrs: string[];
  /**
   * Gateways, `namespace/name`, whose certificates it may have. Absent: those of every Gateway
   * when it announces no Service, of none when it does.
   */
  gateways?: string[];
  /** The X25519 key that its Secrets are sealed to: 32 bytes, base64url. */
  sealTo?: string;
  /** RFC 3339; it is worth nothing afterwards. Absent: until the key is no longer trusted. */
  notAfter?: string;
}
