import type { Random } from '#platform/clock.ts';
import type { FaultConfig } from './config.ts';

/** What a FaultPolicy does to one request. */
export interface Fault {
  delayMs: number;
  /** Undefined: the request goes on after the delay. */
  abortStatus: number | undefined;
}

/**
 * Draws a request's fault; undefined when it has none. The expiry is looked at for every request:
 * a fault ends in time even when nobody changes the configuration.
 */
export function drawFault(config: FaultConfig, wallMs: number, random: Random): Fault | undefined {
  if (wallMs >= config.expiresMs) return undefined;
  const { delay, abort } = config;
  const delayMs = delay !== undefined && random() < delay.share ? delay.delayMs : 0;
  const abortStatus = abort !== undefined && random() < abort.share ? abort.status : undefined;
  return delayMs === 0 && abortStatus === undefined ? undefined : { delayMs, abortStatus };
}
