import type { RecordColumn } from '#contracts/record.ts';
import type { Exchange } from '#proxy/exchange.ts';
import type { TelemetryIdentity } from '#proxy/telemetry/index.ts';

export type RecordRow = Record<Exclude<RecordColumn, 'fields'>, string | number> & {
  fields: Record<string, string>;
};

/** A record as an object: what the access log's lines and the block's columns have to say. */
export function rowOf(
  identity: TelemetryIdentity,
  exchange: Exchange,
  durationUs: number,
  userAgent: string,
): RecordRow {
  const { request, trace, snapshot } = exchange;
  return {
    time: new Date(exchange.arrivedAtUs / 1_000).toISOString(),
    request_id: exchange.requestId,
    trace_id: trace.traceId,
    span_id: trace.spanId,
    proxy: identity.proxy,
    instance: identity.instance,
    worker: identity.worker,
    role: identity.role,
    direction: request.direction,
    workload: identity.workload,
    zone: identity.zone,
    log_epoch: snapshot.revision.epoch,
    revision: snapshot.revision.sequence,
    consumer: exchange.consumer,
    client_address: request.clientAddress,
    source: exchange.source,
    destination: exchange.destination,
    listener: request.listener,
    route: exchange.route,
    rule: exchange.rule,
    backend: exchange.backend,
    endpoint: exchange.endpoint,
    method: request.method,
    host: request.host,
    path_template: exchange.pathTemplate,
    path: request.path,
    protocol: request.protocol,
    user_agent: userAgent,
    status: exchange.status,
    grpc_status: exchange.grpcStatus,
    reason: exchange.reason,
    retries: exchange.retries,
    retry_reason: exchange.retryReason,
    ejected: exchange.ejected ? 1 : 0,
    fallback: 0,
    mirrored: 0,
    bytes_in: exchange.bytesIn,
    bytes_out: exchange.bytesOut,
    duration_us: durationUs,
    ttfb_us: Math.floor(exchange.ttfbMs * 1_000),
    queue_us: Math.floor(exchange.queueMs * 1_000),
    connect_us: Math.floor(exchange.connectMs * 1_000),
    upstream_us: Math.floor(exchange.upstreamMs * 1_000),
    weight: 1,
    fields: {},
  };
}
