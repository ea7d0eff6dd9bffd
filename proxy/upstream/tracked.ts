import type { Endpoint } from '#contracts/events.ts';
import type { OutlierConfig } from './settings.ts';
import { endpointName } from './addresses.ts';

/** An endpoint with what this worker knows of it; outlives snapshots while it stays announced. */
export class TrackedEndpoint {
  readonly name: string;
  endpoint: Endpoint;
  inFlight = 0;
  consecutiveErrors = 0;
  /** Monotonic ms; in the past when it is not ejected. */
  ejectedUntilMs = Number.NEGATIVE_INFINITY;
  /** Of sessions with it; made when the first one begins. */
  token: string | undefined;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.name = endpointName(endpoint);
  }

  isEjected(nowMs: number): boolean {
    return this.ejectedUntilMs > nowMs;
  }
}

/**
 * Passive health: notes how a try ended; true when this outcome ejected the endpoint. At most the
 * configured share of a service is out at once, one at least where there are two, and never all.
 */
export function noteOutcome(
  tracked: TrackedEndpoint,
  ok: boolean,
  all: readonly TrackedEndpoint[],
  config: OutlierConfig,
  nowMs: number,
): boolean {
  if (ok) {
    tracked.consecutiveErrors = 0;
    return false;
  }
  tracked.consecutiveErrors++;
  if (tracked.isEjected(nowMs) || tracked.consecutiveErrors < config.consecutiveErrors)
    return false;
  if (config.ejectedShareMax === 0) return false;
  let ejected = 0;
  for (const other of all) if (other.isEjected(nowMs)) ejected++;
  const ejectedMax = Math.min(
    all.length - 1,
    Math.max(1, Math.floor(all.length * config.ejectedShareMax)),
  );
  if (ejected >= ejectedMax) return false;
  tracked.consecutiveErrors = 0;
  tracked.ejectedUntilMs = nowMs + config.ejectMs;
  return true;
}
