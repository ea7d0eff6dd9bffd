// Health from rows as proxies send them, told by the API, the graph and the command line.
import type { GraphResponse } from '#contracts/api/analytics.ts';
import type { HealthResponse } from '#contracts/api/health.ts';
import { systemClock } from '#platform/clock.ts';
import { createTelemetry } from '#proxy/telemetry/index.ts';
import { eventually } from '#test/eventually.ts';
import { kafkaBrokers, tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { IDENTITY, exchangeOf } from '../../unit/proxy/telemetry/exchanges.ts';
import { cliOf } from './cli.ts';
import { type Row, message, startService, testMesh, untilBlocks } from './mesh.ts';

const nowUs = Date.now() * 1_000;
const MINUTE_US = 60_000_000;
const called = (destination: string, row: Row): Row => ({
  ...{ source: 'Gateway/shop/edge', destination, route: '', duration_us: 10_000 },
  ...{ time: nowUs - 2 * MINUTE_US, ...row },
});
const failed = { status_class: '5xx', reason: 'upstream_timeout' };
const itself = { direction: 'inbound', source: '', route: '' };

const ROWS: Row[] = [
  called('shop/good', { requests: 300 }),
  called('shop/bad', { requests: 90 }),
  called('shop/bad', { requests: 10, ...failed }),
  { ...called('shop/bad', { requests: 95 }), ...itself },
  called('shop/slow', { requests: 100, duration_us: 500_000 }),
  called('shop/slow', { requests: 500, time: nowUs - 30 * MINUTE_US }),
  called('shop/idle', { requests: 50, time: nowUs - 30 * MINUTE_US }),
  called('shop/gone', { requests: 50, time: nowUs - 30 * MINUTE_US }),
];

test('each state is told with its rule, the worst first', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  // Of a service whose only sidecar was heard of for the last time half an hour ago.
  const old = nowUs - 30 * MINUTE_US;
  const quiet = [{ ...called('shop/gone', { requests: 50, time: old }), ...itself }];
  await mesh.send('metrics', 0, message('metrics', quiet, { proxy: 'gone', instance: 'gone' }));
  // Its proxy tells of this very moment, without a row.
  const beat = { minTs: Date.now() - 10_000, maxTs: Date.now() };
  await mesh.send('metrics', 0, message('metrics', ROWS, { ...beat, proxy: 'edge' }));
  await mesh.send('metrics', 0, message('metrics', [], { ...beat, proxy: 'edge', seq: 2 }));
  await untilBlocks(mesh, 'metrics', 3);
  const { items } = await service.get<HealthResponse>('/v1/health');
  expect(items.map((item) => [item.service, item.state, item.rule])).toEqual([
    ['shop/bad', 'failing', 'errors'],
    ['shop/slow', 'degraded', 'latency'],
    ['shop/gone', 'no_data', 'silent'],
    ['shop/idle', 'no_traffic', 'no_requests'],
    ['shop/good', 'healthy', 'none'],
  ]);
  expect(items[0]).toMatchObject({
    ...{ requests: 100, errors: 10, own: { requests: 95, errors: 0 } },
    message: expect.stringMatching(/of its own answers 0 of 95 failed, so look between$/),
  });

  const graph = await service.get<GraphResponse>('/v1/graph?from=-5m');
  const states = graph.edges.map(({ destination, health }) => [destination, health?.state]);
  expect(Object.fromEntries(states)).toEqual({
    ...{ 'shop/good': 'healthy', 'shop/bad': 'failing', 'shop/slow': 'degraded' },
  });
  const bad = graph.nodes.find(({ name }) => name === 'shop/bad');
  expect(bad).toMatchObject({ health: { state: 'failing' }, own: { requests: 95 } });
  const past = await service.get<GraphResponse>('/v1/graph?from=-1h&to=-10m');
  expect(past.nodes.some(({ health }) => health !== undefined)).toBe(false);

  const told = await cliOf(service, 'health');
  expect(told.out).toMatch(/^shop\/bad +failing +10 % of 100 calls failed; 5 % is failing/m);
  expect((await cliOf(service, 'graph', '--from', '-5m')).out).toMatch(/shop\/bad .* failing$/m);
});

test('a proxy without traffic says so: no traffic, until nothing is heard of it', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  const telemetry = createTelemetry({
    identity: { ...IDENTITY, mesh: mesh.name },
    ...{ kafkaBrokers: [kafkaBrokers()], dataDir: tempDir(), clock: systemClock },
    ...{ random: Math.random, log: () => undefined },
  });
  // A call of an hour ago by the rows that there are of it.
  const rows = [called('shop/catalog', { time: nowUs - 60 * MINUTE_US, requests: 9 })];
  await mesh.send('metrics', 0, message('metrics', rows, { proxy: 'edge', instance: 'before' }));
  await untilBlocks(mesh, 'metrics', 1);
  const stateOf = async () => (await service.get<HealthResponse>('/v1/health')).items[0]?.state;
  expect(await stateOf()).toBe('no_data');
  await eventually(async () => (await stateOf()) === 'no_traffic' || undefined, {
    ...{ what: 'the proxy is heard of', timeoutMs: 40_000 },
  });
  telemetry.record(exchangeOf());
  await telemetry.close();
}, 90_000);
