// A service whose parts come up after it.
import { freePorts, startParts } from '#local/parts.ts';
import { eventually } from '#test/eventually.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startService, testMesh } from './mesh.ts';

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
