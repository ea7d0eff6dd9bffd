import type { Clock, Random } from '#platform/clock.ts';
import { replyFor } from '../../errors.ts';
import type { Exchange, Reply } from '../../exchange.ts';
import { type Wheel, WheelTimer } from '../../wheel.ts';
import type { FaultConfig } from './config.ts';
import { drawFault } from './fault.ts';

export interface FaultParts {
  clock: Clock;
  wheel: Wheel;
  random: Random;
  /** Runs what follows a delay, when nobody is left on the stack to notice a mistake in it. */
  guard: (run: () => void) => void;
}

/**
 * Delays the exchange or answers it, as the FaultPolicies ask, one after the other. Calls back
 * with undefined when it goes on.
 */
export function injectFaults(
  configs: readonly FaultConfig[],
  exchange: Exchange,
  parts: FaultParts,
  done: (reply: Reply | undefined) => void,
): void {
  const [config, ...rest] = configs;
  if (config === undefined) return done(undefined);
  const { clock, wheel, random } = parts;
  const fault = drawFault(config, clock.wallMs(), random);
  if (fault === undefined) return injectFaults(rest, exchange, parts, done);
  const goOn = (): void => {
    if (fault.abortStatus === undefined) injectFaults(rest, exchange, parts, done);
    else done(replyFor('fault_injected', undefined, { status: fault.abortStatus }));
  };
  if (fault.delayMs === 0) return goOn();
  const startMs = clock.nowMs();
  const waitMs = Math.max(0, Math.min(fault.delayMs, exchange.deadlineMs - startMs));
  const timer = new WheelTimer(() => {
    exchange.queueMs += clock.nowMs() - startMs;
    parts.guard(() => (waitMs === fault.delayMs ? goOn() : done(replyFor('request_timeout'))));
  });
  wheel.set(timer, waitMs);
}
