import { parseDurationMs } from '#contracts/duration.ts';
import type { HTTPRouteRule, TrafficPolicy } from '#contracts/resources/index.ts';
import type { Report } from '../../snapshot/report.ts';
import {
  NO_ROUTE_TIMEOUTS,
  type RouteTimeouts,
  SERVICE_TIMEOUTS_DEFAULT,
  type ServiceTimeouts,
  TIMER_MAX_MS,
} from './config.ts';

/** `path` is the rule's. */
export function compileRouteTimeouts(
  timeouts: HTTPRouteRule['timeouts'],
  path: string,
  report: Report,
): RouteTimeouts {
  if (timeouts === undefined) return NO_ROUTE_TIMEOUTS;
  const requestMs = routeDurationMs(timeouts.request);
  const backendRequestMs = routeDurationMs(timeouts.backendRequest);
  if (requestMs !== undefined && backendRequestMs !== undefined && backendRequestMs > requestMs) {
    const message = 'a try cannot have longer than the whole request';
    const hint = `make it ${timeouts.request ?? ''} at most`;
    report.add(`${path}.timeouts.backendRequest`, 'invalid_value', message, hint);
  }
  return Object.freeze({ requestMs, backendRequestMs });
}

/** GEP-1742: `0s` is no limit; more than a timer takes (24 days) is none either. */
function routeDurationMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const durationMs = parseDurationMs(text);
  const isLimit = durationMs > 0 && durationMs <= TIMER_MAX_MS;
  return isLimit ? durationMs : Number.POSITIVE_INFINITY;
}

export function compileServiceTimeouts(
  timeouts: TrafficPolicy['spec']['timeouts'],
  report: Report,
): ServiceTimeouts {
  if (timeouts === undefined) return SERVICE_TIMEOUTS_DEFAULT;
  const { connect, responseHead } = timeouts;
  const read = (field: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : report.durationMs(`spec.timeouts.${field}`, text);
  return Object.freeze({
    connectMs: read('connect', connect) ?? SERVICE_TIMEOUTS_DEFAULT.connectMs,
    responseHeadMs: read('responseHead', responseHead),
  });
}
