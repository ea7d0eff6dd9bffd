import { ERRORS } from '../../errors.ts';
import type { AttemptResult } from '../../exchange.ts';
import { IDEMPOTENT } from '../../methods.ts';
import type { RetryCondition, RetryConfig } from './config.ts';

/** The condition that a result fulfils, in the words of a TrafficPolicy; undefined: none. */
export function conditionOf(result: AttemptResult): RetryCondition | undefined {
  if (result.kind === 'head') {
    if (result.status === 502) return '502';
    if (result.status === 503) return '503';
    return result.status === 504 ? '504' : undefined;
  }
  return ERRORS[result.reason].retry;
}

/**
 * Why another try may be made; undefined when it may not. Safe means: nothing was sent, or doing
 * it twice is as good as once and there is no body that is already on its way.
 */
export function retryReason(
  result: AttemptResult,
  request: { readonly method: string; readonly hasBody: boolean },
  config: RetryConfig,
): RetryCondition | undefined {
  const condition = conditionOf(result);
  if (condition === undefined || !config.on.has(condition)) return undefined;
  const unsent = result.kind === 'failed' && !result.sent;
  const isSafe = unsent || (!request.hasBody && IDEMPOTENT.has(request.method));
  return isSafe ? condition : undefined;
}
