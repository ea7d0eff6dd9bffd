import { HEADERS } from '#contracts/headers.ts';
import type { Endpoint } from '#contracts/events.ts';
import type { Exchange } from '../exchange.ts';
import { GRPC_TIMEOUT, formatGrpcTimeout } from '../grpc/timeout.ts';
import type { HeaderList } from '../headers.ts';
import type { UpstreamRequest } from './upstream.ts';

const WITH_BODY_BY_DEFAULT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * Whether a try is made over HTTP/2. gRPC knows nothing else. To another proxy of the mesh HTTP/1.1
 * is the cheaper hop, whatever the application behind it speaks.
 */
export function speaksHttp2(exchange: Exchange, endpoint: Endpoint): boolean {
  return exchange.isGrpc || (exchange.isHttp2Backend && endpoint.proxy === '');
}

/** The request of one try, made at `nowMs` on the monotonic clock. */
export function upstreamRequest(
  exchange: Exchange,
  endpoint: Endpoint,
  nowMs: number,
): UpstreamRequest {
  const { request: view, upstreamPath: path = view.path, isGrpc } = exchange;
  return {
    method: view.method,
    target: view.query === '' ? path : path + view.query,
    headers: headersOf(exchange, endpoint, nowMs),
    hasBody: view.hasBody,
    isChunked: view.hasBody && !view.headers.has('content-length'),
    upgrade: view.upgrade,
    isGrpc,
  };
}

/** What a try adds to the headers that were decided: framing and, in the mesh, time. */
function headersOf(exchange: Exchange, endpoint: Endpoint, nowMs: number): HeaderList {
  const { request: view, upstreamHeaders: headers, deadlineMs } = exchange;
  if (!view.hasBody && WITH_BODY_BY_DEFAULT.has(view.method) && !headers.has('content-length')) {
    headers.add('content-length', '0');
  }
  headers.remove(HEADERS.hop);
  headers.remove(HEADERS.timeout);
  const toProxy = endpoint.proxy !== '' && view.direction !== 'inbound';
  if (toProxy) headers.add(HEADERS.hop, '1');
  const leftMs = deadlineMs - nowMs;
  if (!Number.isFinite(leftMs)) return headers;
  if (exchange.isGrpc) headers.set(GRPC_TIMEOUT, formatGrpcTimeout(leftMs));
  else if (toProxy) headers.add(HEADERS.timeout, String(Math.max(1, Math.floor(leftMs))));
  return headers;
}
