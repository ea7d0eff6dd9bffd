import type { TrafficPolicy } from '#contracts/resources/index.ts';
import type { Report } from '../../snapshot/report.ts';
import { RETRY_DEFAULT, type RetryConfig } from './config.ts';

export function compileRetry(retry: TrafficPolicy['spec']['retry'], report: Report): RetryConfig {
  if (retry === undefined) return RETRY_DEFAULT;
  const { attempts, on, perTry, budget } = retry;
  const perTryMs =
    perTry === undefined ? undefined : report.durationMs('spec.retry.perTry', perTry);
  return Object.freeze({
    attempts,
    on: on === undefined ? RETRY_DEFAULT.on : new Set(on),
    perTryMs: perTryMs ?? RETRY_DEFAULT.perTryMs,
    budgetShare: budget === undefined ? RETRY_DEFAULT.budgetShare : budget.percent / 100,
    budgetMinPerSecond: budget?.minPerSecond ?? RETRY_DEFAULT.budgetMinPerSecond,
  });
}
