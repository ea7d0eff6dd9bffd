/** `GET /v1/health` of `services/analytics`, and what `GET /v1/graph` says of health. */
import Type, { type Static } from 'typebox';
import type { Judgement } from '../health/judge.ts';
import { HEALTH_DEFAULTS, type HealthSettings, type Side } from '../health/rules.ts';
import type { Freshness } from './analytics.ts';

const share = (value: number) =>
  Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, default: value }));

/**
 * Thresholds belong to the question and not to the service that answers it: a board that asks
 * nothing special sees what everybody sees, and any other bound can be tried without a restart.
 */
export const HealthQuery = Type.Object(
  {
    /** The end of the window: RFC 3339, or relative to now such as `-1h`; now when absent. */
    at: Type.Optional(Type.String()),
    /** Length of the window in seconds, in whole steps of 10 s. */
    window: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 3_600,
        multipleOf: 10,
        default: HEALTH_DEFAULTS.windowSeconds,
      }),
    ),
    /** Fewer decide nothing. */
    requests: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, default: HEALTH_DEFAULTS.requestsMin }),
    ),
    failing: share(HEALTH_DEFAULTS.failingShare),
    degraded: share(HEALTH_DEFAULTS.degradedShare),
    /** So many times the usual p99. */
    slow: Type.Optional(
      Type.Number({ exclusiveMinimum: 1, maximum: 1_000, default: HEALTH_DEFAULTS.slowFactor }),
    ),
  },
  { additionalProperties: false },
);
export type HealthQuery = Static<typeof HealthQuery>;

export interface HealthNumbers {
  requests: number;
  errors: number;
  errorRate: number;
}

interface Judged {
  health: Judgement;
  /** Whose numbers follow: its callers', its own proxies', or those of the calls that it makes. */
  side: Side;
  numbers: HealthNumbers & { p99Ms: number; usualP99Ms?: number };
  /** What the proxies of the called service saw, of all its callers together. */
  own: HealthNumbers;
  /** Since the newest word of a proxy that would tell of it; an hour at most. */
  silentSeconds: number;
}
/** `name`: `namespace/name`, or `Gateway/namespace/name`. */
export type ServiceHealth = Judged & { name: string };
export type EdgeHealth = Judged & { source: string; destination: string };

/** Of all that had calls in the day before, or live; the worst first. */
export interface HealthResponse {
  from: string;
  to: string;
  settings: HealthSettings;
  services: ServiceHealth[];
  edges: EdgeHealth[];
  freshness: Freshness;
}
