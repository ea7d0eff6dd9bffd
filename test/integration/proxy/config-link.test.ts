import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { freePorts, startParts } from '#local/parts.ts';
import { eventually } from '#test/eventually.ts';
import { freePort, natsUrl, tempDir } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { TestMesh, gateway, route, service, slice } from './mesh.ts';
import { fetchOnce, startApp, startProxy } from './proxy-process.ts';

const flags = (mesh: TestMesh, url = natsUrl()): string[] => [
  ...['--name', 'edge-1', '--role', 'gateway', '--mesh', mesh.name, '--nats', url],
];

/** A NATS server of the test's own, since it is taken away. */
async function ownNats() {
  const { NATS_URL: _, ...env } = process.env;
  const parts = await startParts({
    ...{ dataDir: tempDir(), ports: await freePorts(), only: ['nats'], env },
  });
  onTestFinished(() => parts.stop());
  const { nats } = parts;
  if (nats === undefined) throw new Error('no NATS was started');
  return nats;
}

test('a change becomes traffic and a receipt; a removal closes its listener', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const [one, two] = [await freePort(), await freePort()];
  const proxy = startProxy(flags(mesh));
  await proxy.ready();
  const first = await mesh.apply([
    ...[gateway([one]), service('echo'), slice('echo', app.port), route('echo', 'echo')],
  ]);
  const receipt = await mesh.receipt('edge-1', first);
  expect(receipt).toMatchObject({
    ...{ mesh: mesh.name, result: 'applied', problems: [] },
    logDigest: mesh.log.state.digest,
    revision: { epoch: 1, sequence: first },
  });
  expect((await fetchOnce({ port: one, path: '/a' })).status).toBe(200);
  await mesh.receipt('edge-1', await mesh.apply([gateway([two])]));
  expect((await fetchOnce({ port: two, path: '/a' })).status).toBe(200);
  await expect(fetchOnce({ port: one })).rejects.toThrow('ECONNREFUSED');
  expect(await proxy.stop()).toBe(0);
});

test('says that it lives, what it serves, and goodbye', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const proxy = startProxy(flags(mesh));
  await proxy.ready();
  const sequence = await mesh.apply([service('a')]);
  const beat = await eventually(
    () => mesh.heartbeats.find((each) => each.revision.sequence === sequence),
    { timeoutMs: 10_000, what: 'a heartbeat with the revision' },
  );
  expect(beat).toMatchObject({
    ...{ proxy: 'edge-1', role: 'gateway', state: 'up', workers: 1 },
    logDigest: mesh.log.state.digest,
  });
  await proxy.stop();
  await eventually(() => mesh.heartbeats.at(-1)?.state === 'goodbye' || undefined, {
    timeoutMs: 2_000,
    what: 'the goodbye',
  });
  expect(mesh.heartbeats.map((each) => each.state)).toContain('draining');
});

test('a port in use: partial with the reason, the rest serves, tried again by itself', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const [free, taken] = [await freePort(), await freePort()];
  const squatter = createServer().listen(taken, '127.0.0.1');
  await once(squatter, 'listening');
  onTestFinished(() => void squatter.close());
  const proxy = startProxy(flags(mesh));
  const sequence = await mesh.apply([
    ...[gateway([free, taken]), service('echo'), slice('echo', app.port), route('echo', 'echo')],
  ]);
  const receipt = await mesh.receipt('edge-1', sequence);
  expect(receipt.result).toBe('partial');
  expect(receipt.problems).toMatchObject([
    {
      resource: 'Gateway/shop/edge',
      reason: 'cannot_apply',
      path: `spec.listeners[name=p${taken}].port`,
    },
  ]);
  expect(receipt.problems[0]?.message).toContain('another program uses it');
  expect((await fetchOnce({ port: free })).status).toBe(200);
  squatter.close();
  await eventually(() => mesh.receipts.find((each) => each.result === 'applied'), {
    timeoutMs: 10_000,
    what: 'the receipt after the port became free',
  });
  expect((await fetchOnce({ port: taken })).status).toBe(200);
  await proxy.stop();
});

test('a forged event is rejected and what was stays in service', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const port = await freePort();
  const proxy = startProxy(flags(mesh));
  const good = await mesh.apply([
    ...[gateway([port]), service('echo'), slice('echo', app.port), route('echo', 'echo')],
  ]);
  await mesh.receipt('edge-1', good);
  const event = mesh.log.write([gateway([await freePort()])]);
  const bad = await mesh.publish({ ...event, upserts: [] });
  const receipt = await mesh.receipt('edge-1', bad);
  expect(receipt).toMatchObject({ result: 'rejected' });
  expect(receipt.problems[0]?.message).toContain('digest');
  expect((await fetchOnce({ port })).status).toBe(200);
  await proxy.stop();
});

