import { SpanKind, context, propagation, trace } from '@opentelemetry/api';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { AlertingMetrics } from './metrics.ts';
import type { StateFile } from './state-file.ts';
import { type Pending, acknowledge } from './state.ts';
import { SIGNATURE_HEADER, type Webhook, signatureOf } from './webhook.ts';

export const ATTEMPT_TIMEOUT_MS = 5_000;
export const BACKOFF_MIN_MS = 500;
export const BACKOFF_MAX_MS = 30_000;

export interface NotifierOptions {
  /** By name. */
  webhooks: ReadonlyMap<string, Webhook>;
  file: StateFile;
  clock: Clock;
  random: Random;
  log: Log;
  metrics: AlertingMetrics;
}

/**
 * Sends what is in the outbox, each webhook by itself and one notification at a time, until it is
 * acknowledged with 2xx or superseded. A failure backs off (0.5 s doubling to 30 s, with jitter)
 * and lets the webhook's next notification have its turn, so that one that is refused for ever
 * holds up no other.
 */
export class Notifier {
  readonly #lanes: readonly Lane[];

  constructor(options: NotifierOptions) {
    this.#lanes = [...options.webhooks].map(([name, webhook]) => new Lane(name, webhook, options));
    const unknown = options.file.current.outbox.filter(
      (pending) => !options.webhooks.has(pending.target),
    );
    for (const target of new Set(unknown.map((pending) => pending.target))) {
      options.log.warn({ target }, 'notifications wait for a webhook that is no longer configured');
    }
  }

  /** Call after something was put into the outbox, and once to begin. */
  wake(): void {
    for (const lane of this.#lanes) lane.wake();
  }

  /** Ends the attempts under way; what they carried stays in the outbox. */
  async stop(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
  }
}

const key = (pending: Pending): string => pending.notification.notificationId;

/** One webhook. */
class Lane {
  readonly #name: string;
  readonly #webhook: Webhook;
  readonly #options: NotifierOptions;
  readonly #stopping = new AbortController();
  /** Acknowledged, but not yet noted on disk. */
  readonly #acknowledged = new Set<string>();
  /** Tried since the last round through the queue. */
  readonly #tried = new Set<string>();
  #failures = 0;
  #busy = false;
  #sending: Promise<void> = Promise.resolve();
  #retry: Timer | undefined;

  constructor(name: string, webhook: Webhook, options: NotifierOptions) {
    this.#name = name;
    this.#webhook = webhook;
    this.#options = options;
  }

  wake(): void {
    if (this.#stopping.signal.aborted || this.#busy || this.#retry !== undefined) return;
    this.#sending = this.#drain();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    this.#retry?.cancel();
    await this.#sending;
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    try {
      let next = this.#next();
      while (next !== undefined && !this.#stopping.signal.aborted) {
        if (!(await this.#attempt(next))) return;
        next = this.#next();
      }
    } finally {
      this.#busy = false;
    }
  }

  async #attempt(pending: Pending): Promise<boolean> {
    try {
      await this.#deliver(pending);
      this.#failures = 0;
      return true;
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#backOff(pending, error);
      return false;
    }
  }

  /** The first that has not had its turn in this round. */
  #next(): Pending | undefined {
    const mine = this.#options.file.current.outbox.filter(
      (pending) => pending.target === this.#name,
    );
    const waiting = mine.filter((pending) => !this.#tried.has(key(pending)));
    if (waiting.length > 0) return waiting[0];
    this.#tried.clear();
    return mine[0];
  }

  async #deliver(pending: Pending): Promise<void> {
    const id = key(pending);
    this.#tried.add(id);
    if (!this.#acknowledged.has(id)) {
      await post(this.#webhook, pending, this.#stopping.signal, this.#options.clock.wallMs());
      this.#acknowledged.add(id);
      this.#options.metrics.notifications.inc({ target: this.#name, result: 'delivered' });
      const { alert } = pending.notification;
      this.#options.log.info(
        { target: this.#name, notificationId: id, alert: alert.id, state: alert.state },
        'notification delivered',
      );
    }
    await this.#options.file.update((draft) => acknowledge(draft, this.#name, id));
    this.#acknowledged.delete(id);
    this.#tried.delete(id);
  }

  #backOff(pending: Pending, error: unknown): void {
    const { clock, log, metrics, random } = this.#options;
    const ceilingMs = Math.min(BACKOFF_MIN_MS * 2 ** this.#failures, BACKOFF_MAX_MS);
    const delayMs = Math.round(ceilingMs * (0.5 + random() / 2));
    this.#failures++;
    metrics.notifications.inc({ target: this.#name, result: 'failed' });
    log.warn(
      { target: this.#name, notificationId: key(pending), delayMs, error: sentenceOf(error) },
      'notification failed; it will be tried again',
    );
    this.#retry = clock.after(delayMs, () => {
      this.#retry = undefined;
      this.wake();
    });
  }
}

async function post(
  { url, secret }: Webhook,
  pending: Pending,
  stopping: AbortSignal,
  wallMs: number,
): Promise<void> {
  const { alert } = pending.notification;
  const span = trace.getTracer('windrose.alerting').startSpan(`notify ${alert.state}`, {
    kind: SpanKind.CLIENT,
    attributes: { 'url.full': url, 'windrose.slo': alert.slo },
  });
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'idempotency-key': key(pending),
  };
  const body = JSON.stringify(pending.notification);
  if (secret !== undefined) headers[SIGNATURE_HEADER] = signatureOf(secret, body, wallMs);
  propagation.inject(trace.setSpan(context.active(), span), headers);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'error',
      signal: AbortSignal.any([stopping, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  } finally {
    span.end();
  }
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  if (error instanceof TypeError && error.cause !== undefined) return sentenceOf(error.cause);
  return sentenceOf(error);
}
