import type { ResourceKey } from '#contracts/names.ts';

export interface FaultConfig {
  readonly policy: ResourceKey;
  /** Wall clock, ms: from then on it does nothing. */
  readonly expiresMs: number;
  /** Shares from 0 to 1. */
  readonly abort: { readonly share: number; readonly status: number } | undefined;
  readonly delay: { readonly share: number; readonly delayMs: number } | undefined;
}
