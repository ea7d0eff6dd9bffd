// Health over known rows on a real ClickHouse: what each rule needs, and SQL beside the API.
import { HEALTH_DEFAULTS } from '#contracts/health/rules.ts';
import { edgeHealthSql, judgedSql, nodeHealthSql } from '#contracts/health/sql.ts';
import { bucketOf } from '#contracts/metrics.ts';
import { TABLES, meshDatabase } from '#contracts/tables.ts';
import { type ClickHouse, connectClickHouse } from '#platform/clickhouse.ts';
import { clickhouseUrl, uniqueMesh } from '#test/parts.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { healthAt, readHealth } from '../../../services/analytics/api/health.ts';
import { readGraph } from '../../../services/analytics/api/graph.ts';
import { MIGRATIONS } from '../../../services/analytics/schema/migrations.ts';

/** The time that is asked about; rows lie so many seconds before it. */
const AT_MS = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
const HOUR = 3_600;

interface Calls {
  source: string;
  destination: string;
  ago: number;
  ok?: number;
  failed?: number;
  ms?: number;
}

const stamp = (ago: number): string =>
  new Date(AT_MS - ago * 1_000).toISOString().replace('T', ' ').replace('Z', '');

function rows(direction: string, given: Calls): object[] {
  const { source, destination, ago, ok = 0, failed = 0, ms = 5 } = given;
  const row = (requests: number, status: string, reason: string): object => ({
    ...{ time: stamp(ago), proxy: `${source}-1`, direction, source, destination, requests },
    ...{ log_epoch: 1, revision: 7, status_class: status, reason },
    durations: { [bucketOf(ms * 1_000)]: requests },
  });
  return [
    ...(ok > 0 ? [row(ok, '2xx', 'ok')] : []),
    ...(failed > 0 ? [row(failed, '5xx', 'upstream_refused')] : []),
  ];
}
const calls = (source: string, destination: string, rest: Omit<Calls, 'source' | 'destination'>) =>
  rows(source.startsWith('Gateway/') ? 'edge' : 'outbound', { source, destination, ...rest });
const seen = (destination: string, rest: Omit<Calls, 'source' | 'destination'>) =>
  rows('inbound', { source: '', destination, ...rest });
const beat = (source: string, ago: number, role = 'sidecar') => ({
  ...{ time: stamp(ago), proxy: `${source}-1`, role, direction: '', source, requests: 0 },
});

const FRONT = 'shop/storefront';
const METRICS: object[] = [
  beat('', 12, 'gateway'),
  ...['storefront', 'catalog', 'ledger', 'stock', 'job'].map((name) => beat(`shop/${name}`, 12)),
  ...calls('Gateway/shop/edge', FRONT, { ago: 60, ok: 200 }),
  // Just outside of the window, on both sides.
  ...calls('Gateway/shop/edge', FRONT, { ago: 310, failed: 1_000 }),
  ...calls('Gateway/shop/edge', FRONT, { ago: 0, failed: 1_000 }),
  ...calls(FRONT, 'shop/catalog', { ago: 60, ok: 90, failed: 10 }),
  ...seen('shop/catalog', { ago: 60, ok: 90 }),
  ...calls(FRONT, 'shop/orders', { ago: 300, ok: 90, failed: 10 }),
  ...seen('shop/orders', { ago: 290, ok: 90, failed: 10 }),
  ...calls(FRONT, 'shop/payments', { ago: 10, ok: 98, failed: 2 }),
  ...calls(FRONT, 'shop/reviews', { ago: 20, ok: 50, ms: 100 }),
  // Every other minute of the hour before, and one slow minute among them.
  ...Array.from({ length: 29 }, (_, i) =>
    calls(FRONT, 'shop/reviews', { ago: 400 + i * 120, ok: 5, ms: i === 3 ? 5_000 : 10 }),
  ).flat(),
  ...calls(FRONT, 'shop/young', { ago: 20, ok: 50, ms: 100 }),
  ...Array.from({ length: 9 }, (_, i) =>
    calls(FRONT, 'shop/young', { ago: 400 + i * 60, ok: 5, ms: 10 }),
  ).flat(),
  ...calls(FRONT, 'shop/stock', { ago: 20, ok: 100 }),
  ...seen('shop/stock', { ago: 20, ok: 100, failed: 50 }),
  ...calls(FRONT, 'shop/mail', { ago: 20, failed: 9 }),
  ...calls(FRONT, 'shop/quiet', { ago: 3 * HOUR, ok: 100 }),
  ...calls(FRONT, 'shop/forgotten', { ago: 26 * HOUR, ok: 100 }),
  ...calls('shop/batch', 'shop/ledger', { ago: 240, ok: 20 }),
  ...calls('shop/gone', 'shop/lost', { ago: 3 * HOUR, ok: 100 }),
  ...calls('unknown', 'shop/catalog', { ago: 20, ok: 30 }),
  ...seen('shop/reviews-v1', { ago: 20, ok: 16, failed: 4 }),
];

