import type { RecordColumn } from '#contracts/record.ts';
import type { Exchange } from '../../exchange.ts';
import type { TelemetryIdentity } from '../types.ts';

const NO_GRPC_STATUS = -1;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const TILDE = 0x7e;

/**
 * A record as a line of JSON with every column, in their order. Written out by hand: every request
 * pays for it, and `JSON.stringify` costs three times as much.
 */
export class AccessLines {
  /** What is the same in every line, in the two places where it stands. */
  readonly #identity: string;
  readonly #workload: string;
  #second = -1;
  /** `2026-11-25T17:00:00.` of that second. */
  #secondText = '';

  constructor(identity: TelemetryIdentity) {
    const { proxy, instance, worker, role, workload, zone } = identity;
    this.#identity = membersOf({ proxy, instance, worker, role });
    this.#workload = membersOf({ workload, zone });
  }

  /** Without a line end. */
  lineOf(exchange: Exchange, durationUs: number, userAgent: string): string {
    const { request, trace, snapshot } = exchange;
    const { revision } = snapshot;
    return (
      `{"time":"${this.#time(exchange.arrivedAtUs)}","request_id":${quoted(exchange.requestId)}` +
      `,"trace_id":"${trace.traceId}","span_id":"${trace.spanId}",${this.#identity}` +
      `,"direction":"${request.direction}",${this.#workload}` +
      `,"log_epoch":${revision.epoch},"revision":${revision.sequence}` +
      `,"consumer":${quoted(exchange.consumer)}` +
      `,"client_address":${quoted(request.clientAddress)}` +
      `,"source":${quoted(exchange.source)},"destination":${quoted(exchange.destination)}` +
      `,"listener":${quoted(request.listener)},"route":${quoted(exchange.route)}` +
      `,"rule":${quoted(exchange.rule)},"backend":${quoted(exchange.backend)}` +
      `,"endpoint":${quoted(exchange.endpoint)},"method":${quoted(request.method)}` +
      `,"host":${quoted(request.host)},"path_template":${quoted(exchange.pathTemplate)}` +
      `,"path":${quoted(request.path)},"protocol":${quoted(request.protocol)}` +
      `,"user_agent":${quoted(userAgent)},"status":${exchange.status}` +
      `,"grpc_status":${NO_GRPC_STATUS},"reason":"${exchange.reason}"` +
      `,"retries":${exchange.retries},"retry_reason":${quoted(exchange.retryReason)}` +
      `,"ejected":${exchange.ejected ? 1 : 0},"fallback":0,"mirrored":0` +
      `,"bytes_in":${exchange.bytesIn},"bytes_out":${exchange.bytesOut}` +
      `,"duration_us":${durationUs},"ttfb_us":${micros(exchange.ttfbMs)}` +
      `,"queue_us":${micros(exchange.queueMs)},"connect_us":${micros(exchange.connectMs)}` +
      `,"upstream_us":${micros(exchange.upstreamMs)},"weight":1}`
    );
  }

  #time(us: number): string {
    const ms = Math.floor(us / 1_000);
    const second = Math.floor(ms / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * 1_000).toISOString().slice(0, -'000Z'.length);
    }
    const rest = ms - second * 1_000;
    const zeros = rest < 10 ? '00' : rest < 100 ? '0' : '';
    return `${this.#secondText}${zeros}${rest}Z`;
  }
}

function membersOf(columns: Partial<Record<RecordColumn, string | number>>): string {
  return JSON.stringify(columns).slice(1, -1);
}

function micros(ms: number): number {
  return Math.floor(ms * 1_000);
}

/** As JSON; nearly every text is plain, and then there is nothing to escape. */
function quoted(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < SPACE || code > TILDE || code === QUOTE || code === BACKSLASH) {
      return JSON.stringify(text);
    }
  }
  return `"${text}"`;
}
