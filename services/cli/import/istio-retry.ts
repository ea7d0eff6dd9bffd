import type { HTTPRouteRetry } from '#contracts/resources/index.ts';
import type { Fields } from './fields.ts';
import { durationField } from './durations.ts';

/** Failures of connections are retried in any case (GEP-1731). */
const CONNECTION: ReadonlySet<string> = new Set([
  'connect-failure',
  'refused-stream',
  'reset',
  'reset-before-request',
  'retriable-status-codes',
]);
const CODES: Readonly<Record<string, readonly number[]>> = {
  '5xx': [500, 502, 503, 504],
  'gateway-error': [502, 503, 504],
  'retriable-4xx': [409],
};
/** Istio's, where nothing is said. */
const RETRY_ON_DEFAULT = 'connect-failure,refused-stream,unavailable,cancelled,503';

/** `retries` as a retry of GEP-1731, and what each try may take. */
export function retryOf(retries: Fields | undefined): { retry?: HTTPRouteRetry; perTry?: string } {
  if (retries === undefined) return {};
  const attempts = retries.number('attempts') ?? 0;
  const perTry = durationField(retries, 'perTryTimeout');
  const backoff = durationField(retries, 'backoff');
  const retryOn = retries.text('retryOn');
  retries.lostIfThere({
    retryRemoteLocalities: 'where a retry goes is for the balancer to decide',
    retryIgnorePreviousHosts: 'where a retry goes is for the balancer to decide',
  });
  retries.rest();
  const codes = codesOf(retryOn ?? RETRY_ON_DEFAULT, retryOn !== undefined, retries);
  const retry: HTTPRouteRetry = {
    ...(codes.length === 0 || attempts === 0 ? {} : { codes }),
    attempts,
    ...(backoff === undefined ? {} : { backoff }),
  };
  return { retry, ...(perTry === undefined ? {} : { perTry }) };
}

function codesOf(retryOn: string, isWritten: boolean, retries: Fields): number[] {
  const codes = new Set<number>();
  const at = retries.at('retryOn');
  for (const word of retryOn.split(',').map((text) => text.trim())) {
    const number = Number(word);
    if (CONNECTION.has(word) || word === '') continue;
    if (word === '5xx') {
      retries.notes.differs(at, `5xx: only ${CODES['5xx']?.join(', ') ?? ''} are retried`);
    }
    if (CODES[word] !== undefined) for (const code of CODES[word]) codes.add(code);
    else if (Number.isInteger(number) && number >= 400 && number <= 599) codes.add(number);
    else if (isWritten) retries.notes.lost(at, `retries have no condition ${word}`);
  }
  return [...codes].sort((a, b) => a - b);
}
