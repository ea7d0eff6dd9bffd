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
  /** Requests in flight towards it, of all workers where several are seen together. */
  inFlight: number;
  consecutiveErrors: number;
}

/**
 * What several workers see of the same endpoints as one list: each judges by itself, and what one
 * of them has ejected is shown as ejected.
 */
export function mergeViews(views: readonly (readonly EndpointView[])[]): EndpointView[] {
  const merged = new Map<string, EndpointView>();
  for (const view of views.flat()) {
    const key = `${view.service} ${view.address} ${view.port}`;
    const before = merged.get(key);
    if (before === undefined) {
      merged.set(key, view);
      continue;
    }
    merged.set(key, {
      ...before,
      state: before.state === 'ejected' ? 'ejected' : view.state,
      ejectedForMs: Math.max(before.ejectedForMs, view.ejectedForMs),
      inFlight: before.inFlight + view.inFlight,
      consecutiveErrors: Math.max(before.consecutiveErrors, view.consecutiveErrors),
    });
  }
  return [...merged.values()];
}
