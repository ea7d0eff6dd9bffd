// The audit adds up when every record is accounted for, and fails when one is not.
import type { AuditResponse } from '#contracts/api/analytics.ts';
import type { BlockHeaders } from '#contracts/topics.ts';
import { eventually } from '#test/eventually.ts';
import { expect, test } from 'vitest';
import { count, message, recordBlock, startService, testMesh, untilBlocks } from './mesh.ts';
import { startTraffic } from './traffic.ts';

const rowsOf = (rows: number) => Array.from({ length: rows }, () => ({ time: Date.now() * 1_000 }));

test('every way a worker can stand', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  let sent = 0;
  const send = async (instance: string, rows: number, head: Partial<BlockHeaders>) => {
    sent++;
    await mesh.send('access', 0, message('access', rowsOf(rows), { instance, ...head }));
  };
  const audit = async () => {
    await untilBlocks(mesh, 'access', sent);
    const found = await service.get<AuditResponse>('/v1/audit');
    const lines = found.items.map((item) => {
      const { proxy: _, instance, worker: _worker, ok, ...numbers } = item;
      return [instance, { ...numbers, ok }] as const;
    });
    return { ok: found.ok, ...Object.fromEntries(lines) };
  };
  const line = { sampledOut: 0, dropped: 0, crashLost: 0, bound: 0, blocksMissing: 0, ok: true };

  await send('lives', 4, { seq: 1, served: 4 });
  await send('lives', 3, { seq: 2, served: 7 });
  await send('samples', 2, { seq: 1, served: 10, sampledOut: 8 });
  // Block 2 was dropped for lack of room, which block 3 says.
  await send('drops', 2, { seq: 1, served: 2 });
  await send('drops', 1, { seq: 3, served: 8, dropped: 5 });
  await send('ended', 5, { seq: 1, served: 5 });
  await send('ended', 0, { seq: 2, served: 5, end: 1 });
  // It closed 9 rows in three blocks, of which the last never got to Kafka.
  await send('crashed', 3, { seq: 1, served: 3 });
  await send('crashed', 4, { seq: 2, served: 7 });
  await send('crashed', 0, { seq: 4, served: 9, end: 2, bound: 1_000 });
  expect(await audit()).toEqual({
    ok: true,
    lives: { ...line, served: 7, stored: 7, blocks: 2 },
    samples: { ...line, served: 10, stored: 2, sampledOut: 8, blocks: 1 },
    drops: { ...line, served: 8, stored: 3, dropped: 5, blocks: 2, blocksMissing: 1 },
    ended: { ...line, served: 5, stored: 5, blocks: 2 },
    crashed: {
      ...line,
      ...{ served: 9, stored: 7, crashLost: 2, bound: 1_000, blocks: 3, blocksMissing: 1 },
    },
  });

  // A block that nobody dropped is missing.
  await send('lives', 2, { seq: 4, served: 12 });
  const missing = { ...line, served: 12, stored: 9, blocks: 3, blocksMissing: 1, ok: false };
  expect(await audit()).toMatchObject({ ok: false, lives: missing, ended: { ok: true } });
  await send('lives', 3, { seq: 3, served: 10 });
  expect(await audit()).toMatchObject({ ok: true, lives: { blocksMissing: 0, ok: true } });

  // Rows that no block brought.
  const extra = recordBlock(rowsOf(1), { instance: 'ended' });
  await mesh.clickhouse.insertNative('records', [extra], 'by hand');
  expect(await audit()).toMatchObject({ ok: false, ended: { served: 5, stored: 6, ok: false } });
  await mesh.clickhouse.command("ALTER TABLE records DELETE WHERE instance = 'ended'", undefined, {
    settings: { mutations_sync: 1 },
  });
  expect(await audit()).toMatchObject({ ok: false, ended: { served: 5, stored: 0, ok: false } });
});

test('it adds up at every moment while traffic flows', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  const traffic = startTraffic(mesh);
  await untilBlocks(mesh, 'access', 4);
  const first = await count(mesh, 'records');
  for (let look = 0; look < 8; look++) {
    const found = await service.get<AuditResponse>('/v1/audit');
    expect(found).toMatchObject({ ok: true });
  }
  const more = await eventually(
    async () => ((await count(mesh, 'records')) > first ? true : undefined),
    { what: 'more records than at first', timeoutMs: 45_000 },
  );
  expect(more).toBe(true);
  expect(await service.get<AuditResponse>('/v1/audit')).toMatchObject({ ok: true });
  await traffic.stop();
});
