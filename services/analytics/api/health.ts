import type {
  EdgeHealth,
  HealthQuery,
  HealthResponse,
  ServiceHealth,
} from '#contracts/api/health.ts';
import { byState, judge } from '#contracts/health/judge.ts';
import {
  HEALTH_DEFAULTS,
  type HealthFacts,
  type HealthSettings,
  type Side,
} from '#contracts/health/rules.ts';
import { edgeHealthSql, nodeHealthSql } from '#contracts/health/sql.ts';
import { ROLLUP_STEP_MS } from '#contracts/metrics.ts';
import { HttpProblem } from '#platform/http.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { ask } from './ask.ts';
import { alignTo, iso, readTime } from './range.ts';

/** Services and edges of one answer; beyond it the worst are kept. */
const LIMIT = 5_000;
const UNTIL = "toDateTime({until: UInt32}, 'UTC')";

type Row = HealthFacts & { side: Side };

export type Health = Omit<HealthResponse, 'freshness'>;

/** What `GET /v1/health` asks, with its defaults. */
export async function readHealth(
  clickhouse: ClickHouse,
  query: HealthQuery,
  nowMs: number,
): Promise<Health> {
  const untilMs = query.at === undefined ? nowMs : readTime('at', query.at, nowMs);
  return healthAt(clickhouse, Math.min(untilMs, nowMs), settingsOf(query));
}

function settingsOf(query: HealthQuery): HealthSettings {
  const settings = {
    ...HEALTH_DEFAULTS,
    windowSeconds: query.window ?? HEALTH_DEFAULTS.windowSeconds,
    requestsMin: query.requests ?? HEALTH_DEFAULTS.requestsMin,
    failingShare: query.failing ?? HEALTH_DEFAULTS.failingShare,
    degradedShare: query.degraded ?? HEALTH_DEFAULTS.degradedShare,
    slowFactor: query.slow ?? HEALTH_DEFAULTS.slowFactor,
  };
  if (settings.degradedShare > settings.failingShare) {
    throw new HttpProblem(
      'invalid-request',
      `degraded (${settings.degradedShare}) is above failing (${settings.failingShare})`,
    );
  }
  return settings;
}

/** How every known service and edge is, over the window that ends at a time. */
export async function healthAt(
  clickhouse: ClickHouse,
  atMs: number,
  settings: HealthSettings = HEALTH_DEFAULTS,
): Promise<Health> {
  const { toMs } = alignTo({ fromMs: atMs, toMs: atMs }, ROLLUP_STEP_MS);
  const window = { until: UNTIL, settings };
  const params = { until: toMs / 1_000 };
  const [nodes, edges] = await Promise.all([
    ask<Row & { name: string }>(clickhouse, limited(nodeHealthSql(window)), params),
    ask<Row & { source: string; destination: string }>(
      clickhouse,
      limited(edgeHealthSql(window)),
      params,
    ),
  ]);
  const services = nodes.map((row): ServiceHealth => ({
    name: row.name,
    ...judged(row, settings),
  }));
  const between = edges.map((row): EdgeHealth => ({
    source: row.source,
    destination: row.destination,
    ...judged(row, settings),
  }));
  return {
    from: iso(toMs - settings.windowSeconds * 1_000),
    to: iso(toMs),
    settings,
    services: services.sort(worstFirst((one) => one.name)),
    edges: between.sort(worstFirst((one) => `${one.source} ${one.destination}`)),
  };
}

function limited(facts: string): string {
  return `${facts}\nORDER BY errors DESC, requests DESC LIMIT ${LIMIT}`;
}

function judged({ side, ...facts }: Row, settings: HealthSettings): Omit<ServiceHealth, 'name'> {
  const { requests, errors, errorShare, p99Ms, usualP99Ms, ownRequests, ownErrors } = facts;
  return {
    health: judge(facts, side, settings),
    side,
    numbers: {
      ...{ requests, errors, errorRate: errorShare, p99Ms },
      ...(usualP99Ms > 0 ? { usualP99Ms } : {}),
    },
    own: {
      requests: ownRequests,
      errors: ownErrors,
      errorRate: ownRequests === 0 ? 0 : ownErrors / ownRequests,
    },
    silentSeconds: facts.silentSeconds,
  };
}

/** Then the busier, then by name. */
function worstFirst<T extends Omit<ServiceHealth, 'name'>>(
  name: (one: T) => string,
): (a: T, b: T) => number {
  return (a, b) =>
    byState(a.health, b.health) ||
    b.numbers.requests - a.numbers.requests ||
    (name(a) < name(b) ? -1 : 1);
}
