import type { Reason } from '#contracts/reasons.ts';
import type { Clock } from '#platform/clock.ts';
import type { Exchange } from '../exchange.ts';
import { LIMITS } from '../listener/limits.ts';
import type { ClientStream } from './client.ts';
import type { UpstreamResponse } from './upstream-response.ts';

/**
 * Streams an upstream's body to the client, each at the pace of the slower, until it is over:
 * complete, broken off by either side, or out of time. A body that breaks off upstream breaks off
 * downstream too; it never looks complete. Fills in the exchange's bytes and reason.
 */
export function passOn(
  upstream: UpstreamResponse,
  client: ClientStream,
  exchange: Exchange,
  clock: Clock,
): Promise<void> {
  const { stream } = upstream;
  const { response, request } = client;
  return new Promise((resolve) => {
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      timer?.cancel();
      unwatch();
      resolve();
    };
    const breakOff = (reason: Reason): void => {
      if (over) return;
      exchange.reason = reason;
      upstream.destroy();
      response.destroy();
      finish();
    };
    const unwatch = client.onGone(() => breakOff('client_closed'));
    const leftMs = exchange.deadlineMs - clock.nowMs();
    const timer = Number.isFinite(leftMs)
      ? clock.after(Math.max(0, leftMs), () => breakOff('request_timeout'))
      : undefined;
    upstream.onIdle(LIMITS.streamIdleMs, () => breakOff('upstream_timeout'));
    if (client.gone) {
      breakOff('client_closed');
      return;
    }
    stream.on('data', (chunk: Buffer) => {
      exchange.bytesOut += chunk.length;
      if (!response.write(chunk)) stream.pause();
    });
    response.on('drain', () => stream.resume());
    stream.once('close', () => {
      if (!stream.complete) breakOff('upstream_aborted');
    });
    stream.once('end', () => {
      if (!stream.complete) return;
      // The answer came before the request was read to its end: neither connection can be kept.
      if (!request.complete) response.shouldKeepAlive = false;
      response.end(() => {
        if (!request.complete) {
          upstream.destroy();
          request.socket.destroySoon();
        }
        finish();
      });
    });
  });
}
