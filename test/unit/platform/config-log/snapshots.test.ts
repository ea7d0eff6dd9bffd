import type { SnapshotHead } from '#contracts/snapshot.ts';
import { Snapshots } from '#platform/config-log/snapshots.ts';
import { createLog } from '#platform/log.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { beforeEach, expect, test } from 'vitest';
import { LogWriter, service } from '../../proxy/snapshot/log.ts';
import { FakeObjects } from './objects.ts';

const log = createLog({ service: 'test', level: 'silent' });
const TIME = '2026-01-01T00:00:00.000Z';

let objects: FakeObjects;
let writer: LogWriter;
let snapshots: Snapshots;

beforeEach(async () => {
  objects = new FakeObjects();
  writer = new LogWriter('m');
  snapshots = new Snapshots({ objects, mesh: 'm', log });
  await next('a', snapshots);
});

/** One revision more, and a snapshot of it. */
async function next(name: string, into: Snapshots, epoch = 1): Promise<void> {
  writer.write([service(name)]);
  await into.write({ state: writer.state, epoch, upTo: writer.state.sequence + 3 }, TIME);
}

/** The newest, with what a harm makes of its two lines. */
function harmNewest(harm: (head: SnapshotHead, entries: string) => [object | string, string]) {
  const [name = '', data] = [...objects.objects].at(-1) ?? [];
  const [head = '', entries = ''] = Buffer.from(data ?? [])
    .toString()
    .split('\n');
  const [first, second] = harm(JSON.parse(head) as SnapshotHead, entries);
  const line = typeof first === 'string' ? first : JSON.stringify(first);
  objects.objects.set(name, Buffer.from(`${line}\n${second}\n`));
}

test('the newest comes back with all that the log knows of it', async () => {
  await next('b', snapshots);
  const root = await snapshots.newest();
  expect(root).toMatchObject({ epoch: 1, upTo: 5 });
  expect(root?.state.digest).toBe(writer.state.digest);
  expect([...(root?.state.entries.values() ?? [])]).toEqual([...writer.state.entries.values()]);
  expect(await snapshots.newestRevision()).toEqual({ epoch: 1, sequence: 2 });
});

test('two are kept; a later epoch is newer whatever its number', async () => {
  for (const name of ['b', 'c', 'd']) await next(name, snapshots);
  expect(objects.objects.size).toBe(2);
  writer = new LogWriter('m');
  await next('z', snapshots, 2);
  expect(await snapshots.newestRevision()).toEqual({ epoch: 2, sequence: 1 });
  expect(objects.objects.size).toBe(2);
});

test('without one there is none, and a store that does not answer is an error', async () => {
  objects.objects.clear();
  expect(await snapshots.newest()).toBeUndefined();
  expect(await snapshots.newestRevision()).toBeUndefined();
  objects.away = true;
  await expect(snapshots.newest()).rejects.toThrow('does not answer');
});

test.each<[string, Parameters<typeof harmNewest>[0]]>([
  ['is no JSON', (_head, entries) => ['{', entries]],
  ['is of another mesh', (head, entries) => [{ ...head, mesh: 'x' }, entries]],
  ['has other resources', (head, entries) => [head, entries.replace('shop', 'shap')]],
  ['has another digest', (head, entries) => [{ ...head, digest: 'sha256:00' }, entries]],
  ['is an old one under a new name', (head, entries) => [{ ...head, sequence: 1 }, entries]],
])('one that %s is passed by for the one before', async (_what, harm) => {
  await next('b', snapshots);
  harmNewest(harm);
  expect((await snapshots.newest())?.state.sequence).toBe(1);
});

test('where keys are trusted, what is not signed by one of them is no snapshot', async () => {
  const { privateKey, publicKey } = newSigningKeys();
  const trust = new Trust([{ pem: publicKey, from: 'test' }]);
  const signer = new Signer(privateKey, 'test');
  const signed = new Snapshots({ objects, mesh: 'm', log, signer, trust });
  expect(await signed.newest()).toBeUndefined();
  await next('b', signed);
  expect((await signed.newest())?.state.sequence).toBe(2);
  harmNewest((head, entries) => [{ ...head, upTo: 99 }, entries]);
  expect(await signed.newest()).toBeUndefined();
  const other = new Signer(newSigningKeys().privateKey, 'test');
  await next('c', new Snapshots({ objects, mesh: 'm', log, signer: other }));
  expect(await signed.newest()).toBeUndefined();
});
