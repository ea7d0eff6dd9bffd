/** `timeouts` of an HTTPRoute rule (GEP-1742); undefined: not said; Infinity: `0s`, no limit. */
export interface RouteTimeouts {
  readonly requestMs: number | undefined;
  readonly backendRequestMs: number | undefined;
}

/** `timeouts` of a TrafficPolicy. */
export interface ServiceTimeouts {
  readonly connectMs: number;
  readonly responseHeadMs: number;
}

export const SERVICE_TIMEOUTS_DEFAULT: ServiceTimeouts = Object.freeze({
  connectMs: 5_000,
  responseHeadMs: 15_000,
});