let clickhouse: ClickHouse;
beforeAll(async () => {
  clickhouse = connectClickHouse({ url: clickhouseUrl(), database: meshDatabase(uniqueMesh()) });
  await clickhouse.createDatabase();
  for (const migration of MIGRATIONS) {
    for (const statement of migration.statements()) await clickhouse.command(statement);
  }
  await clickhouse.insertRows(TABLES.metrics, METRICS, 'metrics-1');
});
afterAll(async () => {
  await clickhouse.command(`DROP DATABASE ${clickhouse.database}`);
  await clickhouse.close();
});

const decided = ({ health }: { health: { state: string; rule: string } }): string =>
  `${health.state} ${health.rule}`;

/** Worked out by hand, the worst first. */
const SERVICES: [string, string, string, number][] = [
  ['shop/catalog', 'failing unreached', 'callers', 130],
  ['shop/orders', 'failing errors', 'callers', 100],
  ['shop/reviews-v1', 'failing errors', 'own', 20],
  ['shop/payments', 'degraded some_errors', 'callers', 100],
  ['shop/stock', 'degraded hidden_errors', 'callers', 100],
  ['shop/reviews', 'degraded slow', 'callers', 50],
  ['shop/batch', 'no_data silent', 'sent', 20],
  ['shop/gone', 'no_data silent', 'sent', 0],
  ['shop/lost', 'no_data silent', 'callers', 0],
  ['shop/job', 'no_traffic idle', 'sent', 0],
  ['shop/quiet', 'no_traffic idle', 'callers', 0],
  ['Gateway/shop/edge', 'healthy well', 'sent', 200],
  ['shop/storefront', 'healthy well', 'callers', 200],
  ['shop/young', 'healthy well', 'callers', 50],
  ['shop/ledger', 'healthy well', 'callers', 20],
  ['shop/mail', 'healthy few_requests', 'callers', 9],
];
const EDGES: [string, string, string][] = [
  [FRONT, 'shop/catalog', 'failing unreached'],
  [FRONT, 'shop/orders', 'failing errors'],
  [FRONT, 'shop/payments', 'degraded some_errors'],
  [FRONT, 'shop/reviews', 'degraded slow'],
  ['shop/batch', 'shop/ledger', 'no_data silent'],
  ['shop/gone', 'shop/lost', 'no_data silent'],
  [FRONT, 'shop/quiet', 'no_traffic idle'],
  ['Gateway/shop/edge', FRONT, 'healthy well'],
  // That tries of the stock fail is of all its callers together: told of the service.
  [FRONT, 'shop/stock', 'healthy well'],
  [FRONT, 'shop/young', 'healthy well'],
  ['unknown', 'shop/catalog', 'healthy well'],
  [FRONT, 'shop/mail', 'healthy few_requests'],
];

test('services: every rule, from the side that has numbers', async () => {
  const { services, from, to } = await healthAt(clickhouse, AT_MS);
  expect([from, to]).toEqual([
    new Date(AT_MS - 300_000).toISOString(),
    new Date(AT_MS).toISOString(),
  ]);
  expect(services.map((one) => [one.name, decided(one), one.side, one.numbers.requests])).toEqual(
    SERVICES,
  );
  const of = (name: string) => services.find((one) => one.name === name);
  expect(of('shop/catalog')).toMatchObject({
    numbers: { requests: 130, errors: 10, errorRate: 10 / 130 },
    own: { requests: 90, errors: 0, errorRate: 0 },
    silentSeconds: 10,
    health: {
      message:
        'failing: 7.6 % of 130 calls failed in the last 5 min (at 5 % it fails), and its own ' +
        'proxies did not see 100 % of the failures: refused, timed out, lost or injected ' +
        'on the way',
    },
  });
  expect(of('shop/stock')?.own).toEqual({ requests: 150, errors: 50, errorRate: 50 / 150 });
  expect(of('shop/batch')?.silentSeconds).toBe(230);
  expect(of('shop/gone')?.silentSeconds).toBe(3_600);
});

test('what is usual is the median of minutes, which one slow minute does not move', async () => {
  const { edges } = await healthAt(clickhouse, AT_MS);
  const of = (name: string) => edges.find((one) => one.destination === name)?.numbers;
  const { p99Ms = 0, usualP99Ms = 0 } = of('shop/reviews') ?? {};
  expect(Math.abs(p99Ms / 100 - 1)).toBeLessThan(0.01);
  expect(Math.abs(usualP99Ms / 10 - 1)).toBeLessThan(0.01);
  // Nine minutes are too few to call anything usual.
  expect(of('shop/young')).not.toHaveProperty('usualP99Ms');
});

