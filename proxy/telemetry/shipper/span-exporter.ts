import type { Clock, Timer } from '#platform/clock.ts';
import { sentenceOf } from '#platform/log.ts';
import { SPANS_WAITING_MAX } from '../limits.ts';
import { otlpBody } from '../trace/otlp.ts';
import { SPAN_FIELDS } from '../trace/spans.ts';
import type { TelemetryIdentity, TelemetryLog } from '../types.ts';
import type { Counters } from './protocol.ts';

export interface SpanExporterOptions {
  identity: TelemetryIdentity;
  /** Base address of the receiver. */
  endpoint: string;
  counters: Counters;
  clock: Clock;
  log: TelemetryLog;
}

interface Batch {
  fields: (string | number)[];
  count: number;
}

const REQUEST_TIMEOUT_MS = 5_000;
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 10_000;
/** Answers after which the same batch may be taken later (OTLP/HTTP specification). */
const RETRYABLE = new Set([429, 502, 503, 504]);

/**
 * Posts batches of spans to an OTLP/HTTP receiver, one after the other. Spans are no accounting:
 * when the receiver is away, the oldest batches go, and a counter tells how many spans.
 */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #url: string;
  #batches: Batch[] = [];
  #waiting = 0;
  #failures = 0;
  #sending: Promise<void> | undefined;
  #pause: { timer: Timer; resume: () => void } | undefined;
  #closing = false;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    this.#url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
  }

  accept(batch: Batch): void {
    const { counters } = this.#options;
    counters.add('spansTaken', batch.count);
    this.#batches.push(batch);
    this.#waiting += batch.count;
    // The first batch may be under way.
    while (this.#waiting > SPANS_WAITING_MAX && this.#batches.length > 1) {
      const [gone] = this.#batches.splice(1, 1);
      this.#settle(gone?.count ?? 0, 'spansDropped');
    }
    this.#start();
  }

  /** Tries once more what waits; what then is left is dropped. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#pause?.timer.cancel();
    this.#pause?.resume();
    await this.#sending;
    for (const { count } of this.#batches) this.#settle(count, 'spansDropped');
    this.#batches = [];
  }

  #start(): void {
    this.#sending ??= this.#run().finally(() => {
      this.#sending = undefined;
      if (this.#batches.length > 0 && !this.#closing) this.#start();
    });
  }

  async #run(): Promise<void> {
    for (;;) {
      const batch = this.#batches[0];
      if (batch === undefined) return;
      const result = await this.#post(batch);
      if (result === 'later') {
        if (this.#closing) return;
        await this.#wait();
        continue;
      }
      this.#batches.shift();
      this.#settle(batch.count, result === 'taken' ? 'spansExported' : 'spansDropped');
    }
  }

  async #post(batch: Batch): Promise<'taken' | 'refused' | 'later'> {
    const { identity, log } = this.#options;
    let why: string;
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(otlpBody(identity, batch.fields)),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      await response.arrayBuffer(); // Read to the end, so that the connection is kept.
      if (response.ok) {
        if (this.#failures > 0) log('info', 'spans are taken again', { url: this.#url });
        this.#failures = 0;
        return 'taken';
      }
      why = `the receiver answered ${response.status}`;
      if (!RETRYABLE.has(response.status)) {
        log('error', 'spans were refused', { url: this.#url, why, spans: batch.count });
        return 'refused';
      }
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      why = sentenceOf(cause);
    }
    log(this.#failures++ === 0 ? 'warn' : 'debug', 'spans wait', { url: this.#url, why });
    return 'later';
  }

  #wait(): Promise<void> {
    const delayMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** (this.#failures - 1));
    return new Promise((resolve) => {
      this.#pause = { timer: this.#options.clock.after(delayMs, resolve), resume: resolve };
    });
  }

  #settle(count: number, as: 'spansExported' | 'spansDropped'): void {
    this.#waiting -= count;
    this.#options.counters.add(as, count);
  }
}

/** Spans in a row of fields. */
export function spanCount(fields: readonly unknown[]): number {
  return fields.length / SPAN_FIELDS.length;
}
