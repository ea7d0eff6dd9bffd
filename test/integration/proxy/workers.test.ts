import { writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { stringify } from 'yaml';
import type { Resource } from '#contracts/resources/index.ts';
import { eventually } from '#test/eventually.ts';
import { freePort, natsUrl, tempDir } from '#test/parts.ts';
import { isAlive, until } from '#test/processes.ts';
import { childrenOf } from '#test/shop.ts';
import { expect, test } from 'vitest';
import { TestMesh, gateway, route, service, slice } from './mesh.ts';
import { type ProxyProcess, fetchOnce, startApp, startProxy } from './proxy-process.ts';

function writeResources(resources: Resource[]): string {
  const file = path.join(tempDir(), 'shop.yaml');
  writeFileSync(file, resources.map((each) => stringify(each)).join('---\n'));
  return file;
}

interface Series {
  worker: string;
  value: number;
}

/** Values of one of the proxy's own metrics by worker. */
async function byWorker(proxy: ProxyProcess, name: string): Promise<Series[]> {
  const { body } = await proxy.admin('/metrics');
  const pattern = new RegExp(`^${name}\\{worker="(\\d+)"\\} (\\d+)$`, 'gm');
  return [...body.matchAll(pattern)].map((match) => ({
    worker: match[1] ?? '',
    value: Number(match[2]),
  }));
}

test('kill -9 of the supervisor: no worker is left behind', async () => {
  const file = writeResources([gateway([await freePort()])]);
  const proxy = startProxy(['--resources', file, '--workers', '2']);
  await proxy.ready();
  const workers = childrenOf(proxy.child.pid ?? 0);
  proxy.child.kill('SIGKILL');
  await proxy.exited;
  await until('the workers have ended', () => !workers.some(isAlive), 2_000);
});

test('every worker serves a revision before its receipt, also on sockets added later', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const [one, two] = [await freePort(), await freePort()];
  const flags = ['--name', 'edge-1', '--mesh', mesh.name, '--nats', natsUrl(), '--workers', '2'];
  const proxy = startProxy(flags);
  await proxy.ready();
  const first = [service('echo'), slice('echo', app.port), route('echo', 'echo')];
  await mesh.receipt('edge-1', await mesh.apply([gateway([one]), ...first]));
  await mesh.receipt('edge-1', await mesh.apply([gateway([one, two])]));
  await mesh.endpoints('shop/echo', []);
  for (const port of [one, two]) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetchOnce({ port })));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  }
  await mesh.receipt('edge-1', await mesh.apply([gateway([two])]));
  await expect(fetchOnce({ port: one })).rejects.toThrow('ECONNREFUSED');
  // A worker that comes later has the state that the others have.
  const [victim = 0] = childrenOf(proxy.child.pid ?? 0);
  process.kill(victim, 'SIGKILL');
  await eventually(
    async () => (await byWorker(proxy, 'windrose_proxy_connections')).length === 2 || undefined,
    { timeoutMs: 5_000, what: 'the worker is replaced' },
  );
  const sequence = await mesh.apply([route('more', 'echo', '/more')]);
  expect(await mesh.receipt('edge-1', sequence)).toMatchObject({ result: 'applied' });
  expect(mesh.heartbeats.at(-1)?.workers).toBe(2);
  expect(await proxy.stop()).toBe(0);
});

test.each([1, 2])('F02: SIGTERM with %i worker(s): no request fails', async (workers) => {
  const app = await startApp('echo', (_request, response) => {
    setTimeout(() => response.end('ok'), 20);
  });
  const port = await freePort();
  const file = writeResources([
    ...[gateway([port]), service('echo'), slice('echo', app.port), route('echo', 'echo')],
  ]);
  const proxy = startProxy(['--resources', file, '--workers', String(workers)]);
  await proxy.ready();
  // Each connection sends one request after the other until it is told to close.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const agents = [agent, ...Array.from({ length: 15 }, () => new http.Agent({ keepAlive: true }))];
  let answered = 0;
  const loops = agents.map(async (each) => {
    for (;;) {
      const { status, headers } = await fetchOnce({ port, agent: each });
      expect(status).toBe(200);
      answered++;
      if (headers.connection === 'close') return;
    }
  });
  await until('traffic flows', () => answered > 50);
  const exited = proxy.stop();
  await Promise.all(loops);
  expect(await exited).toBe(0);
  await expect(fetchOnce({ port })).rejects.toThrow('ECONNREFUSED');
  for (const each of agents) each.destroy();
});