test('edges: from the caller’s own records', async () => {
  const { edges } = await healthAt(clickhouse, AT_MS);
  expect(edges.map((one) => [one.source, one.destination, decided(one)])).toEqual(EDGES);
});

test('telemetry that stops is no data, and never healthy or no traffic', async () => {
  // Three minutes later nobody has said anything since: the last numbers are not believed.
  const later = await healthAt(clickhouse, AT_MS + 180_000);
  const told = later.services.map((one) => [one.name, decided(one)]);
  expect(told).toContainEqual(['shop/storefront', 'no_data silent']);
  expect(told).toContainEqual(['shop/job', 'no_data silent']);
  expect(new Set(later.edges.map(decided))).toEqual(new Set(['no_data silent']));
});

test('a question may have bounds of its own', async () => {
  const ask = async (query: object, name: string) => {
    const at = new Date(AT_MS).toISOString();
    const { services } = await readHealth(clickhouse, { at, ...query }, AT_MS + 3_600_000);
    return services.filter((one) => one.name === name).map(decided)[0];
  };
  expect(await ask({}, 'shop/payments')).toBe('degraded some_errors');
  expect(await ask({ failing: 0.02 }, 'shop/payments')).toBe('failing errors');
  expect(await ask({ degraded: 0.03 }, 'shop/payments')).toBe('healthy well');
  expect(await ask({ requests: 101 }, 'shop/payments')).toBe('healthy few_requests');
  expect(await ask({ requests: 9 }, 'shop/mail')).toBe('failing errors');
  expect(await ask({ slow: 20 }, 'shop/reviews')).toBe('healthy well');
  expect(await ask({ window: 360 }, 'shop/storefront')).toBe('failing unreached');
  await expect(ask({ failing: 0.01, degraded: 0.02 }, 'shop/payments')).rejects.toThrow(
    'degraded (0.02) is above failing (0.01)',
  );
});

test('the graph has both ends of every edge, and how each is', async () => {
  const at = (seconds: number) => new Date(AT_MS + seconds * 1_000).toISOString();
  const graph = await readGraph(clickhouse, { from: at(-300), to: at(0) }, AT_MS + 3_600_000);
  const node = (name: string) => graph.nodes.find((one) => one.name === name);
  expect(node('shop/catalog')).toMatchObject({
    ...{ requests: 130, errors: 10, own: { requests: 90, errors: 0 } },
    health: { state: 'failing', rule: 'unreached' },
  });
  // Of what is outside nothing is known; what nobody called and what lives is there all the same.
  expect(node('unknown')).toEqual({ name: 'unknown', requests: 30, errors: 0 });
  expect(node('shop/quiet')).toMatchObject({ requests: 0, health: { state: 'no_traffic' } });
  expect(node('shop/job')).toMatchObject({ requests: 0, health: { state: 'no_traffic' } });
  expect(node('shop/reviews-v1')).toMatchObject({ own: { requests: 20, errors: 4 } });
  expect(
    graph.edges.map(({ source, destination, health }) => [
      ...[source, destination, `${health?.state} ${health?.rule}`],
    ]),
  ).toEqual(expect.arrayContaining(EDGES));
  expect(graph.edges).toHaveLength(EDGES.length);
  // Health is that of the end, whatever is summed up.
  const day = await readGraph(clickhouse, { from: at(-86_400), to: at(0) }, AT_MS + 3_600_000);
  expect(day.nodes.find(({ name }) => name === 'shop/catalog')).toMatchObject({
    health: { rule: 'unreached' },
  });
  expect(day.nodes.every(({ own }) => own === undefined)).toBe(true);
});

test('the SQL of the rules decides as the API does, of the same rows', async () => {
  const until = `toDateTime(${AT_MS / 1_000}, 'UTC')`;
  for (const settings of [HEALTH_DEFAULTS, { ...HEALTH_DEFAULTS, failingShare: 0.02 }]) {
    const window = { until, settings };
    const { services, edges } = await healthAt(clickhouse, AT_MS, settings);
    const nodes = await clickhouse.query<Record<string, string>>(
      judgedSql(nodeHealthSql(window), settings),
    );
    const said = nodes.map(({ name, rule, state }) => `${name} ${state} ${rule}`);
    expect(new Set(said)).toEqual(new Set(services.map((one) => `${one.name} ${decided(one)}`)));
    expect(said).toHaveLength(SERVICES.length);
    const between = await clickhouse.query<Record<string, string>>(
      judgedSql(edgeHealthSql(window), settings),
    );
    const saidOfEdges = between.map(
      ({ destination, rule, source, state }) => `${source} ${destination} ${state} ${rule}`,
    );
    expect(new Set(saidOfEdges)).toEqual(
      new Set(edges.map((one) => `${one.source} ${one.destination} ${decided(one)}`)),
    );
    expect(saidOfEdges).toHaveLength(EDGES.length);
  }
});
