// A log that is kept short: its beginning in the archive, its state in snapshots.
import type {
  ChangeSetDetail,
  ChangeSetList,
  InfoResponse,
  ProxyList,
  ResourceList,
} from '#contracts/api/config.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { systemClock } from '#platform/clock.ts';
import { followLog } from '#platform/follow-log.ts';
import { createLog } from '#platform/log.ts';
import { ObjectStore } from '#platform/objects.ts';
import { natsUrl, uniqueMesh } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startProxy } from '../proxy/proxy-process.ts';
import { type Api, eventually, natsClient, ref, service, startService } from './support.ts';

const KEEP = 5;

async function stateOf(mesh: string) {
  const manager = await (await natsClient()).jetstreamManager();
  return (await manager.streams.info(meshSubjects(mesh).streams.config)).state;
}

/** Thirty revisions, of which the first 25 are in the archive. */
async function compacted(mesh: string): Promise<{ api: Api; stop: () => Promise<void> }> {
  const config = await startService(mesh, { logKeep: KEEP });
  for (let i = 1; i <= 29; i++) {
    await config.api.write({ upserts: [service(`s-${i}`)], message: `number ${i}` });
  }
  await config.api.write({ deletes: [ref('Service', 's-1')] });
  await eventually('the log is short', async () => (await stateOf(mesh)).first_seq === 26);
  return config;
}

async function head(api: Api): Promise<InfoResponse> {
  return (await api.get<InfoResponse>('/v1/info')).body;
}

const serves = (api: Api, proxy: string, revision: number): Promise<void> =>
  eventually(`${proxy} serves ${revision}`, async () => {
    const { items } = (await api.get<ProxyList>('/v1/proxies')).body;
    const found = items.find((each) => each.proxy === proxy);
    return found?.state === 'up' && found.heartbeat.revision.sequence === revision;
  });

test('history, show, get --at and both rollbacks read the archive like the log', async () => {
  const mesh = uniqueMesh();
  const first = await compacted(mesh);
  const before = await head(first.api);
  const history = (await first.api.get<ChangeSetList>('/v1/changesets?limit=100')).body;
  await first.stop();

  const { api } = await startService(mesh, { logKeep: KEEP });
  expect(await head(api)).toMatchObject({ revision: '1-30', digest: before.digest });
  expect((await api.get('/readyz')).status).toBe(200);
  expect((await api.get<ChangeSetList>('/v1/changesets?limit=100')).body).toEqual(history);
  const shown = (await api.get<ChangeSetDetail>('/v1/changesets/3')).body;
  expect(shown).toMatchObject({ message: 'number 3', changes: [{ after: service('s-3') }] });
  const then = (await api.get<ResourceList>('/v1/resources?at=4')).body;
  expect(then.items.map(({ metadata }) => metadata.name)).toEqual(['s-1', 's-2', 's-3', 's-4']);
  expect((await api.write({ undo: '2' })).changes).toMatchObject([
    { key: 'Service/shop/s-2', change: 'deleted' },
  ]);
  const restored = await api.write({ restore: '10' });
  expect(restored.revision).toBe('1-32');
  expect((await api.get<ResourceList>('/v1/resources')).body.items).toHaveLength(10);
}, 60_000);

test('a proxy and a reader that begin now begin with the snapshot', async () => {
  const mesh = uniqueMesh();
  const { api } = await compacted(mesh);
  const { digest } = await head(api);
  const proxy = startProxy([
    ...['--name', 'edge-1', '--role', 'gateway', '--mesh', mesh, '--nats', natsUrl()],
  ]);
  await proxy.ready();
  await serves(api, 'edge-1', 30);
  const { items } = (await api.get<ProxyList>('/v1/proxies')).body;
  expect(items[0]?.heartbeat.logDigest).toBe(digest);

  const connection = await natsClient();
  const log = createLog({ service: 'test', level: 'silent' });
  const follower = followLog({ connection, mesh, clock: systemClock, log });
  onTestFinished(() => follower.stop());
  await eventually('the reader is there', () => follower.state.sequence === 30);
  expect(follower.state.digest).toBe(digest);
  await eventually('without a problem', () => follower.problem() === undefined);

  await api.write({ upserts: [service('after')] });
  await serves(api, 'edge-1', 31);
  await eventually('the reader, too', () => follower.state.sequence === 31);
}, 60_000);

test('a proxy that was away while its part of the log was archived catches up', async () => {
  const mesh = uniqueMesh();
  const { api } = await startService(mesh, { logKeep: KEEP });
  await api.write({ upserts: [service('first')] });
  const flags = ['--name', 'edge-1', '--role', 'gateway', '--mesh', mesh, '--nats', natsUrl()];
  const proxy = startProxy(flags);
  await proxy.ready();
  await serves(api, 'edge-1', 1);
  expect(await proxy.stop()).toBe(0);
  for (let i = 2; i <= 20; i++) await api.write({ upserts: [service(`s-${i}`)] });
  await eventually('the log is short', async () => (await stateOf(mesh)).first_seq === 16);
  const again = startProxy(flags, { dataDir: proxy.dataDir });
  await again.ready();
  await serves(api, 'edge-1', 20);
}, 60_000);

test('a second service that was there all the time takes the compaction for no loss', async () => {
  const mesh = uniqueMesh();
  const other = await startService(mesh);
  const { api } = await compacted(mesh);
  await eventually('it has read all', async () => (await head(other.api)).revision === '1-30');
  await other.api.refused({ undo: '99' });
  expect((await other.api.get('/readyz')).status).toBe(200);
  await other.api.write({ upserts: [service('b')] });
  await eventually('both have it', async () => (await head(api)).revision === '1-31');
}, 60_000);

test('a damaged snapshot harms nobody; without its archive a short log is no log', async () => {
  const mesh = uniqueMesh();
  const { stop } = await compacted(mesh);
  await stop();
  const connection = await natsClient();
  const objects = new ObjectStore(connection, meshSubjects(mesh).objects);
  const [snapshot = ''] = (await objects.list('snapshot.')).slice(-1);
  await objects.put(snapshot, new TextEncoder().encode('{"mesh":"x"}\n[]\n'));
  const { api, stop: end } = await startService(mesh, { logKeep: 1_000 });
  expect(await head(api)).toMatchObject({ revision: '1-30' });
  await end();
  for (const name of await objects.list('archive.')) await objects.remove(name);
  const without = await startService(mesh);
  const { status, body } = await without.api.get<{ reason: string }>('/readyz');
  expect(status).toBe(503);
  expect(body.reason).toContain('a snapshot of 1-30 is kept, and it ends at 1-0');
}, 60_000);

test('a snapshot that is newer than the log tells that it was lost, and mends it', async () => {
  const mesh = uniqueMesh();
  const { stop, api: before } = await compacted(mesh);
  const { digest } = await head(before);
  await stop();
  const manager = await (await natsClient()).jetstreamManager();
  await manager.streams.delete(meshSubjects(mesh).streams.config);
  const { api } = await startService(mesh);
  const refused = await api.refused({ upserts: [service('new')] });
  expect(refused.detail).toContain('a snapshot of 1-');
  expect(refused.detail).toContain('and it ends at 1-0');
  const answer = await api.post<{ revision: string; digest: string }>('/v1/recover', {});
  expect(answer.body).toMatchObject({ revision: '2-1', digest });
}, 60_000);
