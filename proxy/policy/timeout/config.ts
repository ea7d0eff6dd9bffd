/** `timeouts` of an HTTPRoute rule (GEP-1742); undefined: not said; Infinity: `0s`, no limit. */
export interface RouteTimeouts {
  readonly requestMs: number | undefined;
  readonly backendRequestMs: number | undefined;
}

/** `timeouts` of a TrafficPolicy; undefined: not said. */
export interface ServiceTimeouts {
  readonly connectMs: number;
  readonly responseHeadMs: number | undefined;
}

/** The longest that Node's timers take; a longer one would fire at once. */
export const TIMER_MAX_MS = 2_147_483_647;
export const CONNECT_DEFAULT_MS = 5_000;
export const RESPONSE_HEAD_DEFAULT_MS = 15_000;

export const NO_ROUTE_TIMEOUTS: RouteTimeouts = Object.freeze({
  requestMs: undefined,
  backendRequestMs: undefined,
});
export const SERVICE_TIMEOUTS_DEFAULT: ServiceTimeouts = Object.freeze({
  connectMs: CONNECT_DEFAULT_MS,
  responseHeadMs: undefined,
});
