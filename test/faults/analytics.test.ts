// F44 to F46: parts die and members come and go; what is stored stays exact, raw and in rollups.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditResponse } from '#contracts/api/analytics.ts';
import { freePorts, startParts } from '#local/parts.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { count, startService, testMesh, untilBlocks } from '../integration/analytics/mesh.ts';
import { expectExactly, startTraffic } from '../integration/analytics/traffic.ts';
import { isDrill } from './support/call.ts';
import { note } from './support/figures.ts';

const KILLS = isDrill ? 100 : 4;
const REBALANCES = isDrill ? 30 : 3;
const REBALANCE_EVERY_MS = isDrill ? 10_000 : 0;
/** Of a kill with what follows it. */
const ROUND_TIMEOUT_MS = 30_000;

test(
  'F45: analytics killed again and again: no row lost, none twice',
  { timeout: KILLS * ROUND_TIMEOUT_MS },
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
      await sleep((kill % 8) * 35);
      await service.kill('SIGKILL');
      service = await startService(mesh);
    }
    await traffic.stop();
    await untilBlocks(mesh, 'access', traffic.blocks());
    await untilBlocks(mesh, 'metrics', traffic.blocks());
    await expectExactly(mesh, traffic.rows());
    note('F45', `analytics killed ${KILLS} times`, `${traffic.rows()} rows: 0 missing, 0 double`);
    const audit = await service.get<AuditResponse>('/v1/audit');
    expect(audit.ok).toBe(true);
    expect(audit.items.map(({ served, stored }) => [served, stored])).toEqual(
      Array(2).fill([traffic.rows() / 2, traffic.rows() / 2]),
    );
    expect(await service.kill('SIGTERM')).toBe(0);
  },
);

test(
  'F44: members of the group come and go: no row lost, none twice',
  { timeout: REBALANCES * ROUND_TIMEOUT_MS },
  async () => {
    const mesh = testMesh();
    let stays = await startService(mesh);
    const traffic = startTraffic(mesh);
    for (let change = 0; change < REBALANCES; change++) {
      const before = await count(mesh, 'blocks');
      const comes = await startService(mesh);
      await untilBlocks(mesh, 'access', before / 2 + 2);
      await sleep(REBALANCE_EVERY_MS);
      // Who was there longer goes, in turn by its own will and by death.
      await stays.kill(change % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
      stays = comes;
    }
    await traffic.stop();
    await untilBlocks(mesh, 'access', traffic.blocks());
    await untilBlocks(mesh, 'metrics', traffic.blocks());
    await expectExactly(mesh, traffic.rows());
    note(
      'F44',
      `${REBALANCES} members came and went`,
      `${traffic.rows()} rows: 0 missing, 0 double`,
    );
    expect((await stays.get<AuditResponse>('/v1/audit')).ok).toBe(true);
    expect(await stays.kill('SIGTERM')).toBe(0);
  },
);

test('F46: ClickHouse away: nothing moves, one line says so, then it catches up', async () => {
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
