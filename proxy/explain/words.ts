import type { FaultConfig } from '../policy/fault/config.ts';
import { headTimeoutMs } from '../policy/timeout/limits.ts';
import { NO_ROUTE_TIMEOUTS } from '../policy/timeout/config.ts';
import type { HeaderEdit } from '../route/filters.ts';
import type { CompiledRule, CompiledService } from '../snapshot/compiled.ts';

/** What a header filter does, for people. */
export function headerEditInWords(edit: HeaderEdit): string {
  return [
    ...edit.remove.map((name) => `removes ${name}`),
    ...edit.set.map(([name, value]) => `sets ${name}: ${value}`),
    ...edit.add.map(([name, value]) => `adds ${name}: ${value}`),
  ].join(', ');
}

export function faultInWords(fault: FaultConfig, wallMs: number): string {
  const until = new Date(fault.expiresMs).toISOString();
  if (wallMs >= fault.expiresMs) return `expired ${until}: does nothing`;
  const { abort, delay } = fault;
  const parts = [
    ...(delay === undefined ? [] : [`delays ${percent(delay.share)} by ${span(delay.delayMs)}`]),
    ...(abort === undefined ? [] : [`answers ${percent(abort.share)} with ${abort.status}`]),
  ];
  return `${parts.join(', ')}, until ${until}`;
}

export function balancingInWords(service: CompiledService): string {
  const { balancing, circuitRequests, outlier } = service.traffic;
  return (
    `${balancing}, at most ${circuitRequests} requests in flight, ` +
    `an endpoint is out for ${span(outlier.ejectMs)} after ${outlier.consecutiveErrors} errors`
  );
}

export function forwardingInWords(
  service: CompiledService,
  rule: CompiledRule | undefined,
  isGrpc: boolean,
): string {
  const { timeouts, retry } = service.traffic;
  const route = rule?.timeouts ?? NO_ROUTE_TIMEOUTS;
  const headMs = Math.min(headTimeoutMs(route, timeouts, isGrpc), retry.perTryMs);
  const whole = route.requestMs === undefined ? '' : `whole request ${span(route.requestMs)}, `;
  const retries =
    retry.attempts === 0
      ? 'no retry'
      : `up to ${retry.attempts} more on ${[...retry.on].join(', ')}`;
  return `${whole}connect ${span(timeouts.connectMs)}, response head ${span(headMs)}, ${retries}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(4))} %`;
}

/** A duration in the unit that reads best. */
export function span(durationMs: number): string {
  if (durationMs === Number.POSITIVE_INFINITY) return 'without limit';
  return durationMs % 1_000 === 0 ? `${durationMs / 1_000} s` : `${durationMs} ms`;
}
