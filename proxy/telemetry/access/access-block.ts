import {
  PLAIN_RECORD_SCHEMA,
  RECORD_COLUMNS,
  RECORD_SCHEMA,
  recordColumns,
} from '#contracts/record.ts';
import { NO_REVISION } from '#contracts/revision.ts';
import type { Exchange } from '../../exchange.ts';
import { BLOCK_BYTES_MAX, BLOCK_ROWS_MAX } from '../limits.ts';
import { NativeBlock, fixedBytesOf } from '../native/block.ts';
import type { ClosedBlock } from '../shipper/protocol.ts';
import type { TelemetryIdentity } from '../types.ts';
import type { Shown } from './shown.ts';

const FIXED_BYTES = fixedBytesOf(RECORD_COLUMNS);
const PLAIN_COLUMNS = recordColumns(PLAIN_RECORD_SCHEMA)?.length;

/** The open block of records: each exchange goes straight into its columns. */
export class AccessBlock {
  readonly #block = new NativeBlock(RECORD_COLUMNS, BLOCK_ROWS_MAX);
  readonly #identity: TelemetryIdentity;
  #rows = 0;
  #skipped = 0;
  #bytes = 0;
  #epoch = NO_REVISION.epoch;
  #minTs = 0;
  #maxTs = 0;

  constructor(identity: TelemetryIdentity) {
    this.#identity = identity;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Log epoch of the rows added last. */
  get epoch(): number {
    return this.#epoch;
  }

  get full(): boolean {
    return this.#rows >= BLOCK_ROWS_MAX || this.#bytes >= BLOCK_BYTES_MAX;
  }

  /** A block holds rows of one log epoch only, which its header names. */
  fits(exchange: Exchange): boolean {
    return this.#rows === 0 || exchange.snapshot.revision.epoch === this.#epoch;
  }

  /** A request whose record is not kept is counted with the block. */
  skip(): void {
    this.#skipped++;
  }

  add(exchange: Exchange, durationUs: number, userAgent: string, shown: Shown): void {
    const { columns: c } = this.#block;
    const { request, trace, snapshot } = exchange;
    this.#begin(exchange);
    c.time.push(exchange.arrivedAtUs);
    // Empty for a request that has the name of its trace: see REQUEST_ID_SQL.
    const { requestId } = exchange;
    let bytes = c.request_id.push(requestId === trace.traceId ? '' : requestId);
    bytes += c.trace_id.push(trace.traceId);
    bytes += c.span_id.push(trace.spanId);
    bytes += c.direction.push(request.direction);
    c.revision.push(snapshot.revision.sequence);
    bytes += c.consumer.push(exchange.consumer);
    bytes += c.client_address.push(shown.clientAddress);
    bytes += c.source.push(exchange.source);
    bytes += c.destination.push(exchange.destination);
    bytes += c.listener.push(request.listener);
    bytes += c.route.push(exchange.route);
    bytes += c.rule.push(exchange.rule);
    bytes += c.backend.push(exchange.backend);
    bytes += c.endpoint.push(exchange.endpoint);
    bytes += c.method.push(request.method);
    bytes += c.host.push(request.host);
    bytes += c.path_template.push(exchange.pathTemplate);
    bytes += c.path.push(shown.path);
    bytes += c.protocol.push(request.protocol);
    bytes += c.user_agent.push(userAgent);
    bytes += c.reason.push(exchange.reason);
    bytes += c.retry_reason.push(exchange.retryReason);
    c.weight.push(shown.weight);
    if (shown.fields.length > 0) bytes += c.fields.push(this.#rows, shown.fields);
    this.#addNumbers(exchange, durationUs);
    this.#rows++;
    this.#bytes += bytes + FIXED_BYTES;
  }

  /**
   * Closes the block, if it has a row or was to count one that was not kept, and opens the next.
   * `nowMs`: wall clock.
   */
  take(nowMs: number): ClosedBlock | undefined {
    const rows = this.#rows;
    const skipped = this.#skipped;
    if (rows + skipped === 0) return undefined;
    this.#rows = 0;
    this.#bytes = 0;
    this.#skipped = 0;
    const logEpoch = this.#epoch;
    if (rows === 0) {
      const schema = PLAIN_RECORD_SCHEMA;
      const times = { minTs: nowMs, maxTs: nowMs };
      return { schema, rows, skipped, logEpoch, ...times, bytes: new Uint8Array(0) };
    }
    this.#fillIn(rows);
    const { fields } = this.#block.columns;
    const isPlain = fields.empty;
    if (!isPlain) fields.endRows(rows);
    return {
      schema: isPlain ? PLAIN_RECORD_SCHEMA : RECORD_SCHEMA,
      ...{ rows, skipped, logEpoch },
      minTs: Math.floor(this.#minTs),
      maxTs: Math.ceil(this.#maxTs),
      bytes: this.#block.take(rows, isPlain ? PLAIN_COLUMNS : undefined),
    };
  }

  /** Forgets the open block, whatever is in its columns; returns the whole rows it had. */
  discard(): number {
    const rows = this.#rows;
    this.#rows = 0;
    this.#bytes = 0;
    this.#block.take(0);
    return rows;
  }

  #begin(exchange: Exchange): void {
    const ts = exchange.arrivedAtUs / 1_000;
    if (this.#rows === 0) {
      this.#epoch = exchange.snapshot.revision.epoch;
      this.#minTs = ts;
      this.#maxTs = ts;
    } else if (ts < this.#minTs) this.#minTs = ts;
    else if (ts > this.#maxTs) this.#maxTs = ts;
  }

  /** What is the same in every row of the block. */
  #fillIn(rows: number): void {
    const { columns: c } = this.#block;
    const { proxy, instance, worker, role, workload, zone } = this.#identity;
    c.proxy.fill(proxy, rows);
    c.instance.fill(instance, rows);
    c.worker.fill(worker, rows);
    c.role.fill(role, rows);
    c.workload.fill(workload, rows);
    c.zone.fill(zone, rows);
    c.log_epoch.fill(this.#epoch, rows);
    c.fallback.fill(0, rows);
  }

  #addNumbers(exchange: Exchange, durationUs: number): void {
    const { columns: c } = this.#block;
    c.status.push(exchange.status);
    c.grpc_status.push(exchange.grpcStatus);
    c.retries.push(exchange.retries);
    c.ejected.push(exchange.ejected ? 1 : 0);
    c.mirrored.push(exchange.mirrored);
    c.bytes_in.push(exchange.bytesIn);
    c.bytes_out.push(exchange.bytesOut);
    c.duration_us.push(durationUs);
    c.ttfb_us.push(exchange.ttfbMs * 1_000);
    c.queue_us.push(exchange.queueMs * 1_000);
    c.connect_us.push(exchange.connectMs * 1_000);
    c.upstream_us.push(exchange.upstreamMs * 1_000);
  }
}
