// F35 and F36: writers that die in the middle, and writers that race.
import { once } from 'node:events';
import type { ChangeSetResponse, InfoResponse } from '#contracts/api/config.ts';
import type { ProblemDetails } from '#contracts/problems.ts';
import { natsUrl, uniqueMesh } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { spawnService } from '../integration/config/spawn-service.ts';
import { Api, eventually, service, startService } from '../integration/config/support.ts';
import { replay } from './support/replay.ts';

test('F35: kill -9 in the middle of writes leaves exactly one state', async () => {
  const mesh = uniqueMesh();
  const acknowledged: string[] = [];
  for (let round = 0; round < 3; round++) {
    const { child, url } = await spawnService(mesh);
    const api = new Api(url);
    let going = true;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let i = 0; going; i++) {
        const upserts = [service(`w${writer}`, 1 + ((round * 997 + i) % 60_000))];
        try {
          acknowledged.push((await api.write({ upserts, author: `w${writer}` })).id);
        } catch {
          return; // The service was killed: that is the point.
        }
      }
    });
    const before = acknowledged.length;
    await eventually('writes are under way', () => acknowledged.length > before + 20);
    child.kill('SIGKILL');
    await once(child, 'exit');
    going = false;
    await Promise.all(writers);
  }
  const { state, ids } = await replay(natsUrl(), mesh);
  expect(acknowledged.filter((id) => !ids.includes(id))).toEqual([]);
  const { url, child } = await spawnService(mesh);
  const info = await new Api(url).get<InfoResponse>('/v1/info');
  expect(info.body.digest).toBe(state.digest);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
});

test('F36: of two writers to one resource through two services, one gets a conflict', async () => {
  const mesh = uniqueMesh();
  const [left, right] = [await startService(mesh), await startService(mesh)];
  await left.api.write({ upserts: [service('a'), service('b')], author: 'ann' });
  await eventually('the other service follows', async () => {
    return (await right.api.get<InfoResponse>('/v1/info')).body.revision === '1-1';
  });
  for (let round = 0; round < 10; round++) {
    const base = `1-${round + 1}`;
    const post = (api: Api, author: string): Promise<{ status: number; body: unknown }> => {
      const port = 100 + round * 2 + (author === 'ann' ? 0 : 1);
      const body = { upserts: [service('a', port)], author };
      return api.post('/v1/changesets', body, { 'if-match': base });
    };
    const answers = await Promise.all([post(left.api, 'ann'), post(right.api, 'bob')]);
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 409]);
    const winner = answers.find(({ status }) => status === 201)?.body as ChangeSetResponse;
    const loser = answers.find(({ status }) => status === 409)?.body as ProblemDetails;
    expect(loser.detail).toContain(`in ${winner.revision}`);
  }
  expect((await replay(natsUrl(), mesh)).state.sequence).toBe(11);
});
