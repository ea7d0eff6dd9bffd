/** One endpoint as the admin port and `explain` show it. */
export interface EndpointView {
  /** `namespace/name`. */
  service: string;
  address: string;
  port: number;
  /** The proxy that announced it; empty for a declared one. */
  proxy: string;
  zone: string;
  state: 'healthy' | 'ejected';
  /** Until when it is ejected, ms from now; 0 when it is not. */
  ejectedForMs: number;
  /** Requests in flight towards it from this worker. */
  inFlight: number;
  consecutiveErrors: number;
}
