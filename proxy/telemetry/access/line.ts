import type { Exchange } from '../../exchange.ts';
import type { TelemetryIdentity } from '../types.ts';
import { LineShapes } from './line-shapes.ts';
import type { Shown } from './shown.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const TILDE = 0x7e;

/**
 * A record as a line of JSON with every column. Every request pays for it, so what requests have
 * in common is turned into text once, and the rest is written out by hand.
 */
export class AccessLines {
  readonly #shapes: LineShapes;
  #second = -1;
  /** `2026-11-25T17:00:00.` of that second. */
  #secondText = '';

  constructor(identity: TelemetryIdentity) {
    this.#shapes = new LineShapes(identity);
  }

  /** Without a line end. */
  lineOf(exchange: Exchange, durationUs: number, userAgent: string, shown: Shown): string {
    const { trace } = exchange;
    return (
      `{"time":"${this.#time(exchange.arrivedAtUs)}","request_id":${quoted(exchange.requestId)},` +
      `"trace_id":"${trace.traceId}","span_id":"${trace.spanId}",` +
      `"client_address":${quoted(shown.clientAddress)},"path":${quoted(shown.path)},` +
      `${this.#shapes.textOf(exchange, userAgent)},"bytes_in":${exchange.bytesIn},` +
      `"bytes_out":${exchange.bytesOut},"duration_us":${durationUs},` +
      `"ttfb_us":${micros(exchange.ttfbMs)},"queue_us":${micros(exchange.queueMs)},` +
      `"connect_us":${micros(exchange.connectMs)},"upstream_us":${micros(exchange.upstreamMs)},` +
      `"weight":${shown.weight},"fields":${fieldsText(shown.fields)}}`
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

function fieldsText(fields: readonly string[]): string {
  if (fields.length === 0) return '{}';
  const pairs: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    pairs.push(`${quoted(fields[i] ?? '')}:${quoted(fields[i + 1] ?? '')}`);
  }
  return `{${pairs.join(',')}}`;
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
