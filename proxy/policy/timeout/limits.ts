import type { AttemptLimits, Exchange } from '../../exchange.ts';
import type { BackendTls } from '../../upstream/settings.ts';
import {
  CONNECT_DEFAULT_MS,
  RESPONSE_HEAD_DEFAULT_MS,
  type RouteTimeouts,
  type ServiceTimeouts,
  TIMER_MAX_MS,
} from './config.ts';

/**
 * A proxy of the mesh that calls watches its own time-outs. Where it sends none along that bounds
 * the whole, this side only keeps a hung application from holding a request for ever.
 */
const INBOUND_HEAD_MS = 300_000;

/**
 * A stream of gRPC has its head with its first message, so where it does not say how long it may
 * take it waits for that as long as for any other.
 */
const GRPC_HEAD_MS = 300_000;

/** What a request says of its own time. */
type OwnTime = Pick<Exchange, 'isGrpc' | 'deadlineMs'>;

const SAYS_NOTHING: OwnTime = { isGrpc: false, deadlineMs: Number.POSITIVE_INFINITY };

/**
 * How long the response head of one try may take. What the route says of a try comes first, then
 * what the Service's TrafficPolicy says; a route that bounds only the whole request leaves the try
 * that long.
 */
export function headTimeoutMs(
  route: RouteTimeouts,
  service: ServiceTimeouts,
  own = SAYS_NOTHING,
): number {
  if (route.backendRequestMs !== undefined) return route.backendRequestMs;
  if (service.responseHeadMs !== undefined) return service.responseHeadMs;
  if (route.requestMs !== undefined) return Number.POSITIVE_INFINITY;
  return headDefaultMs(own);
}

/** Towards the sidecar's own application. Infinity: what is left of the exchange is the limit. */
export function inboundHeadTimeoutMs(
  service: ServiceTimeouts,
  fromMesh: boolean,
  own = SAYS_NOTHING,
): number {
  if (fromMesh && own.deadlineMs !== Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  const leastMs = fromMesh ? INBOUND_HEAD_MS : (service.responseHeadMs ?? 0);
  return Math.max(headDefaultMs(own), leastMs);
}

/** A call of gRPC that has a deadline is held to that alone, which `attemptLimits` looks after. */
function headDefaultMs({ isGrpc, deadlineMs }: OwnTime): number {
  if (!isGrpc) return RESPONSE_HEAD_DEFAULT_MS;
  return deadlineMs === Number.POSITIVE_INFINITY ? GRPC_HEAD_MS : Number.POSITIVE_INFINITY;
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
