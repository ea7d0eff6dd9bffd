import type { Exchange } from '../exchange.ts';
import { GRPC_TIMEOUT, grpcTimeoutMs } from '../grpc/timeout.ts';
import type { FaultConfig } from '../policy/fault/config.ts';
import type { RecordRules } from '../policy/telemetry/config.ts';
import type { RetryConfig } from '../policy/retry/config.ts';
import type { RouteRetry } from '../policy/retry/route-retry.ts';
import { headTimeoutMs } from '../policy/timeout/limits.ts';
import { NO_ROUTE_TIMEOUTS } from '../policy/timeout/config.ts';
import type { HeaderEdit } from '../route/filters/headers.ts';
import type { CompiledRule, CompiledService } from '../snapshot/compiled.ts';
import type { SessionConfig } from '../upstream/session.ts';

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

/** `template`: of its own templates, the one that the path has. */
export function recordingInWords(records: RecordRules, template: string | undefined): string {
  const { sampling, fields, path, clientAddress } = records;
  const names = fields.map(({ header, name, of }) => `${name} (${of} header ${header})`);
  const kept =
    sampling === undefined
      ? 'every request is recorded'
      : `${percent(sampling.share)} are recorded, and errors, what takes over ` +
        `${span(sampling.slowerThanMs)}, and all in the first ${span(sampling.newRevisionMs)} of ` +
        'a revision';
  return [
    kept,
    ...(names.length === 0 ? [] : [`with ${names.join(', ')}`]),
    ...(template === undefined ? [] : [`as ${template}`]),
    ...(path === 'Template' ? ['without its path'] : []),
    ...(clientAddress === 'Drop' ? ["without the client's address"] : []),
    ...(clientAddress === 'Network' ? ["with the network of the client's address"] : []),
  ].join('; ');
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
  { isGrpc, request }: Pick<Exchange, 'isGrpc' | 'request'>,
): string {
  const { timeouts } = service.traffic;
  const route = rule?.timeouts ?? NO_ROUTE_TIMEOUTS;
  const said = isGrpc ? grpcTimeoutMs(request.headers.get(GRPC_TIMEOUT)) : undefined;
  const deadlineMs = said ?? Number.POSITIVE_INFINITY;
  const limitMs = headTimeoutMs(route, timeouts, { isGrpc, deadlineMs });
  const perTryMs = rule?.retry === undefined ? service.traffic.retry.perTryMs : limitMs;
  const headMs = Math.min(limitMs, perTryMs, deadlineMs);
  const whole = route.requestMs === undefined ? '' : `whole request ${span(route.requestMs)}, `;
  return (
    `${whole}connect ${span(timeouts.connectMs)}, response head ${span(headMs)}, ` +
    (rule?.retry === undefined
      ? retryInWords(service.traffic.retry)
      : routeRetryInWords(rule.retry))
  );
}

function retryInWords({ attempts, on }: RetryConfig): string {
  return attempts === 0 ? 'no retry' : `up to ${attempts} more on ${[...on].join(', ')}`;
}

/** Of a rule: it holds instead of the TrafficPolicy's. */
function routeRetryInWords({ attempts, codes, backoffMs }: RouteRetry): string {
  if (attempts === 0) return 'no retry';
  const on = ['ConnectFailure, Reset and 504 if it is safe', ...codes].join(', ');
  const wait = backoffMs === 0 ? 'at once' : `after ${span(backoffMs)} and longer`;
  return `up to ${attempts} more ${wait} on ${on}`;
}

/** Where the requests of one client go. */
export function sessionInWords({ carrier, name, attributes, timeoutS }: SessionConfig): string {
  const what = carrier === 'Cookie' ? `cookie ${name}${attributes}` : `header ${name}`;
  const ends = timeoutS === undefined ? '' : `, for ${span(timeoutS * 1_000)}`;
  return `keeps a client at its endpoint of the chosen backend by the ${what}${ends}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(4))} %`;
}

/** A duration in the unit that reads best. */
export function span(durationMs: number): string {
  if (durationMs === Number.POSITIVE_INFINITY) return 'without limit';
  return durationMs % 1_000 === 0 ? `${durationMs / 1_000} s` : `${durationMs} ms`;
}
