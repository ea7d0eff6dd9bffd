import Type, { type Static } from 'typebox';

/** The HTTP API of `services/alerting`. */
/**
 * `pending`: the shortest window of a policy burns too fast, and not yet long enough, or with too
 * few requests, to fire. `no_traffic`: there is data, and none of it is of these requests.
 * `no_data`: nothing that is recent has come in, so that nobody knows.
 */
export type AlertState = 'ok' | 'pending' | 'firing' | 'no_traffic' | 'no_data';

export interface SloStatus {
  /** `namespace/name`. */
  slo: string;
  service: string;
  displayName: string;
  target: number;
  windowMs: number;
  /** RFC 3339: when a window of the calendar ends, and its budget is whole again. */
  windowEndsAt?: string;
  /** Requests, or slices of time where those are what is promised. */
  good: number;
  total: number;
  /** good ÷ total over the whole window; absent without traffic. */
  ratio?: number;
  /** Share of the error budget that is left: 1 untouched, 0 used up, negative when overdrawn. */
  budgetLeft: number;
  /** When it burns on as in the longest window of its policies; absent when none of it burns. */
  exhaustedInMs?: number;
  burnRates: {
    policy: string;
    condition: string;
    windowMs: number;
    rate: number;
    threshold: number;
  }[];
  state: AlertState;
  evaluatedAt: string;
  /** RFC 3339: end of the newest rollup step that the numbers include; absent without any data. */
  dataUntil?: string;
  /** What keeps it from being evaluated or notified as written, one sentence each. */
  problems?: string[];
}

export interface SloList {
  items: SloStatus[];
}

/** `POST /v1/slos/test`: when an SLO, applied or not, would have fired. */
export const SloTestRequest = Type.Object(
  {
    /** The resource, as `apply` takes it. */
    slo: Type.Unknown(),
    /** RFC 3339; cut to whole minutes. */
    since: Type.String({ format: 'date-time' }),
    /** Absent: up to what is stored now. */
    until: Type.Optional(Type.String({ format: 'date-time' })),
  },
  { additionalProperties: false },
);
export type SloTestRequest = Static<typeof SloTestRequest>;

export interface SloTest {
  slo: string;
  /** What was played, and in which steps. */
  from: string;
  until: string;
  stepMs: number;
  /** Over the whole period, whatever the objective's own window is. */
  good: number;
  total: number;
  ratio?: number;
  budgetLeft: number;
  /** In the order of their beginnings. */
  alerts: SloTestAlert[];
}

export interface SloTestAlert {
  policy: string;
  severity: string;
  startedAt: string;
  /** Absent: it fires still at the end. */
  resolvedAt?: string;
  /** The highest burn rate in any of its windows while it fired. */
  highestRate: number;
}

/** `GET /v1/slos/{namespace}/{name}/history`. */
export const BudgetHistoryQuery = Type.Object(
  {
    since: Type.String({ format: 'date-time' }),
    until: Type.Optional(Type.String({ format: 'date-time' })),
    /** At how many moments, evenly spread; fewer where they are less than a minute apart. */
    points: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })),
  },
  { additionalProperties: false },
);
export type BudgetHistoryQuery = Static<typeof BudgetHistoryQuery>;

export interface BudgetHistory {
  slo: string;
  target: number;
  /** Oldest first; each over the objective's window as it was at that time. */
  items: { time: string; good: number; total: number; ratio?: number; budgetLeft: number }[];
}

/** One alert of one policy of one SLO; the body of a webhook is `AlertNotification`. */
export interface Alert {
  /** Stable through firing and resolved. */
  id: string;
  slo: string;
  service: string;
  policy: string;
  severity: string;
  state: 'firing' | 'resolved';
  startedAt: string;
  resolvedAt?: string;
  summary: string;
}

export interface AlertList {
  items: Alert[];
}

export interface AlertNotification {
  version: 1;
  mesh: string;
  /** Differs between the firing and the resolved notification, equal on every retry of one. */
  notificationId: string;
  alert: Alert;
  objective: { displayName: string; target: number };
  burnRates: SloStatus['burnRates'];
}
