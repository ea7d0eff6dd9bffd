// F28 to F31 and F40: what a proxy follows is away, silent, repeats itself, or cannot be kept.
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '#test/eventually.ts';
import { freePort, natsUrl, tempDir } from '#test/parts.ts';
import { expect, it } from 'vitest';
import { Relay } from '../integration/config/support.ts';
import { TestMesh, gateway, route, service, slice } from '../integration/proxy/mesh.ts';
import {
  Load,
  type ProxyProcess,
  fetchOnce,
  startApp,
  startProxy,
} from '../integration/proxy/proxy-process.ts';
import { isDrill } from './support/call.ts';
import { ownNats } from './support/cluster.ts';
import { note } from './support/figures.ts';

const AWAY_MS = isDrill ? 600_000 : 3_000;
const TEST_MS = AWAY_MS + 60_000;
/** What a start without NATS may take. */
const COLD_START_MS = 2_000;
/** What a stalled watch may stay unnoticed. */
const STALL_MS = 30_000;

const flags = (mesh: TestMesh, url: string): string[] => [
  ...['--name', 'edge-1', '--role', 'gateway', '--mesh', mesh.name, '--nats', url],
];

async function metric(proxy: ProxyProcess, name: string): Promise<number> {
  const { body } = await proxy.admin('/metrics');
  return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(body)?.[1]);
}

async function onDisk(dataDir: string, text: string): Promise<void> {
  const file = join(dataDir, 'snapshot.json');
  await eventually(
    () => (existsSync(file) && readFileSync(file, 'utf8').includes(text)) || undefined,
    { timeoutMs: 10_000, what: `${text} is on disk` },
  );
}

it(
  'F28: NATS away: serves every request, says that it is cut off, and catches up',
  async () => {
    const nats = await ownNats();
    const mesh = await TestMesh.start(nats.address);
    const app = await startApp('echo');
    const port = await freePort();
    const proxy = startProxy(flags(mesh, nats.address));
    const first = await mesh.apply([
      ...[gateway([port]), service('echo'), slice('echo', app.port), route('echo', 'echo')],
    ]);
    await mesh.receipt('edge-1', first);
    expect(await metric(proxy, 'windrose_proxy_connected')).toBe(1);
    await nats.kill('SIGKILL');
    const load = new Load({ port, path: '/a' }, 4);
    const connected = async (): Promise<true | undefined> =>
      (await metric(proxy, 'windrose_proxy_connected')) === 0 || undefined;
    await eventually(connected, { timeoutMs: 20_000, what: 'it says that it is cut off' });
    await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
    await load.stop();
    expect(load.failures).toEqual([]);
    expect([...load.statuses.keys()]).toEqual([200]);
    await nats.restart();
    await mesh.createReceipts();
    const next = await mesh.apply([route('other', 'echo', '/other')]);
    expect(await mesh.receipt('edge-1', next, 20_000)).toMatchObject({ result: 'applied' });
    expect(await metric(proxy, 'windrose_proxy_connected')).toBe(1);
    note('F28', `NATS away for ${AWAY_MS / 1_000} s`, `${load.sent} requests, none failed`);
  },
  TEST_MS,
);

it('F29: without NATS it serves from disk within 2 s of its start', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const port = await freePort();
  const dataDir = tempDir();
  const first = startProxy(flags(mesh, natsUrl()), { dataDir });
  const sequence = await mesh.apply([
    ...[gateway([port]), service('echo'), slice('echo', app.port), route('echo', 'echo')],
  ]);
  await mesh.receipt('edge-1', sequence);
  await onDisk(dataDir, 'HTTPRoute/shop/echo');
  first.child.kill('SIGKILL');
  await first.exited;
  const startedMs = performance.now();
  const second = startProxy(flags(mesh, 'nats://127.0.0.1:1'), { dataDir });
  await second.ready();
  const tookMs = performance.now() - startedMs;
  expect((await fetchOnce({ port, path: '/a' })).status).toBe(200);
  note('F29', 'start from disk without NATS until ready', `${tookMs.toFixed(0)} ms`);
  expect(tookMs).toBeLessThan(COLD_START_MS);
});

it('F30: a link that says nothing more is noticed within 30 s', async () => {
  const relay = new Relay();
  await relay.listen();
  const mesh = await TestMesh.start(natsUrl());
  const proxy = startProxy(flags(mesh, relay.url));
  await proxy.ready();
  await mesh.receipt('edge-1', await mesh.apply([service('a')]));
  relay.silence();
  const startedMs = performance.now();
  const next = await mesh.apply([service('b')]);
  const receipt = await mesh.receipt('edge-1', next, STALL_MS);
  expect(receipt).toMatchObject({ result: 'applied', logDigest: mesh.log.state.digest });
  const tookS = (performance.now() - startedMs) / 1_000;
  note('F30', 'a link that goes silent: until the change is served', `${tookS.toFixed(1)} s`);
});

it('F31: events repeated and out of order: every proxy ends in the same state', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const follower = startProxy(flags(mesh, natsUrl()));
  await follower.ready();
  const one = mesh.log.write([service('a'), service('b')]);
  const two = mesh.log.write([service('c')], [{ kind: 'Service', namespace: 'shop', name: 'a' }]);
  const three = mesh.log.write([service('a')]);
  let last = 0;
  for (const event of [two, one, one, three, two, one, two, three]) {
    last = await mesh.publish(event);
  }
  const receipt = await mesh.receipt('edge-1', last);
  expect(receipt).toMatchObject({ result: 'applied', logDigest: mesh.log.state.digest });
  const late = startProxy(['--name', 'edge-2', ...flags(mesh, natsUrl()).slice(2)]);
  await late.ready();
  await mesh.receipt('edge-2', last);
  const [left, right] = [await follower.admin('/snapshot'), await late.admin('/snapshot')];
  expect(JSON.parse(left.body)).toEqual(JSON.parse(right.body));
});

it('F40: a full disk under the snapshot: the old one stays, the next one is whole', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const dataDir = tempDir();
  const proxy = startProxy(flags(mesh, natsUrl()), { dataDir });
  await mesh.receipt('edge-1', await mesh.apply([service('a')]));
  await onDisk(dataDir, 'Service/shop/a');
  const before = readFileSync(join(dataDir, 'snapshot.json'), 'utf8');
  // What is written there fails as on a full disk: ENOSPC.
  const temporary = join(dataDir, 'snapshot.json.tmp');
  symlinkSync('/dev/full', temporary);
  await mesh.receipt('edge-1', await mesh.apply([service('b')]));
  await eventually(
    () => proxy.log().some(({ error }) => String(error).includes('ENOSPC')) || undefined,
    { timeoutMs: 10_000, what: 'it says that the disk is full' },
  );
  expect(readFileSync(join(dataDir, 'snapshot.json'), 'utf8')).toBe(before);
  rmSync(temporary);
  await mesh.receipt('edge-1', await mesh.apply([service('c')]));
  await onDisk(dataDir, 'Service/shop/c');
  proxy.child.kill('SIGKILL');
  await proxy.exited;
  const second = startProxy(flags(mesh, 'nats://127.0.0.1:1'), { dataDir });
  await second.ready();
  const { resources } = JSON.parse((await second.admin('/snapshot')).body) as {
    resources: object[];
  };
  expect(resources).toHaveLength(3);
});
