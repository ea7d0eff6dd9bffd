import type { Clock } from '#platform/clock.ts';
import type { Exchange } from '../../exchange.ts';
import { type Wheel, WheelTimer } from '../../wheel.ts';

export interface WaitParts {
  clock: Clock;
  wheel: Wheel;
}

/**
 * Waits before another try, at most until the exchange has to be over; whoever goes on looks at
 * its time again. A client that goes meanwhile ends the wait at once, with true.
 */
export function waitForRetry(
  exchange: Exchange,
  waitMs: number,
  { clock, wheel }: WaitParts,
  goOn: (isGone: boolean) => void,
): void {
  const { client } = exchange;
  if (client?.gone === true) return goOn(true);
  const startMs = clock.nowMs();
  const end = (isGone: boolean): void => {
    if (client !== undefined) client.onGone = undefined;
    exchange.queueMs += clock.nowMs() - startMs;
    goOn(isGone);
  };
  const timer = new WheelTimer(() => end(false));
  if (client !== undefined) {
    const onGone = (): void => {
      wheel.clear(timer);
      end(true);
    };
    client.onGone = onGone;
  }
  wheel.set(timer, Math.max(0, Math.min(waitMs, exchange.deadlineMs - startMs)));
}
