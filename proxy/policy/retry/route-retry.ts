import { parseDurationMs } from '#contracts/duration.ts';
import type { HTTPRouteRule } from '#contracts/resources/index.ts';
import type { Random } from '#platform/clock.ts';
import { ERRORS } from '../../errors.ts';
import type { AttemptResult } from '../../exchange.ts';
import { IDEMPOTENT } from '../../methods.ts';

/** `retry` of an HTTPRoute's rule (GEP-1731): it replaces the TrafficPolicy's for its requests. */
export interface RouteRetry {
  /** Further tries after the first; 0: none, whatever the Service's policy says. */
  readonly attempts: number;
  /** Statuses that mean that the backend refused the request. */
  readonly codes: ReadonlySet<number>;
  /** The wait before the first further try; it doubles with each. 0: none. */
  readonly backoffMs: number;
}

const ATTEMPTS_DEFAULT = 1;
/** For a rule that does not say one: long enough to let another process of the backend begin. */
const BACKOFF_DEFAULT_MS = 25;
/** A wait grows to at most so many times the first one, and to no more than a minute. */
const BACKOFF_GROWTH_MAX = 10;
const BACKOFF_MAX_MS = 60_000;
/** Of a wait, by which it may be longer, so that those who failed together do not come together. */
const JITTER = 0.5;

export function compileRouteRetry(retry: HTTPRouteRule['retry']): RouteRetry | undefined {
  if (retry === undefined) return undefined;
  const { attempts = ATTEMPTS_DEFAULT, codes = [], backoff } = retry;
  return Object.freeze({
    attempts,
    codes: new Set(codes),
    backoffMs: backoff === undefined ? BACKOFF_DEFAULT_MS : parseDurationMs(backoff),
  });
}

/**
 * Why another try may be made, as the record has it; undefined when it may not. A configured
 * status says that the backend did not do what it was asked, so any method may come again that
 * sent no body: a body went on as it came, and is gone. Of a connection that broke, or a time-out,
 * nobody knows: only what is as good twice as once comes again (RFC 9110 section 9.2.2).
 */
export function routeRetryReason(
  result: AttemptResult,
  request: { readonly method: string; readonly hasBody: boolean },
  { codes }: RouteRetry,
): string | undefined {
  if (result.kind === 'head') {
    return codes.has(result.status) && !request.hasBody ? String(result.status) : undefined;
  }
  const condition = ERRORS[result.reason].retry;
  const isSafe = !result.sent || (!request.hasBody && IDEMPOTENT.has(request.method));
  return isSafe ? condition : undefined;
}

/**
 * How long to wait before a further try, ms: never less than the rule's backoff. `retries`: further
 * tries with the one that is waited for.
 */
export function backoffMs(retry: RouteRetry, retries: number, random: Random): number {
  const first = retry.backoffMs;
  const most = Math.max(first, Math.min(first * BACKOFF_GROWTH_MAX, BACKOFF_MAX_MS));
  const grown = Math.min(first * 2 ** (retries - 1), most);
  return grown * (1 + random() * JITTER);
}
