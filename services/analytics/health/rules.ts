import type { Health } from '#contracts/api/health.ts';

/** What is known of calls of one service or edge in the last minutes, and of the hour before. */
export interface Sight {
  /** From the callers' side: what their users felt. */
  requests: number;
  errors: number;
  retries: number;
  p99Ms: number;
  /** What the callees saw of them; undefined: nothing tells. */
  own: { requests: number; errors: number } | undefined;
  /** The hour before. */
  before: { requests: number; p99Ms: number };
  /**
   * Of the proxies that would tell of traffic: how many there are and how many were heard of
   * lately; those that ended with a goodbye are in neither.
   */
  proxies: { known: number; heard: number };
}

/** Minutes that are judged. */
export const WINDOW_MINUTES = 5;
/** Fewer requests than this say little; only when most of them fail is that something. */
export const REQUESTS_MIN = 20;
const FEW_ERRORS_MIN = 3;
const FEW_ERROR_SHARE = 0.5;
export const FAILING_SHARE = 0.05;
export const DEGRADED_SHARE = 0.01;
export const RETRY_SHARE = 0.1;
/** Slower than so many times the hour before, if that had enough requests, and by so much. */
export const SLOWER_TIMES = 3;
const SLOWER_MS = 50;
const BEFORE_REQUESTS_MIN = 200;
/** A difference between both ends that is no rounding. */
const ON_THE_WAY_SHARE = 0.5;

interface Rule {
  rule: Health['rule'];
  state: Health['state'];
  /** What makes it true, in numbers; undefined: it is not. */
  says(sight: Sight): string | undefined;
}

/** The first that holds decides. */
const RULES: readonly Rule[] = [
  {
    rule: 'silent',
    state: 'no_data',
    says: ({ requests, proxies }) =>
      requests === 0 && proxies.known > 0 && proxies.heard === 0
        ? `nothing was heard from ${proxies.known === 1 ? 'its proxy' : proxiesText(proxies)}`
        : undefined,
  },
  {
    rule: 'no_requests',
    state: 'no_traffic',
    says: ({ requests }) =>
      requests === 0 ? `no calls in the last ${WINDOW_MINUTES} min` : undefined,
  },
  {
    rule: 'few_requests',
    state: 'degraded',
    says: ({ requests, errors }) =>
      requests < REQUESTS_MIN && errors >= FEW_ERRORS_MIN && errors >= requests * FEW_ERROR_SHARE
        ? `${errors} of ${requests} calls failed, which are too few for more`
        : undefined,
  },
  {
    rule: 'few_requests',
    state: 'healthy',
    says: ({ requests }) =>
      requests < REQUESTS_MIN
        ? `${requests} calls in the last ${WINDOW_MINUTES} min are too few to judge`
        : undefined,
  },
  { rule: 'errors', state: 'failing', says: (sight) => errorsIn(sight, FAILING_SHARE) },
  { rule: 'errors', state: 'degraded', says: (sight) => errorsIn(sight, DEGRADED_SHARE) },
  {
    rule: 'latency',
    state: 'degraded',
    says: ({ p99Ms, before }) =>
      before.requests >= BEFORE_REQUESTS_MIN &&
      p99Ms >= before.p99Ms * SLOWER_TIMES &&
      p99Ms >= before.p99Ms + SLOWER_MS
        ? `p99 is ${text(p99Ms)} ms, and was ${text(before.p99Ms)} ms in the hour before; ` +
          `${SLOWER_TIMES} times as long is degraded`
        : undefined,
  },
  {
    rule: 'retries',
    state: 'degraded',
    says: ({ requests, retries }) =>
      retries >= requests * RETRY_SHARE
        ? `callers tried again ${retries} times for ${requests} calls; ` +
          `${percent(RETRY_SHARE)} is degraded`
        : undefined,
  },
  {
    rule: 'none',
    state: 'healthy',
    says: ({ requests, errors, p99Ms }) =>
      `${requests} calls, ${percent(errors / requests)} failed, p99 ${text(p99Ms)} ms`,
  },
];

/** How it is, by which rule, and the numbers that made it true. */
export function healthOf(sight: Sight): Health {
  for (const { rule, state, says } of RULES) {
    const message = says(sight);
    if (message !== undefined) return { state, rule, message };
  }
  throw new Error('the last rule holds always');
}

function errorsIn({ requests, errors, own }: Sight, least: number): string | undefined {
  if (errors < requests * least) return undefined;
  const words =
    `${percent(errors / requests)} of ${requests} calls failed; ` +
    `${percent(least)} is ${least === FAILING_SHARE ? 'failing' : 'degraded'}`;
  if (own === undefined || own.errors > errors * ON_THE_WAY_SHARE) return words;
  // Refused, timed out or broken off: what the callee answered was good.
  return `${words}; of its own answers ${own.errors} of ${own.requests} failed, so look between`;
}

const proxiesText = ({ known }: Sight['proxies']): string => `any of its ${known} proxies`;
const text = (ms: number): string => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0));
const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;

/** The worst first, for lists. */
export const STATES = ['failing', 'degraded', 'no_data', 'no_traffic', 'healthy'] as const;
