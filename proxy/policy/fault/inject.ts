import { REASONS } from '#contracts/reasons.ts';
import type { Clock, Random } from '#platform/clock.ts';
import type { Exchange, Reply } from '../../exchange.ts';
import type { FaultConfig } from './config.ts';
import { drawFault } from './fault.ts';

/** Delays the exchange or answers it, as a FaultPolicy asks; undefined: it goes on. */
export function injectFault(
  config: FaultConfig,
  exchange: Exchange,
  clock: Clock,
  random: Random,
): Promise<Reply | undefined> | Reply | undefined {
  const fault = drawFault(config, clock.wallMs(), random);
  if (fault === undefined) return undefined;
  const abort = fault.abortStatus === undefined ? undefined : abortReply(fault.abortStatus);
  return fault.delayMs === 0 ? abort : delay(fault.delayMs, abort, exchange, clock);
}

async function delay(
  delayMs: number,
  abort: Reply | undefined,
  exchange: Exchange,
  clock: Clock,
): Promise<Reply | undefined> {
  const startMs = clock.nowMs();
  const waitMs = Math.max(0, Math.min(delayMs, exchange.deadlineMs - startMs));
  await new Promise<void>((resolve) => {
    clock.after(waitMs, resolve);
  });
  exchange.queueMs += clock.nowMs() - startMs;
  if (waitMs === delayMs) return abort;
  const { status } = REASONS.request_timeout;
  return { reason: 'request_timeout', status, message: 'the time for the request ran out' };
}

function abortReply(status: number): Reply {
  return { reason: 'fault_injected', status, message: 'a fault was injected here on purpose' };
}
