import type { AttemptLimits } from '../../exchange.ts';
import type { BackendTls } from '../../upstream/settings.ts';
import {
  CONNECT_DEFAULT_MS,
  RESPONSE_HEAD_DEFAULT_MS,
  type RouteTimeouts,
  type ServiceTimeouts,
  TIMER_MAX_MS,
} from './config.ts';

/**
 * A proxy of the mesh that calls watches its own time-outs, which this side does not know: it only
 * keeps a hung application from holding a request for ever.
 */
const INBOUND_HEAD_MS = 300_000;

/**
 * A call of gRPC says itself how long it may take. A stream that says nothing has its head with its
 * first message, so it waits for that as long as for any other.
 */
const GRPC_HEAD_MS = 300_000;

/**
 * How long the response head of one try may take. What the route says of a try comes first, then
 * what the Service's TrafficPolicy says; a route that bounds only the whole request leaves the try
 * that long.
 */
export function headTimeoutMs(
  route: RouteTimeouts,
  service: ServiceTimeouts,
  isGrpc = false,
): number {
  if (route.backendRequestMs !== undefined) return route.backendRequestMs;
  if (service.responseHeadMs !== undefined) return service.responseHeadMs;
  if (route.requestMs !== undefined) return Number.POSITIVE_INFINITY;
  return isGrpc ? GRPC_HEAD_MS : RESPONSE_HEAD_DEFAULT_MS;
}

/** Towards the sidecar's own application. */
export function inboundHeadTimeoutMs(
  service: ServiceTimeouts,
  fromMesh: boolean,
  isGrpc = false,
): number {
  if (fromMesh) return INBOUND_HEAD_MS;
  const headMs = isGrpc ? GRPC_HEAD_MS : RESPONSE_HEAD_DEFAULT_MS;
  return Math.max(headMs, service.responseHeadMs ?? 0);
}

/** Limits of one try, within what is left of the exchange; and how its connection is secured. */
export function attemptLimits(
  headMs: number,
  connectMs: number | undefined,
  remainingMs: number,
  tls?: BackendTls,
): AttemptLimits {
  const headTimeoutMs = Math.max(1, Math.min(headMs, remainingMs, TIMER_MAX_MS));
  return {
    connectTimeoutMs: Math.min(connectMs ?? CONNECT_DEFAULT_MS, headTimeoutMs),
    headTimeoutMs,
    tls,
  };
}
