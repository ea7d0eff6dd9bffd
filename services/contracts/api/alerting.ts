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
