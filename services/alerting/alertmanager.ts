import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { AlertingMetrics } from './metrics.ts';
import { ALERTMANAGER, type StoredAlert } from './state.ts';

export interface AlertmanagerOptions {
  mesh: string;
  /** Base URLs of all peers of the cluster: each is told everything, and they agree. */
  urls: readonly string[];
  alerts: () => readonly StoredAlert[];
  clock: Clock;
  log: Log;
  metrics: AlertingMetrics;
}

/** An alert as Alertmanager's API v2 takes it (openapi.yaml, `postableAlert`). */
interface PostableAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
}

const TIMEOUT_MS = 5_000;
/** What fires is said again, as Prometheus does; what is not said again ends by itself. */
export const RESEND_MS = 60_000;
const FIRING_HOLDS_MS = 4 * RESEND_MS;
/** For so long it is said that an alert is over: a peer may have been away. */
export const RESOLVED_SAID_MS = 15 * 60_000;

/**
 * Tells Alertmanager what fires. Nothing is queued: each time all is said as it is now, so a peer
 * that was away knows everything with the next time, and one that has heard it already is told the
 * same, by the same labels. Grouping, silences and who is paged are Alertmanager's.
 */
export class Alertmanagers {
  readonly #peers: readonly Peer[];

  constructor(options: AlertmanagerOptions) {
    this.#peers = options.urls.map((url) => new Peer(url, options));
  }

  /** Call after each evaluation. Never rejects. */
  tell(): void {
    for (const peer of this.#peers) peer.tell();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.stop()));
  }
}

class Peer {
  readonly #url: string;
  readonly #options: AlertmanagerOptions;
  readonly #stopping = new AbortController();
  #sending: Promise<void> | undefined;
  /** What was said last, but for the time that it holds, and when. */
  #said = '';
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #isAway = false;

  constructor(url: string, options: AlertmanagerOptions) {
    this.#url = url;
    this.#options = options;
  }

  tell(): void {
    if (this.#sending !== undefined || this.#stopping.signal.aborted) return;
    const { alerts, clock, mesh } = this.#options;
    const nowMs = clock.wallMs();
    const told = alerts().filter((alert) => isTold(alert, nowMs));
    const said = JSON.stringify(told.map(({ id, state }) => [id, state]));
    const isDue = said !== this.#said || clock.nowMs() - this.#saidAtMs >= RESEND_MS;
    if (!isDue || (told.length === 0 && this.#said === '')) return;
    const body = told.map((alert) => postable(alert, mesh, nowMs));
    this.#sending = this.#send(body, said, clock.nowMs()).finally(() => {
      this.#sending = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    await this.#sending;
  }

  async #send(body: readonly PostableAlert[], said: string, atMs: number): Promise<void> {
    const { log, metrics } = this.#options;
    const target = ALERTMANAGER;
    try {
      if (body.length > 0) await post(this.#url, body, this.#stopping.signal);
      this.#said = said;
      this.#saidAtMs = atMs;
      if (this.#isAway) log.info({ url: this.#url }, 'this Alertmanager is told again');
      this.#isAway = false;
      metrics.notifications.inc({ target, result: 'delivered' });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      metrics.notifications.inc({ target, result: 'failed' });
      const why = sentenceOf(error);
      if (!this.#isAway) log.warn({ url: this.#url, why }, 'an Alertmanager cannot be told');
      this.#isAway = true;
    }
  }
}

function isTold({ state, targets, resolvedAt }: StoredAlert, nowMs: number): boolean {
  if (!targets.includes(ALERTMANAGER)) return false;
  return state === 'firing' || nowMs - Date.parse(resolvedAt ?? '') < RESOLVED_SAID_MS;
}

function postable(alert: StoredAlert, mesh: string, nowMs: number): PostableAlert {
  const { slo, service, policy, severity, startedAt, resolvedAt, summary, objective } = alert;
  return {
    // The same as long as it is the same alert: Alertmanager tells them apart by these alone.
    labels: { alertname: 'WindroseSLO', mesh, slo, service, policy, severity },
    annotations: { summary, objective: objective.displayName, target: String(objective.target) },
    startsAt: startedAt,
    endsAt: resolvedAt ?? new Date(nowMs + FIRING_HOLDS_MS).toISOString(),
  };
}

async function post(
  url: string,
  alerts: readonly PostableAlert[],
  stopping: AbortSignal,
): Promise<void> {
  const response = await fetch(new URL('api/v2/alerts', url.endsWith('/') ? url : `${url}/`), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alerts),
    redirect: 'error',
    signal: AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}
