import type { Random } from '#platform/clock.ts';

/** RequestMirror of Gateway API: which share of requests is copied, and to whom. */
export interface Mirror {
  /** `namespace/name`, its port, and both as the record writes a backend. */
  readonly service: string;
  readonly port: number;
  readonly label: string;
  /** See CompiledBackend. */
  readonly isForGateways: boolean;
  /** Of `denominator` requests so many are copied; at least as many: all of them. */
  readonly numerator: number;
  readonly denominator: number;
}

/** Chosen with exactly the fraction's share. */
export function isMirrored({ numerator, denominator }: Mirror, random: Random): boolean {
  return numerator >= denominator || Math.floor(random() * denominator) < numerator;
}
