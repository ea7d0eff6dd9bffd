// Ten thousand routes in one change-set: by the command line, through the object store, to a proxy.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChangeSetResponse, ResourceList } from '#contracts/api/config.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { decodeJson } from '#platform/nats.ts';
import { freePort, natsUrl, tempDir, uniqueMesh } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { natsClient, startService } from '../integration/config/support.ts';
import { gateway, service, slice } from '../integration/proxy/mesh.ts';
import { fetchOnce, startApp, startProxy } from '../integration/proxy/proxy-process.ts';
import { windrose } from '../unit/cli/harness.ts';

const ROUTES = 9_997;

const route = (number: number): object => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: `route-${number}`, namespace: 'shop' },
  spec: {
    parentRefs: [{ name: 'edge' }],
    hostnames: [`host-${number}.test`],
    rules: [{ backendRefs: [{ name: 'app', port: 80 }] }],
  },
});

test('apply --wait takes them to a proxy; history, show and rollback go on working', async () => {
  const mesh = uniqueMesh();
  const { url, api } = await startService(mesh);
  const cli = (...args: string[]) =>
    windrose(args, { env: { WINDROSE_SERVER: url }, wallMs: Date.now });
  const app = await startApp('app');
  const port = await freePort();
  const proxy = startProxy([
    ...['--name', 'edge-1', '--role', 'gateway', '--mesh', mesh, '--nats', natsUrl()],
  ]);
  await proxy.ready();

  const many = Array.from({ length: ROUTES }, (_, i) => route(i));
  const all = [gateway([port]), service('app'), slice('app', app.port), ...many];
  const file = join(tempDir(), 'routes.json');
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: all }));
  const applied = await cli('apply', '-f', file, '-o', 'json', '--wait=60s');
  expect(applied.status).toBe(0);
  const response = JSON.parse(applied.out) as ChangeSetResponse;
  expect(response).toMatchObject({ revision: '1-1', created: true });
  expect(response.changes).toHaveLength(10_000);
  const last = `host-${ROUTES - 1}.test`;
  const answer = await fetchOnce({ port, path: '/', headers: { host: last } });
  expect(answer.status).toBe(200);

  const manager = await (await natsClient()).jetstreamManager();
  const stored = await manager.streams.getMessage(meshSubjects(mesh).streams.config, { seq: 1 });
  expect(decodeJson(stored.data)).toHaveProperty('body.object');

  expect((await cli('apply', '-f', file)).out).toContain('nothing changed');
  expect((await cli('history')).out).toContain('10000 created');
  expect((await cli('show', '1', '-o', 'json')).status).toBe(0);
  expect((await cli('rollback', '--wait=60s')).status).toBe(0);
  await expect(fetchOnce({ port, path: '/', headers: { host: last } })).rejects.toThrow(
    'ECONNREFUSED',
  );
  expect((await cli('rollback', '--to', '1', '--wait=60s')).status).toBe(0);
  const list = await api.get<ResourceList>('/v1/resources/httproute');
  expect(list.body.items).toHaveLength(ROUTES);
  const again = await fetchOnce({ port, path: '/', headers: { host: last } });
  expect(again.status).toBe(200);
}, 180_000);
