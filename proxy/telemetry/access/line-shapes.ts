import type { Exchange } from '../../exchange.ts';
import { Recent } from '../recent.ts';
import type { TelemetryIdentity } from '../types.ts';

/** So many shapes are remembered, about 1 KB each. */
const SHAPES_BITS = 12;

/** What a line says that many requests have in common; the columns' names. */
type Shape = ReturnType<typeof shapeOf>;

interface Remembered {
  readonly shape: Shape;
  /** Members of a JSON object, without its braces. */
  readonly text: string;
}

/** The part of the access log's lines that follows from what was decided: made once for each. */
export class LineShapes {
  readonly #identity: Omit<TelemetryIdentity, 'mesh'>;
  readonly #remembered = new Recent<Remembered>(SHAPES_BITS, isOf);

  constructor({ proxy, instance, worker, role, workload, zone }: TelemetryIdentity) {
    this.#identity = { proxy, instance, worker, role, workload, zone };
  }

  textOf(exchange: Exchange, userAgent: string): string {
    const found = this.#remembered.find(exchange, userAgent);
    if (found !== undefined) return found.text;
    const shape = shapeOf(exchange, userAgent);
    const text = JSON.stringify({ ...this.#identity, ...shape }).slice(1, -1);
    this.#remembered.put(exchange, { shape, text });
    return text;
  }
}

function shapeOf(exchange: Exchange, userAgent: string) {
  const { request, snapshot } = exchange;
  return {
    direction: request.direction,
    log_epoch: snapshot.revision.epoch,
    revision: snapshot.revision.sequence,
    consumer: exchange.consumer,
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
    protocol: request.protocol,
    user_agent: userAgent,
    status: exchange.status,
    grpc_status: exchange.grpcStatus,
    reason: exchange.reason,
    retries: exchange.retries,
    retry_reason: exchange.retryReason,
    ejected: exchange.ejected ? 1 : 0,
    fallback: 0,
    mirrored: exchange.mirrored,
  };
}

function isOf({ shape }: Remembered, exchange: Exchange, userAgent: string): boolean {
  const { request, snapshot } = exchange;
  return (
    shape.route === exchange.route &&
    shape.consumer === exchange.consumer &&
    shape.rule === exchange.rule &&
    shape.status === exchange.status &&
    shape.grpc_status === exchange.grpcStatus &&
    shape.reason === exchange.reason &&
    shape.endpoint === exchange.endpoint &&
    shape.backend === exchange.backend &&
    shape.revision === snapshot.revision.sequence &&
    shape.log_epoch === snapshot.revision.epoch &&
    shape.host === request.host &&
    shape.method === request.method &&
    shape.path_template === exchange.pathTemplate &&
    shape.user_agent === userAgent &&
    shape.retries === exchange.retries &&
    shape.retry_reason === exchange.retryReason &&
    shape.ejected === (exchange.ejected ? 1 : 0) &&
    shape.mirrored === exchange.mirrored &&
    shape.source === exchange.source &&
    shape.destination === exchange.destination &&
    shape.listener === request.listener &&
    shape.protocol === request.protocol &&
    shape.direction === request.direction
  );
}
