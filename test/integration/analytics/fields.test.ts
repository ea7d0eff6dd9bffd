// What TelemetryPolicies record besides, and sampling: from blocks of both schemas to answers.
import type { RecordsResponse, TotalsResponse } from '#contracts/api/analytics.ts';
import { expect, test } from 'vitest';
import { message, startService, testMesh, untilBlocks } from './mesh.ts';

const startMs = Math.floor(Date.now() / 60_000) * 60_000 - 5 * 60_000;
const [from, to] = [startMs, startMs + 60_000].map((ms) => new Date(ms).toISOString());
const range = `from=${from}&to=${to}`;
const at = (second: number): number => (startMs + second * 1_000) * 1_000;

test('blocks of both schemas stand side by side, and records count by weight', async () => {
  const mesh = testMesh();
  const service = await startService(mesh, {});
  const old = Array.from({ length: 4 }, (_, i) => ({ time: at(i), request_id: `old${i}` }));
  const fresh = [
    { time: at(10), request_id: 'a', fields: 'tenant=acme,plan=gold', weight: 10 },
    { time: at(11), request_id: 'b', fields: 'tenant=acme', weight: 10, status: 503 },
    { time: at(12), request_id: 'c', fields: 'tenant=zeta' },
    { time: at(13), request_id: 'd', path_template: '/orders/{id}' },
  ];
  const sent = [
    mesh.send('access', 0, message('access', old, { schema: 1, instance: 'old' })),
    mesh.send(
      'access',
      0,
      message('access', fresh, { schema: 2, instance: 'new', served: 104, sampledOut: 100 }),
    ),
    mesh.send('access', 0, message('access', old, { schema: 1, instance: 'older' })),
    // Nothing but the count of what was not kept.
    mesh.send(
      'access',
      0,
      message('access', [], { instance: 'new', seq: 2, served: 110, sampledOut: 106 }),
    ),
  ];
  await Promise.all(sent);
  await untilBlocks(mesh, 'access', 4);

  const by = await service.get<TotalsResponse>(`/v1/analytics/top?${range}&by=field.tenant`);
  expect(by.rows.map(({ key, requests, errors }) => [key, requests, errors])).toEqual([
    ['acme', 20, 10],
    ['(none)', 9, 0],
    ['zeta', 1, 0],
  ]);
  const gold = await service.get<TotalsResponse>(
    `/v1/analytics/totals?${range}&field=plan%3Dgold&by=template`,
  );
  expect(gold.rows.map(({ key, requests }) => [key, requests])).toEqual([['(none)', 10]]);
  const records = await service.get<RecordsResponse>(`/v1/records?${range}&field=tenant%3Dzeta`);
  expect(records.items).toMatchObject([{ request_id: 'c', weight: 1, fields: { tenant: 'zeta' } }]);
  const audit = await service.get<{ ok: boolean; items: object[] }>('/v1/audit');
  expect(audit).toMatchObject({ ok: true });
  expect(audit.items).toContainEqual(
    expect.objectContaining({ instance: 'new', served: 110, stored: 4, sampledOut: 106 }),
  );
});
