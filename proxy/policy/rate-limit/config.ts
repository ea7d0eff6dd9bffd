import type { ResourceKey } from '#contracts/names.ts';

export type LimitKeyPart = 'consumer' | 'clientAddress' | 'source';

/** One limit of a RateLimitPolicy on one target, compiled. Figures are per proxy. */
export interface LimitConfig {
  /** Unique among all limits of a mesh, the same over revisions: buckets survive an edit. */
  readonly id: string;
  readonly policy: ResourceKey;
  readonly name: string;
  readonly key: readonly LimitKeyPart[];
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
}
