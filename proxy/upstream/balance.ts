import type { Random } from '#platform/clock.ts';
import type { Balancing } from './settings.ts';
import type { TrackedEndpoint } from './tracked.ts';

/** Endpoints that a request may go to, and where round robin stands. */
export interface Pool {
  usable: readonly TrackedEndpoint[];
  cursor: number;
  /** By the token of a session; made when the first one comes. */
  bySession: ReadonlyMap<string, TrackedEndpoint> | undefined;
}

/** One of the pool's usable endpoints; undefined when there is none. */
export function choose(pool: Pool, how: Balancing, random: Random): TrackedEndpoint | undefined {
  const { usable } = pool;
  if (usable.length < 2) return usable[0];
  switch (how) {
    case 'RoundRobin':
      pool.cursor = (pool.cursor + 1) % usable.length;
      return usable[pool.cursor];
    case 'Random':
      return usable[Math.floor(random() * usable.length)];
    case 'LeastRequest':
      return lessBusyOfTwo(usable, random);
    default:
      return how satisfies never;
  }
}

/** The power of two choices: nearly as good as looking at all, and it does not herd. */
function lessBusyOfTwo(
  usable: readonly TrackedEndpoint[],
  random: Random,
): TrackedEndpoint | undefined {
  const first = Math.floor(random() * usable.length);
  const other = (first + 1 + Math.floor(random() * (usable.length - 1))) % usable.length;
  const a = usable[first];
  const b = usable[other];
  return a !== undefined && b !== undefined && b.inFlight < a.inFlight ? b : a;
}
