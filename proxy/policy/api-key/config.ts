import type { ResourceKey } from '#contracts/names.ts';

/** An AuthenticationPolicy with `apiKey`, compiled. */
export interface ApiKeyConfig {
  readonly policy: ResourceKey;
  /** Consumers of this namespace are known to it. */
  readonly namespace: string;
  /** Lower-case names of the headers that may carry the key, tried in this order. */
  readonly headers: readonly string[];
  readonly required: boolean;
}

/** An API key of a Consumer, found by the hash of the key. */
export interface Credential {
  /** `namespace/name`. */
  readonly consumer: string;
  readonly id: string;
  /** Wall clock, ms; Infinity: never. */
  readonly expiresMs: number;
}
