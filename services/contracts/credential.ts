import type { ProxyGrant } from './signing.ts';

/**
 * What `windrose mesh credential` hands to one proxy, as a JSON file: to be kept as a private key
 * is, for whoever has it can take the proxy's place.
 */
export interface ProxyCredential {
  mesh: string;
  proxy: string;
  /** The text of a NATS .creds file: a user's token and seed. */
  natsCreds: string;
  /** The authority of the NATS servers, in PEM; absent where they have no TLS of their own. */
  natsCa?: string;
  /** Public keys in PEM, one or more: who may sign what this proxy believes. */
  trust: string;
  /** What it may say of itself. */
  grant: ProxyGrant;
  /** X25519, PKCS #8 in PEM: opens the Secrets that are sealed to this proxy. */
  sealKey: string;
}
