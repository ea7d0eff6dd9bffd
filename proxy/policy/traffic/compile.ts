import type { TrafficPolicy } from '#contracts/resources/index.ts';
import type { Report } from '../../snapshot/report.ts';
import { BALANCING_DEFAULT, OUTLIER_DEFAULT, type OutlierConfig } from '../../upstream/settings.ts';
import { CIRCUIT_REQUESTS_DEFAULT } from '../circuit/circuit.ts';
import type { PolicyConfig, TrafficConfig } from '../kinds.ts';
import { compileRetry } from '../retry/compile.ts';
import { RETRY_DEFAULT } from '../retry/config.ts';
import { compileServiceTimeouts } from '../timeout/compile.ts';
import { SERVICE_TIMEOUTS_DEFAULT } from '../timeout/config.ts';

/** For a Service without a TrafficPolicy. */
export const TRAFFIC_DEFAULT: TrafficConfig = Object.freeze({
  balancing: BALANCING_DEFAULT,
  outlier: OUTLIER_DEFAULT,
  circuitRequests: CIRCUIT_REQUESTS_DEFAULT,
  timeouts: SERVICE_TIMEOUTS_DEFAULT,
  retry: RETRY_DEFAULT,
});

/** TrafficPolicy: what balancing, circuit, outlier, time-outs and retries do towards a Service. */
export function compileTraffic(policy: TrafficPolicy, report: Report): PolicyConfig {
  const { loadBalancing, circuit, outlier, timeouts, retry } = policy.spec;
  return Object.freeze({
    kind: 'TrafficPolicy',
    traffic: Object.freeze({
      balancing: loadBalancing?.type ?? TRAFFIC_DEFAULT.balancing,
      outlier: compileOutlier(outlier, report),
      circuitRequests: circuit?.requests ?? TRAFFIC_DEFAULT.circuitRequests,
      timeouts: compileServiceTimeouts(timeouts, report),
      retry: compileRetry(retry, report),
    }),
  });
}

function compileOutlier(outlier: TrafficPolicy['spec']['outlier'], report: Report): OutlierConfig {
  if (outlier === undefined) return OUTLIER_DEFAULT;
  const { consecutiveErrors, ejectFor, maxEjectedPercent } = outlier;
  const ejectMs =
    ejectFor === undefined ? undefined : report.durationMs('spec.outlier.ejectFor', ejectFor);
  return Object.freeze({
    consecutiveErrors: consecutiveErrors ?? OUTLIER_DEFAULT.consecutiveErrors,
    ejectMs: ejectMs ?? OUTLIER_DEFAULT.ejectMs,
    ejectedShareMax:
      maxEjectedPercent === undefined ? OUTLIER_DEFAULT.ejectedShareMax : maxEjectedPercent / 100,
  });
}
