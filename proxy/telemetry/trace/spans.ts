import { REASONS, type Reason } from '#contracts/reasons.ts';
import type { Exchange } from '../../exchange.ts';
import type { Shown } from '../access/shown.ts';

/**
 * What is kept of an exchange for its span, in this order: flat, so that a batch crosses to the
 * shipper thread as one array.
 */
export const SPAN_FIELDS = [
  'traceId',
  'spanId',
  'parentId',
  'state',
  'startUs',
  'endUs',
  'status',
  'reason',
  'method',
  'host',
  'port',
  'path',
  'pathTemplate',
  'protocol',
  'clientAddress',
  'direction',
  'route',
  'backend',
  'endpoint',
  'consumer',
  'source',
  'destination',
  'requestId',
  'revision',
  'retries',
  /** Empty: a connection whose bytes are not read. */
  'scheme',
] as const;

export type SpanField = (typeof SPAN_FIELDS)[number];

/** Sampled by the head of the trace, or an error, which is always kept. */
export function keepsSpan(exchange: Exchange): boolean {
  return exchange.trace.sampled || isError(exchange.status, exchange.reason);
}

/** An answer of 5xx, or none because the upstream or the proxy failed: not what clients do. */
export function isError(status: number, reason: string): boolean {
  if (status >= 500) return true;
  if (status !== 0) return false;
  return reason === 'upstream_aborted' || (REASONS[reason as Reason]?.status ?? 0) >= 500;
}

export function pushSpan(
  fields: (string | number)[],
  exchange: Exchange,
  durationUs: number,
  shown: Pick<Shown, 'path' | 'clientAddress'>,
): void {
  const { request, trace, snapshot, arrivedAtUs } = exchange;
  fields.push(
    trace.traceId,
    trace.spanId,
    trace.parentId,
    trace.state,
    arrivedAtUs,
    arrivedAtUs + durationUs,
    exchange.status,
    exchange.reason,
    request.method,
    request.host,
    request.port ?? 0,
    shown.path,
    exchange.pathTemplate,
    request.protocol,
    shown.clientAddress,
    request.direction,
    exchange.route,
    exchange.backend,
    exchange.endpoint,
    exchange.consumer,
    exchange.source,
    exchange.destination,
    exchange.requestId,
    `${snapshot.revision.epoch}-${snapshot.revision.sequence}`,
    exchange.retries,
    request.isStream === true ? '' : (request.scheme ?? 'http'),
  );
}
