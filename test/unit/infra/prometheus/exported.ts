/** What every process of Windrose exports on /metrics, made by the code that exports it. */
import { Registry } from 'prom-client';
import type { SloStatus } from '#contracts/api/alerting.ts';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { ownMetrics } from '#proxy/admin/own-metrics.ts';
import type { WorkerReport } from '#proxy/fleet.ts';
import { type SeriesSnapshot, renderPrometheus } from '#proxy/telemetry/index.ts';
import { createMetrics as alertingMetrics } from '../../../../services/alerting/metrics.ts';
import { exportObjectives } from '../../../../services/alerting/objective-metrics.ts';
import { ingestEvents } from '../../../../services/analytics/metrics.ts';
import { createMetrics as configMetrics } from '../../../../services/config/metrics.ts';

/** By Prometheus, to every series. */
export const ADDED_LABELS: readonly string[] = ['instance', 'job'];

const OBJECTIVE: SloStatus = {
  ...{ slo: 'shop/payments', service: 'payments', displayName: '99 %', target: 0.99 },
  ...{ windowMs: 60_000, good: 9, total: 10, ratio: 0.9, budgetLeft: -9, exhaustedInMs: 1_000 },
  burnRates: [{ policy: 'fast', condition: 'long', windowMs: 60_000, rate: 10, threshold: 5 }],
  ...{ state: 'firing', evaluatedAt: '2026-01-01T00:00:00Z' },
};

/** Labels of each series, by its name. */
export async function exportedSeries(): Promise<Map<string, Set<string>>> {
  const texts = [proxyText(), await configText(), await analyticsText(), await alertingText()];
  const series = new Map<string, Set<string>>();
  for (const line of texts.join('\n').split('\n')) {
    const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === '') continue;
    const known = series.get(name) ?? new Set();
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
    series.set(name, known);
  }
  return series;
}

/**
 * What an expression asks for and nobody exports: series, and labels in their matchers. Prometheus
 * itself adds `instance` and `job`.
 */
export function unknownNames(expr: string, exported: Map<string, Set<string>>): string[] {
  const asked = expr.matchAll(/(windrose_\w+)(?:\{([^}]*)\})?/g);
  return [...asked].flatMap(([, name = '', matchers = '']) => {
    const labels = exported.get(name);
    if (labels === undefined) return [name];
    const unknown = [...matchers.matchAll(/(\w+)(?:=|!=|=~|!~)"/g)]
      .map(([, label = '']) => label)
      .filter((label) => !labels.has(label) && !ADDED_LABELS.includes(label));
    return unknown.map((label) => `${name}{${label}}`);
  });
}

function proxyText(): string {
  const nothing = { served: 0, acked: 0, sampledOut: 0, dropped: 0 };
  const snapshot: SeriesSnapshot = {
    ...{ proxy: 'edge', role: 'gateway', worker: 0 },
    requests: [
      {
        ...{ direction: 'edge', route: 'shop/storefront', service: 'shop/storefront' },
        ...{ statusClass: '2xx', reason: 'ok', requests: 1, retries: 0, bytesIn: 0, bytesOut: 0 },
        ...{ durationUsSum: 1, durations: [1], exemplars: [] },
      },
    ],
    stats: {
      ...{
        access: nothing,
        metrics: nothing,
        queueBytes: 0,
        seriesOverflow: 0,
        fieldOverflow: 0,
        spoolBytes: 0,
        spoolBlocks: 0,
      },
      ...{ spansExported: 0, spansDropped: 0, accessLogDropped: 0, shipperRestarts: 0 },
    },
  };
  const report: WorkerReport = {
    ...{ worker: 0, pid: 1, connections: 0, turnedAway: 0, inFlight: 0 },
    overload: {
      ...{ level: 0, memoryShare: 0, accepting: true, pauses: 0 },
      eventLoop: { activeSeconds: 0, delaySeconds: 0 },
    },
    ...{ copiesLost: 0, handshakesFailed: 0, certificates: [['shop/tls', 0]] },
    ...{ series: snapshot, endpoints: [] },
  };
  const link = { connected: true, behind: 0, alarms: [], refused: [['event', 1]] };
  const state = {
    ...{ revision: { epoch: 1, sequence: 7 }, problems: 0, draining: false, startedAtMs: 0 },
    link: link as { refused: [string, number][] } & typeof link,
  };
  return renderPrometheus([snapshot], ownMetrics(state, [report]));
}

async function configText(): Promise<string> {
  const registry = new Registry();
  const metrics = configMetrics(registry, {
    revision: () => 7,
    resources: () => 1,
    proxies: () => new Map([['gone', 1]]),
    endpoints: () => 1,
    writesEndpoints: () => true,
    ready: () => true,
  });
  metrics.eventsRefused.inc({ why: 'signature' });
  return registry.metrics();
}

async function analyticsText(): Promise<string> {
  const registry = new Registry();
  const log = createLog({ service: 'analytics', level: 'silent' });
  const events = ingestEvents(registry, log, new FakeClock());
  const from = { topic: 'windrose.demo.access', partition: 0 };
  events.stored('access', 1, 1, 1);
  events.lag(from, 1n);
  events.gap(from, 1n);
  events.deadLetter({ ...from, offset: 1n }, 'unreadable');
  events.waiting('Kafka', 'it is away');
  return registry.metrics();
}

async function alertingText(): Promise<string> {
  const registry = new Registry();
  const metrics = alertingMetrics(registry, () => ({ firing: 0, outbox: 0 }));
  exportObjectives(registry, () => [OBJECTIVE]);
  metrics.evaluations.inc({ result: 'done' });
  metrics.notifications.inc({ target: 'oncall', result: 'given_up' });
  return registry.metrics();
}
