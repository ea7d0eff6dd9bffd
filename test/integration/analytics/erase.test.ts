// Erasing the address of a client, in a real table.
import type { EraseResponse } from '#contracts/api/analytics.ts';
import { systemClock } from '#platform/clock.ts';
import { expect, test } from 'vitest';
import { eraseAddress } from '../../../services/analytics/api/erase.ts';
import { applySchema } from '../../../services/analytics/schema/apply.ts';
import { MIGRATIONS } from '../../../services/analytics/schema/migrations.ts';
import { type TestMesh, count, recordBlock, startService, testMesh } from './mesh.ts';

const HOUR_MS = 3_600_000;
const ANN = '203.0.113.7';
const BOB = '2001:db8::7';

/** Two hours ago and just now: a row of each, and a third of Bob. */
async function fill(mesh: TestMesh): Promise<void> {
  const nowMs = Date.now();
  const row = (agoMs: number, address: string) => ({
    ...{ time: (nowMs - agoMs) * 1_000, client_address: address, path: `/of/${address}` },
  });
  for (const agoMs of [2 * HOUR_MS, 1_000]) {
    const rows = [row(agoMs, ANN), row(agoMs, BOB), row(agoMs, '203.0.113.77')];
    await mesh.clickhouse.insertNative('records', [recordBlock(rows)], `block ${agoMs}`);
  }
}

const having = (mesh: TestMesh, address: string) =>
  count(mesh, `records WHERE client_address = '${address}'`);

test('the address is emptied in all rows that have it, and nothing else changes', async () => {
  const mesh = testMesh();
  await applySchema(mesh.clickhouse, MIGRATIONS);
  await fill(mesh);
  const service = await startService(mesh);
  const erase = (body: object) => service.post<EraseResponse>('/v1/records/erase', body);
  const first = await erase({ clientAddress: ANN });
  expect([first.status, first.body]).toEqual([
    200,
    expect.objectContaining({ rows: 2, remaining: 0, from: '1970-01-01T00:00:00.000Z' }),
  ]);
  expect([await having(mesh, ANN), await having(mesh, ''), await count(mesh, 'records')]).toEqual([
    ...[0, 2, 6],
  ]);
  expect([await having(mesh, BOB), await having(mesh, '203.0.113.77')]).toEqual([2, 2]);
  // Said as it is in the README: what else may tell whose it was stays.
  expect(await count(mesh, `records WHERE path = '/of/${ANN}'`)).toBe(2);
  expect((await erase({ clientAddress: ANN })).body).toMatchObject({ rows: 0, remaining: 0 });
  // Neither ClickHouse's list of mutations nor our log has the address.
  const commands = await mesh.clickhouse.query<{ command: string }>(
    "SELECT command FROM system.mutations WHERE database = currentDatabase() AND table = 'records'",
  );
  const erasures = commands.filter(({ command }) => command.includes('SHA256'));
  expect(erasures).toHaveLength(1);
  expect(JSON.stringify(commands)).not.toContain(ANN);
  expect(service.stderr()).not.toContain(ANN);
  expect(service.stderr()).toMatch(/"by":"anybody".*"rows":2.*a client address was erased/);
});

test('only rows of the time that was asked', async () => {
  const mesh = testMesh();
  await applySchema(mesh.clickhouse, MIGRATIONS);
  await fill(mesh);
  const request = { clientAddress: BOB, from: '-3h', to: '-1h' };
  const answer = await eraseAddress(mesh.clickhouse, request, systemClock);
  expect(answer).toMatchObject({ rows: 1, remaining: 0 });
  expect(await having(mesh, BOB)).toBe(1);
});

test('asked again while it goes on, nothing starts twice; then it ends', async () => {
  const mesh = testMesh();
  const { clickhouse } = mesh;
  await applySchema(clickhouse, MIGRATIONS);
  await fill(mesh);
  const mutations = () =>
    count(mesh, "system.mutations WHERE database = currentDatabase() AND command LIKE '%SHA256%'");
  await clickhouse.command('SYSTEM STOP MERGES records');
  // Its time passes at once.
  let nowMs = 0;
  const hasty = {
    ...systemClock,
    nowMs: () => (nowMs += 10_000),
  };
  const request = { clientAddress: ANN };
  for (let time = 0; time < 2; time++) {
    const answer = await eraseAddress(clickhouse, request, hasty);
    expect(answer).toMatchObject({ rows: 2, remaining: 2 });
  }
  expect(await mutations()).toBe(1);
  await clickhouse.command('SYSTEM START MERGES records');
  expect(await eraseAddress(clickhouse, request, systemClock)).toMatchObject({ remaining: 0 });
  expect(await having(mesh, ANN)).toBe(0);
});

test('what is no address or no time is refused before anything is asked', async () => {
  const mesh = testMesh();
  const erase = (clientAddress: string, from = '-1h') =>
    eraseAddress(mesh.clickhouse, { clientAddress, from }, systemClock);
  await expect(erase("' OR 1 = 1")).rejects.toThrow('clientAddress is no IPv4 or IPv6 address');
  await expect(erase('203.0.113.0/24')).rejects.toThrow(/is no IPv4 or IPv6 address/);
  await expect(erase(ANN, 'yesterday')).rejects.toThrow(/from yesterday is no time/);
});
