// From a worker's telemetry through Kafka and analytics to a word about its service.
import type { HealthResponse } from '#contracts/api/health.ts';
import { systemClock } from '#platform/clock.ts';
import { createTelemetry } from '#proxy/telemetry/index.ts';
import { eventually } from '#test/eventually.ts';
import { kafkaBrokers, tempDir } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { healthAt } from '../../../services/analytics/api/health.ts';
import { IDENTITY } from '../../unit/proxy/telemetry/exchanges.ts';
import { readProgress } from '../../../services/alerting/rollup.ts';
import { watermarkOf } from '../../../services/alerting/watermark.ts';
import { count, startService, testMesh } from './mesh.ts';

test('an idle proxy is no traffic, and one that stopped telling is no data', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  const telemetry = createTelemetry({
    identity: {
      ...{ ...IDENTITY, mesh: mesh.name, proxy: 'catalog-1', role: 'sidecar' as const },
      workload: 'shop/catalog',
    },
    ...{ kafkaBrokers: [kafkaBrokers()], dataDir: tempDir(), random: Math.random },
    ...{ clock: systemClock, log: () => undefined },
  });
  onTestFinished(() => telemetry.close());
  // Not one request: what comes is the word at the end of a step, at most 10 s from now.
  const found = await eventually(
    async () => {
      const { services } = await service.get<HealthResponse>('/v1/health');
      return services.length > 0 ? services : undefined;
    },
    { what: 'a heartbeat', timeoutMs: 45_000, everyMs: 250 },
  );
  expect(found).toMatchObject([
    {
      name: 'shop/catalog',
      numbers: { requests: 0 },
      health: { state: 'no_traffic', rule: 'idle' },
    },
  ]);
  // It is a row of no rollup that is summed up, and alerting knows from it that data comes in.
  for (const table of ['routes_10s', 'edges_10s', 'services_inbound_10s']) {
    expect([table, await count(mesh, table)]).toEqual([table, 0]);
  }
  const progress = await readProgress((sql, params) => mesh.clickhouse.query(sql, params));
  expect(watermarkOf(progress, Date.now())).toBeGreaterThan(Date.now() - 60_000);

  await telemetry.close();
  const later = await healthAt(mesh.clickhouse, Date.now() + 180_000);
  expect(later.services).toMatchObject([
    { name: 'shop/catalog', health: { state: 'no_data', rule: 'silent' } },
  ]);
});