test('F28, F29: serves with NATS away, starts from disk without it, and catches up', async () => {
  const nats = await ownNats();
  const mesh = await TestMesh.start(nats.address);
  const app = await startApp('echo');
  const port = await freePort();
  const dataDir = tempDir();
  const first = startProxy(flags(mesh, nats.address), { dataDir });
  const sequence = await mesh.apply([...[gateway([port]), service('echo'), route('echo', 'echo')]]);
  await mesh.endpoints('shop/echo', [{ port: app.port, proxy: 'echo-1' }]);
  await mesh.receipt('edge-1', sequence);
  const served = (): Promise<true | undefined> =>
    fetchOnce({ port }).then(
      ({ status }) => status === 200 || undefined,
      () => undefined,
    );
  await eventually(served, { timeoutMs: 5_000, what: 'the announced endpoint is used' });
  await eventually(
    () => readFileSync(path.join(dataDir, 'snapshot.json'), 'utf8').includes('echo-1') || undefined,
    { timeoutMs: 5_000, what: 'the endpoints are on disk' },
  );
  await nats.kill('SIGKILL');
  expect((await fetchOnce({ port })).status).toBe(200);
  first.child.kill('SIGKILL');
  await first.exited;

  const startedMs = performance.now();
  const second = startProxy(flags(mesh, nats.address), { dataDir });
  await second.ready();
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  expect((await fetchOnce({ port })).status).toBe(200);
  expect(JSON.parse((await second.admin('/snapshot')).body)).toMatchObject({
    revision: { sequence },
    digest: mesh.log.state.digest,
  });

  await nats.restart();
  await mesh.createReceipts();
  const next = await mesh.apply([route('other', 'echo', '/other')]);
  expect(await mesh.receipt('edge-1', next, 20_000)).toMatchObject({ result: 'applied' });
  expect(await second.stop()).toBe(0);
});

test('F29: without NATS and without a snapshot it is not ready, and then it is', async () => {
  const nats = await ownNats();
  const mesh = await TestMesh.start(nats.address, { streams: false });
  await nats.kill('SIGKILL');
  const proxy = startProxy(flags(mesh, nats.address));
  await eventually(() => proxy.log().some(({ msg }) => msg === 'NATS is away') || undefined, {
    timeoutMs: 10_000,
    what: 'it says that NATS is away',
  });
  expect((await proxy.admin('/readyz')).status).toBe(503);
  expect((await proxy.admin('/healthz')).status).toBe(200);
  await nats.restart();
  await eventually(
    () => proxy.log().some(({ msg }) => /config service started/.test(String(msg))) || undefined,
    { timeoutMs: 10_000, what: 'it says what is missing' },
  );
  expect(proxy.stdout()).toBe('');
  await mesh.createStreams();
  await proxy.ready();
  expect((await proxy.admin('/readyz')).status).toBe(200);
});

test('a damaged snapshot is not served: the one before is', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const dataDir = tempDir();
  const first = startProxy(flags(mesh), { dataDir });
  for (const name of ['a', 'b']) {
    await mesh.receipt('edge-1', await mesh.apply([service(name)]));
    const file = path.join(dataDir, 'snapshot.json');
    await eventually(
      () => {
        try {
          return readFileSync(file, 'utf8').includes(`Service/shop/${name}`) || undefined;
        } catch {
          return undefined; // Not written yet.
        }
      },
      { timeoutMs: 5_000, what: `${name} is on disk` },
    );
  }
  await first.stop();
  writeFileSync(path.join(dataDir, 'snapshot.json'), 'half a li');
  const second = startProxy([...flags(mesh, 'nats://127.0.0.1:1')], { dataDir });
  await second.ready();
  const snapshot = JSON.parse((await second.admin('/snapshot')).body) as { resources: object[] };
  expect(snapshot.resources).toHaveLength(1);
});

test('a name is held by one live proxy, and free again after a crash', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const first = startProxy(flags(mesh));
  await first.ready();
  const second = startProxy(flags(mesh));
  expect(await second.exited).toBe(1);
  expect(second.stderr()).toContain('a live proxy of mesh');
  first.child.kill('SIGKILL');
  await first.exited;
  const third = startProxy(flags(mesh));
  await third.ready();
});

test('wrong use: one sentence and status 2', async () => {
  const proxy = startProxy(['--role', 'router']);
  expect(await proxy.exited).toBe(2);
  expect(proxy.stderr()).toMatch(/^windrose proxy: .*\n$/);
});
