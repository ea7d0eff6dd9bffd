// Change-sets that do not fit into one message: their bodies stand in the object store.
import type { ChangeSetDetail, ResourceList } from '#contracts/api/config.ts';
import { CHANGE_SET_RESOURCES_MAX } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { EventBodies } from '#platform/config-log/bodies.ts';
import { decodeJson, encodeJson } from '#platform/nats.ts';
import { ObjectStore } from '#platform/objects.ts';
import { uniqueMesh } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { LogWriter } from '../../unit/proxy/snapshot/log.ts';
import { eventually, natsClient, route, service, startService } from './support.ts';

/** Routes of one Service, some 250 bytes each. */
function routes(count: number, backend = 'a'): object[] {
  return Array.from({ length: count }, (_, i) => route(`route-${i}`, 'a', backend));
}

test('a body over 512 KiB is an object that the message names by digest', async () => {
  const mesh = uniqueMesh();
  const { api } = await startService(mesh);
  await api.write({ upserts: [service('a'), ...routes(100)] });
  const large = await api.write({ upserts: routes(4_000, 'a').slice(100), message: 'many' });
  const connection = await natsClient();
  const manager = await connection.jetstreamManager();
  const { streams } = meshSubjects(mesh);
  const { data } = await manager.streams.getMessage(streams.config, { seq: 2 });
  const message = decodeJson(data);
  expect(message).toMatchObject({ message: 'many', digest: large.digest });
  expect(message).not.toHaveProperty('upserts');
  expect(data.byteLength).toBeLessThan(2_000);

  const other = await startService(mesh);
  const { body } = await other.api.get<ResourceList>('/v1/resources/httproute');
  expect(body).toMatchObject({ revision: large.revision });
  expect(body.items).toHaveLength(4_000);
  const detail = await other.api.get<ChangeSetDetail>('/v1/changesets/2');
  expect(detail.body.changes).toHaveLength(3_900);
  expect(detail.body.changes[0]?.after).toBeDefined();
  const undone = await other.api.write({ undo: 'latest' });
  expect(undone.changes).toHaveLength(3_900);
  const objects = new ObjectStore(connection, meshSubjects(mesh).objects);
  expect(await objects.list('body.')).toHaveLength(1);
}, 60_000);

test('what one change-set may hold is said with 413', async () => {
  const { api } = await startService(uniqueMesh());
  const many = await api.refused({ upserts: routes(CHANGE_SET_RESOURCES_MAX + 1) });
  expect(many.status).toBe(413);
  expect(many.detail).toContain('10001 resources and one may change 10000');
  const text = 'x'.repeat(9_000);
  const annotated = routes(1_000).map((each) => ({
    ...each,
    metadata: { ...(each as { metadata: object }).metadata, annotations: { text } },
  }));
  const large = await api.refused({ upserts: annotated });
  expect(large.status).toBe(413);
  expect(large.detail).toMatch(/takes \d+ KiB and one may take 8192 KiB; split it/);
}, 60_000);

test('a body that is gone for good breaks the chain, and nothing later is believed', async () => {
  const mesh = uniqueMesh();
  const first = await startService(mesh);
  await first.api.write({ upserts: [service('a'), ...routes(4_000)] });
  await first.stop();
  const objects = new ObjectStore(await natsClient(), meshSubjects(mesh).objects);
  const [name = ''] = await objects.list('body.');
  await objects.remove(name);
  const { api } = await startService(mesh);
  const ready = await api.get<{ reason: string }>('/readyz');
  expect(ready.status).toBe(503);
  expect(ready.body.reason).toContain('message 1 of the config log cannot be followed');
  expect(ready.body.reason).toContain('is gone or damaged');
  expect((await api.refused({ upserts: [service('b')] })).status).toBe(503);
}, 60_000);

test('while the object store is away nothing is passed over; it goes on by itself', async () => {
  const mesh = uniqueMesh();
  const { api } = await startService(mesh);
  const connection = await natsClient();
  const manager = await connection.jetstreamManager();
  const { streams, config } = meshSubjects(mesh);
  const { config: bucket } = await manager.streams.info(streams.objects);
  await manager.streams.delete(streams.objects);

  let body: Uint8Array = new Uint8Array();
  const elsewhere = new EventBodies({
    put: async (_name, data) => void (body = data),
    get: async () => undefined,
    remove: async () => undefined,
  });
  const log = new LogWriter(mesh);
  const packed = await elsewhere.pack(log.write([service('a'), ...routes(4_000)] as Resource[]));
  await connection.jetstream().publish(config, packed.data);
  await connection.jetstream().publish(config, encodeJson(log.write([service('b') as Resource])));
  await eventually('it says what it waits for', async () => {
    const { reason = '' } = (await api.get<{ reason?: string }>('/readyz')).body;
    return reason.includes(`${streams.config} cannot be read`);
  });
  expect((await api.get<ResourceList>('/v1/resources')).body.revision).toBe('1-0');

  await manager.streams.add(bucket);
  await new ObjectStore(connection, meshSubjects(mesh).objects).put(packed.object ?? '', body);
  const list = async (): Promise<ResourceList> =>
    (await api.get<ResourceList>('/v1/resources')).body;
  await eventually('it has read on', async () => (await list()).revision === '1-2');
  expect((await api.get('/readyz')).status).toBe(200);
  expect((await list()).items).toHaveLength(4_002);
}, 60_000);
