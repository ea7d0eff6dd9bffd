/** How services and edges of the graph are: `GET /v1/health`, and within `GET /v1/graph`. */
import type { Freshness } from './analytics.ts';

export interface Health {
  /**
   * `no_traffic`: its proxies tell that nobody called. `no_data`: they tell nothing, so nobody
   * knows.
   */
  state: 'healthy' | 'degraded' | 'failing' | 'no_traffic' | 'no_data';
  /** Which rule decided it. */
  rule: 'silent' | 'no_requests' | 'few_requests' | 'errors' | 'latency' | 'retries' | 'none';
  /** Why, in one sentence with the numbers. */
  message: string;
}

/** What the callees themselves saw: shown beside the callers' view, never added to it. */
export interface OwnView {
  requests: number;
  errors: number;
}

export interface ServiceHealth extends Health {
  service: string;
  requests: number;
  errors: number;
  retries: number;
  p99Ms: number;
  /** Absent where no sidecar tells. */
  own?: OwnView;
}

/** The worst first. */
export interface HealthResponse {
  from: string;
  to: string;
  items: ServiceHealth[];
  freshness: Freshness;
}
