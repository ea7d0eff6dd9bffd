// Parts die under traffic; what is stored stays exact in the raw table and in every rollup.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditResponse } from '#contracts/api/analytics.ts';
import { freePorts, startParts } from '#local/parts.ts';
import { eventually } from '#test/eventually.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { count, startService, testMesh, untilBlocks } from './mesh.ts';
import { expectExactly, startTraffic } from './traffic.ts';

const KILLS = 4;

test(
  'analytics killed again and again: no row lost, none twice',
  { timeout: 120_000 },
  async () => {
    const mesh = testMesh();
    let service = await startService(mesh);
    const traffic = startTraffic(mesh);
    for (let kill = 0; kill < KILLS; kill++) {
      const before = await count(mesh, 'blocks');
      await eventually(async () => ((await count(mesh, 'blocks')) > before ? true : undefined), {
        what: 'blocks are stored again',
        timeoutMs: 30_000,
        everyMs: 10,
      });
      // The moments after the first insert: the next ones are under way.
      await sleep(kill * 35);
      await service.kill('SIGKILL');
      service = await startService(mesh);
    }
    await traffic.stop();
    await untilBlocks(mesh, 'access', traffic.blocks());
    await untilBlocks(mesh, 'metrics', traffic.blocks());
    await expectExactly(mesh, traffic.rows());
    const audit = await service.get<AuditResponse>('/v1/audit');
    expect(audit.ok).toBe(true);
    expect(audit.items.map(({ served, stored }) => [served, stored])).toEqual(
      Array(2).fill([traffic.rows() / 2, traffic.rows() / 2]),
    );
    expect(await service.kill('SIGTERM')).toBe(0);
  },
);

test('ClickHouse away: nothing moves, one line says so, then it catches up', async () => {
  const parts = await startParts({
    dataDir: tempDir(),
    ports: await freePorts(),
    only: ['clickhouse'],
  });
  onTestFinished(() => parts.stop());
  const clickhouse = parts.addresses.CLICKHOUSE_URL ?? '';
  const mesh = testMesh({ clickhouse });
  const service = await startService(mesh, { clickhouse });
  const traffic = startTraffic(mesh);
  await untilBlocks(mesh, 'access', 10);
  await parts.clickhouse?.kill('SIGKILL');
  await eventually(() => (service.stderr().includes('storing waits') ? true : undefined), {
    what: 'a line that ClickHouse is away',
    timeoutMs: 15_000,
  });
  const answer = await fetch(`${service.url}/v1/analytics/totals`);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
    503,
    'unavailable',
  ]);
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  expect(metrics).toContain('windrose_analytics_part_up{part="ClickHouse"} 0');
  await parts.clickhouse?.restart();
  await eventually(() => (service.stderr().includes('storing goes on') ? true : undefined), {
    what: 'a line that ClickHouse is back',
    timeoutMs: 20_000,
  });
  await traffic.stop();
  await untilBlocks(mesh, 'access', traffic.blocks());
  await untilBlocks(mesh, 'metrics', traffic.blocks());
  await expectExactly(mesh, traffic.rows());
  expect(service.stderr().match(/storing waits/g)).toHaveLength(1);
  expect(await service.kill('SIGTERM')).toBe(0);
});

test('parts away at the start: it lives, says what it waits for, and gets ready', async () => {
  const ports = await freePorts();
  const clickhouse = `http://127.0.0.1:${ports.clickhouseHttp}`;
  const mesh = testMesh({ clickhouse });
  const listen = `127.0.0.1:${await freePort()}`;
  const service = await startService(mesh, { clickhouse, listen, ready: false });
  const answer = await eventually(() => fetch(`${service.url}/readyz`), {
    what: 'the API',
    timeoutMs: 15_000,
  });
  expect(answer.status).toBe(503);
  expect(((await answer.json()) as { reason: string }).reason).toMatch(/ClickHouse|starting/);
  expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
  const parts = await startParts({ dataDir: tempDir(), ports, only: ['clickhouse'] });
  onTestFinished(() => parts.stop());
  await eventually(async () => ((await fetch(`${service.url}/readyz`)).ok ? true : undefined), {
    what: 'ready',
    timeoutMs: 30_000,
  });
  expect(await service.kill('SIGTERM')).toBe(0);
});
