import { meshSubjects } from '#contracts/subjects.ts';
import { ObjectStore } from '#platform/objects.ts';
import { uniqueMesh } from '#test/parts.ts';
import type { NatsConnection } from 'nats';
import { beforeEach, expect, test } from 'vitest';
import { ensureStreams, wantedStreams } from '../../../services/config/log/streams.ts';
import { natsClient } from '../config/support.ts';

let connection: NatsConnection;
let mesh: string;
let objects: ObjectStore;

beforeEach(async () => {
  connection = await natsClient();
  mesh = uniqueMesh();
  objects = new ObjectStore(connection, meshSubjects(mesh).objects);
});

async function create(): Promise<void> {
  const { streams } = meshSubjects(mesh);
  const wanted = wantedStreams(meshSubjects(mesh), 1);
  const manager = await connection.jetstreamManager();
  await ensureStreams(
    manager,
    wanted.filter(({ name }) => name === streams.objects),
  );
}

async function messages(): Promise<number> {
  const manager = await connection.jetstreamManager();
  return (await manager.streams.info(meshSubjects(mesh).streams.objects)).state.messages;
}

const bytes = (size: number, value = 7): Uint8Array => new Uint8Array(size).fill(value);

test.each([0, 1, 512 * 1024, 512 * 1024 + 1, 3_000_000])('%i bytes come back', async (size) => {
  await create();
  await objects.put('a/b c.ü', bytes(size));
  expect(await objects.get('a/b c.ü')).toEqual(Buffer.from(bytes(size)));
  expect(await objects.list('a/')).toEqual(['a/b c.ü']);
  expect(Date.parse((await objects.timeOf('a/b c.ü')) ?? '')).toBeGreaterThan(0);
});

test('the client library reads what is put there, and what it puts is read', async () => {
  await create();
  await objects.put('ours', bytes(1_000_000));
  const theirs = await connection.jetstream().views.os(meshSubjects(mesh).objects);
  expect(await theirs.getBlob('ours')).toEqual(bytes(1_000_000));
  await theirs.putBlob({ name: 'theirs' }, bytes(300_000, 9));
  expect(await objects.get('theirs')).toEqual(Buffer.from(bytes(300_000, 9)));
  await theirs.delete('theirs');
  expect(await objects.get('theirs')).toBeUndefined();
});

test('put again replaces, and nothing of the one before is left', async () => {
  await create();
  await objects.put('a', bytes(2_000_000));
  await objects.put('a', bytes(10));
  expect(await objects.get('a')).toEqual(Buffer.from(bytes(10)));
  expect(await messages()).toBe(2);
  await objects.put('a', bytes(10));
  expect(await messages()).toBe(2);
  await objects.remove('a');
  expect(await messages()).toBe(0);
  expect(await objects.get('a')).toBeUndefined();
  await objects.remove('a');
});

test('an object that lost a part of it is none', async () => {
  await create();
  await objects.put('a', bytes(2_000_000));
  const manager = await connection.jetstreamManager();
  await manager.streams.deleteMessage(meshSubjects(mesh).streams.objects, 2);
  expect(await objects.get('a')).toBeUndefined();
});

test('without a store there is no name, and reading or writing is an error', async () => {
  expect(await objects.list('')).toEqual([]);
  await expect(objects.get('a')).rejects.toThrow('stream not found');
  await expect(objects.put('a', bytes(1))).rejects.toThrow('stream not found');
});
