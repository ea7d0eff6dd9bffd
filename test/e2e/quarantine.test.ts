// What one proxy cannot apply, and what was taken back beside it, over restarts without NATS.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Resource } from '#contracts/resources/index.ts';
import { freePorts, startParts } from '#local/parts.ts';
import { freePort, tempDir, uniqueMesh } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { runCli } from '#test/shop.ts';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, startService } from '../integration/config/support.ts';
import { gateway, route, service, slice } from '../integration/proxy/mesh.ts';
import {
  type ProxyProcess,
  fetchOnce,
  startApp,
  startProxy,
} from '../integration/proxy/proxy-process.ts';

const own = (kind: string, name: string, spec: object): object => ({
  ...{ apiVersion: 'windrose.dev/v1', kind },
  ...{ metadata: { name, namespace: 'shop' }, spec },
});

function consumer(name: string, ...keys: string[]): object {
  const credentials = keys.map((key) => {
    const sha256 = createHash('sha256').update(key).digest('hex');
    return { type: 'APIKey', id: key, sha256 };
  });
  return own('Consumer', name, { credentials });
}

/** The NATS of a mesh of the test's own, which can be taken away. */
async function startNats() {
  const { NATS_URL: _, ...env } = process.env;
  const parts = await startParts({
    ...{ dataDir: tempDir(), ports: await freePorts(), only: ['nats'], env },
  });
  onTestFinished(() => parts.stop());
  if (parts.nats === undefined) throw new Error('no NATS was started');
  return parts.nats;
}

it('a held Gateway stays held, harms no other, and a revoked key stays revoked', async () => {
  const nats = await startNats();
  const mesh = uniqueMesh();
  const config = await startService(mesh, { natsUrl: nats.address });
  await config.ready;
  const app = await startApp('echo');
  const [one, two, side] = [await freePort(), await freePort(), await freePort()];
  const flags = ['--name', 'edge-1', '--mesh', mesh, '--nats', nats.address];
  let proxy: ProxyProcess = startProxy(flags);
  await proxy.ready();

  const guard = own('AuthenticationPolicy', 'keys', {
    targetRefs: [{ kind: 'Gateway', name: 'edge' }],
    apiKey: {},
  });
  const people = [consumer('alice', 'k-alice'), consumer('bob', 'k-bob', 'k-old')];
  const echo: (Resource | object)[] = [service('echo'), slice('echo', app.port)];
  const routes = [route('echo', 'echo'), route('beside', 'echo', '/', 'side')];
  await config.api.write({
    upserts: [gateway([one]), gateway([side], 'side'), ...echo, ...routes, guard, ...people],
  });
  const asks = async (port: number, key?: string): Promise<number> => {
    const headers = key === undefined ? {} : { 'x-api-key': key };
    return (await fetchOnce({ port, headers })).status;
  };
  await eventually('the first state serves', async () => {
    return (await asks(one, 'k-alice').catch(() => 0)) === 200;
  });
  expect([await asks(one), await asks(one, 'k-old'), await asks(side)]).toEqual([401, 200, 200]);

  const holder = createServer().listen(two, '127.0.0.1');
  onTestFinished(() => void holder.close());
  await once(holder, 'listening');
  await config.api.write({
    upserts: [gateway([two]), route('beside', 'echo', '/beside', 'side'), consumer('bob', 'k-bob')],
    deletes: [{ kind: 'Consumer', namespace: 'shop', name: 'alice' }],
  });

  const holds = async (): Promise<void> => {
    await until('the old port serves', async () => (await asks(one).catch(() => 0)) === 401);
    const keys = ['k-alice', 'k-old', 'k-bob'];
    expect(await Promise.all(keys.map((key) => asks(one, key)))).toEqual([401, 401, 200]);
    expect(await asks(side)).toBe(404);
    expect((await fetchOnce({ port: side, path: '/beside' })).status).toBe(200);
  };
  const env = { WINDROSE_SERVER: config.url };
  await eventually('the receipt is there', async () =>
    (await runCli(['status'], env)).stdout.includes('partial'),
  );
  const { stdout } = await runCli(['status'], env);
  expect(stdout).toContain('its version of revision 1 stays in service');
  const shown = await runCli(['get', 'gateway', 'edge', '-n', 'shop', '-o', 'yaml'], env);
  expect(shown.stdout).toContain('PortUnavailable');
  await holds();

  // Neither a start that reaches NATS nor going back in what is not held changes that.
  await proxy.stop();
  proxy = startProxy(flags, { dataDir: proxy.dataDir });
  await proxy.ready();
  await holds();
  await config.api.write({ upserts: [route('beside', 'echo', '/elsewhere', 'side')] });
  const side404 = async () => (await fetchOnce({ port: side, path: '/beside' })).status === 404;
  await until('the route is elsewhere', side404);
  const back = await runCli(['rollback', '1-3', '--wait'], env);
  expect(back.stderr).toContain('its version of revision 1 stays in service');
  expect(back.stderr).toContain('revision 1-4 is not in effect everywhere: edge-1 (partial)');
  await holds();

  // It starts from disk, twice: what the first start wrote is what the second one reads.
  await config.stop();
  await nats.kill('SIGKILL');
  for (let start = 0; start < 2; start++) {
    await proxy.stop();
    proxy = startProxy(flags, { dataDir: proxy.dataDir });
    await proxy.ready();
    await holds();
  }
  const { body } = await proxy.admin('/snapshot');
  expect(JSON.parse(body)).toMatchObject({
    quarantined: [{ resource: 'Gateway/shop/edge', wanted: 2, kept: 1 }],
  });

  // Its cause goes away while nobody is there to say so.
  holder.close();
  await until('the new port serves', async () => (await asks(two, 'k-bob').catch(() => 0)) === 200);
  expect(await asks(two, 'k-alice')).toBe(401);
  await expect(fetchOnce({ port: one })).rejects.toThrow('ECONNREFUSED');
});
