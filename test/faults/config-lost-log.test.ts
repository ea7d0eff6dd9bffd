// F34: the config log is lost, or comes back from an older copy. That must roll nothing back.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  InfoResponse,
  ProxyList,
  RecoverResponse,
  ResourceList,
} from '#contracts/api/config.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { ROOT } from '#local/install.mjs';
import { fetchNats } from '#local/nats/server.ts';
import { freePort, natsUrl, tempDir, uniqueMesh } from '#test/parts.ts';
import { connect } from 'nats';
import { expect, onTestFinished, test } from 'vitest';
import { type Api, eventually, natsClient, startService } from '../integration/config/support.ts';
import { gateway, route, service, slice } from '../integration/proxy/mesh.ts';
import {
  type ProxyProcess,
  fetchOnce,
  startApp,
  startProxy,
} from '../integration/proxy/proxy-process.ts';
import { windrose } from '../unit/cli/harness.ts';

/** A nats-server process of the test's own, whose store can be copied while it is down. */
class OwnNats {
  readonly port: number;
  readonly folder = tempDir();
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
    onTestFinished(() => this.stop());
  }

  static async start(): Promise<OwnNats> {
    const server = new OwnNats(await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const conf = join(this.folder, 'nats.conf');
    mkdirSync(join(this.folder, 'store'), { recursive: true });
    writeFileSync(
      conf,
      `listen: "127.0.0.1:${this.port}"\njetstream { store_dir: "${this.folder}/store" }`,
    );
    const program = await fetchNats({
      cacheDir: join(ROOT, '.windrose/parts'),
      env: process.env,
      progress: () => undefined,
    });
    this.#child = spawn(program, ['-c', conf], { stdio: 'ignore' });
    await eventually('NATS listens', async () => {
      const connection = await connect({ servers: this.url, reconnect: false }).catch(
        () => undefined,
      );
      await connection?.close();
      return connection !== undefined;
    });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  keep(): void {
    cpSync(join(this.folder, 'store'), join(this.folder, 'copy'), { recursive: true });
  }

  bringBack(): void {
    rmSync(join(this.folder, 'store'), { recursive: true });
    cpSync(join(this.folder, 'copy'), join(this.folder, 'store'), { recursive: true });
  }
}

interface Shop {
  mesh: string;
  api: Api;
  url: string;
  port: number;
  proxy: ProxyProcess;
  flags: string[];
  stop: () => Promise<void>;
}

/** A config service and a gateway that serves an app; three revisions. */
async function openShop(url = natsUrl()): Promise<Shop> {
  const mesh = uniqueMesh();
  const config = await startService(mesh, { natsUrl: url });
  await config.ready;
  const app = await startApp('app');
  const port = await freePort();
  const flags = ['--name', 'edge-1', '--role', 'gateway', '--mesh', mesh, '--nats', url];
  const proxy = startProxy(flags);
  await proxy.ready();
  await config.api.write({ upserts: [gateway([port]), service('app'), slice('app', app.port)] });
  await config.api.write({ upserts: [route('app', 'app')] });
  await config.api.write({ upserts: [service('last')] });
  const shop = { mesh, port, proxy, flags, ...config };
  await servesAt(shop, '1-3');
  expect(await statusOf(shop)).toBe(200);
  return shop;
}

async function statusOf({ port }: Shop): Promise<number> {
  return (await fetchOnce({ port, path: '/' })).status;
}

async function servesAt({ api }: Pick<Shop, 'api'>, revision: string): Promise<void> {
  await eventually(`the proxy serves ${revision}`, async () => {
    const { items } = (await api.get<ProxyList>('/v1/proxies')).body;
    const [edge] = items ?? [];
    const { epoch, sequence } = edge?.heartbeat.revision ?? {};
    return edge?.state === 'up' && `${epoch}-${sequence}` === revision;
  });
}

async function refusesWrites({ api }: Shop, why: string): Promise<void> {
  await eventually(`/readyz says ${why}`, async () => {
    const { reason = '' } = (await api.get<{ reason?: string }>('/readyz')).body;
    return reason.includes('lost or restored from an older copy') && reason.includes(why);
  });
  const refused = await api.refused({ upserts: [service('new')] });
  expect(refused).toMatchObject({ status: 503 });
  expect(refused.detail).toContain(why);
}

/** By the command line; answers the revision that begins the epoch. */
async function recover(shop: Shop, ...args: string[]): Promise<RecoverResponse> {
  const ran = await windrose(['recover', '-o', 'json', ...args], {
    env: { WINDROSE_SERVER: shop.url },
    wallMs: Date.now,
  });
  expect(ran).toMatchObject({ status: 0, err: '' });
  return JSON.parse(ran.out) as RecoverResponse;
}

/** All is as before the loss, in the new epoch, and goes on from there. */
async function isMended(shop: Shop, { revision }: RecoverResponse, digest: string): Promise<void> {
  const { api } = shop;
  await eventually('the service is ready again', async () => {
    const { body } = await api.get<InfoResponse>('/v1/info');
    return (await api.get('/readyz')).status === 200 && body.revision === revision;
  });
  expect((await api.get<InfoResponse>('/v1/info')).body).toMatchObject({ epoch: 2, digest });
  await servesAt(shop, revision);
  const next = await api.write({ upserts: [service('after')] });
  expect(next.revision.startsWith('2-')).toBe(true);
  await servesAt(shop, next.revision);
  expect(await statusOf(shop)).toBe(200);
  const history = await windrose(['history'], {
    env: { WINDROSE_SERVER: shop.url },
    wallMs: Date.now,
  });
  expect(history.out).toContain(`${revision} `);
}

test('F34: the log is purged: noticed, refused, nothing rolled back, and mended', async () => {
  const shop = await openShop();
  const { digest } = (await shop.api.get<InfoResponse>('/v1/info')).body;
  const manager = await (await natsClient()).jetstreamManager();
  await manager.streams.purge(meshSubjects(shop.mesh).streams.config);
  const refused = await shop.api.refused({ undo: '9' });
  expect(refused.status).toBe(404);
  await refusesWrites(shop, 'its messages up to 3 were purged');
  expect(await statusOf(shop)).toBe(200);
  const answer = await recover(shop);
  expect(answer).toMatchObject({ revision: '2-4', from: '1-3', resources: 5 });
  await isMended(shop, answer, digest);
}, 120_000);

test('F34: the stream is made again: another config service follows into the epoch', async () => {
  const shop = await openShop();
  const other = await startService(shop.mesh);
  const { digest } = (await shop.api.get<InfoResponse>('/v1/info')).body;
  const manager = await (await natsClient()).jetstreamManager();
  const { config } = meshSubjects(shop.mesh).streams;
  const { config: settings } = await manager.streams.info(config);
  await manager.streams.delete(config);
  await manager.streams.add(settings);
  await shop.api.refused({ undo: '9' });
  await other.api.refused({ undo: '9' });
  await refusesWrites(shop, 'the stream was made again');
  expect(await statusOf(shop)).toBe(200);
  const answer = await recover(shop);
  expect(answer).toMatchObject({ revision: '2-1', from: '1-3' });
  await isMended(shop, answer, digest);
  await eventually('the other service has followed', async () => {
    const { body } = await other.api.get<InfoResponse>('/v1/info');
    return body.revision === '2-2' && (await other.api.get('/readyz')).status === 200;
  });
  const again = await other.api.post('/v1/recover', {});
  expect(again.status).toBe(409);
}, 120_000);

test('F34: all of NATS is lost: what proxies serve tells it, and their disk mends it', async () => {
  const nats = await OwnNats.start();
  const shop = await openShop(nats.url);
  const { digest } = (await shop.api.get<InfoResponse>('/v1/info')).body;
  const snapshot = join(shop.proxy.dataDir, 'snapshot.json');
  await eventually('the proxy has it on disk', () =>
    readFileSync(snapshot, 'utf8').includes(digest),
  );
  await shop.stop();
  await nats.stop();
  rmSync(join(nats.folder, 'store'), { recursive: true });
  await nats.start();
  const config = await startService(shop.mesh, { natsUrl: nats.url });
  await config.ready;
  const fresh = { ...shop, ...config };
  await refusesWrites(fresh, 'proxy edge-1 serves 1-3, and it ends at 1-0');
  expect(await statusOf(fresh)).toBe(200);
  expect((await fresh.api.post('/v1/recover', {})).status).toBe(409);
  const answer = await recover(fresh, '--from', snapshot);
  expect(answer).toMatchObject({ revision: '2-1', from: '1-3', resources: 5 });
  await isMended(fresh, answer, digest);
}, 120_000);

test('F34: an older copy comes back: the proxy keeps what it serves', async () => {
  const nats = await OwnNats.start();
  const shop = await openShop(nats.url);
  await shop.stop();
  await nats.stop();
  nats.keep();
  await nats.start();
  const before = await startService(shop.mesh, { natsUrl: nats.url });
  await before.ready;
  const deleted = [{ kind: 'Service', namespace: 'shop', name: 'last' }];
  await before.api.write({ deletes: deleted });
  await before.api.write({ upserts: [service('newest')] });
  await servesAt(before, '1-5');
  const { digest } = (await before.api.get<InfoResponse>('/v1/info')).body;
  await nats.stop();
  nats.bringBack();
  await nats.start();

  const seen = { ...shop, ...before };
  await before.api.refused({ undo: '9' });
  await refusesWrites(seen, 'it ends at 3, and this service has read up to 5');
  const proxy = await restarted(shop);
  expect(await statusOf(shop)).toBe(200);
  const answer = await recover(seen);
  expect(answer).toMatchObject({ revision: '2-4', from: '1-5' });
  await isMended({ ...seen, proxy }, answer, digest);
  const { items } = (await before.api.get<ResourceList>('/v1/resources/service')).body;
  const names = items.map(({ metadata }) => metadata.name);
  expect(names).toEqual(expect.arrayContaining(['app', 'newest']));
  expect(names).not.toContain('last');
}, 120_000);

test('F34: a proxy whose disk is of the old epoch follows into the new one', async () => {
  const shop = await openShop();
  expect(await shop.proxy.stop()).toBe(0);
  const manager = await (await natsClient()).jetstreamManager();
  const { config } = meshSubjects(shop.mesh).streams;
  const { config: settings } = await manager.streams.info(config);
  await manager.streams.delete(config);
  await manager.streams.add(settings);
  await shop.api.refused({ undo: '9' });
  await refusesWrites(shop, 'the stream was made again');
  const answer = await recover(shop);
  await eventually('the service is ready', async () => {
    return (await shop.api.get<InfoResponse>('/v1/info')).body.revision === answer.revision;
  });
  // As many revisions as the old epoch had, and more: the numbers alone do not tell.
  for (const name of ['b', 'c']) await shop.api.write({ upserts: [service(name)] });
  const proxy = await restarted(shop);
  await servesAt(shop, '2-3');
  await shop.api.write({ upserts: [service('d')] });
  await servesAt(shop, '2-4');
  expect(await statusOf({ ...shop, proxy })).toBe(200);
}, 120_000);

/** The proxy again, on its own data directory. */
async function restarted({ proxy, flags }: Shop): Promise<ProxyProcess> {
  await proxy.stop();
  const again = startProxy(flags, { dataDir: proxy.dataDir });
  await again.ready();
  return again;
}
