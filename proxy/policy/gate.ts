import type { ResourceKey } from '#contracts/names.ts';
import type { Clock } from '#platform/clock.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { CompiledSnapshot, Security } from '../snapshot/compiled.ts';

/** A policy that may answer instead of the upstream. One per worker; it may keep state. */
export interface Gate {
  readonly name: string;
  readonly phase: 'authorize' | 'limit';
  /**
   * Lets the exchange pass (undefined) or answers it. `levels` go from the widest target to the
   * narrowest; all of them have to agree.
   */
  act(exchange: Exchange, levels: readonly Security[]): Reply | undefined;
  /** What it would look at, for people. */
  describe(levels: readonly Security[]): { policy: ResourceKey; effect: string }[];
  /** Called with each new snapshot, to forget what it no longer has. */
  swap(snapshot: CompiledSnapshot): void;
}

export interface GateOptions {
  clock: Clock;
  /** Limits are per proxy; this worker's share is one part of so many. */
  workers: number;
}
