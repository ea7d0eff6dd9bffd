// The whole log into a file and back: through the command line, the API and a real NATS.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ChangeSetList, InfoResponse } from '#contracts/api/config.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { tempDir, uniqueMesh } from '#test/parts.ts';
import { expect, test } from 'vitest';
import {
  type Api,
  eventually,
  natsClient,
  ref,
  route,
  service,
  startService,
} from '../config/support.ts';
import { type Ran, windrose } from '../../unit/cli/harness.ts';

function cli(url: string, ...args: string[]): Promise<Ran> {
  return windrose(args, { env: { WINDROSE_SERVER: url }, wallMs: Date.now });
}

/** A log with a large body, junk, a deleted message, a rollback and an epoch in it. */
async function lived(mesh: string): Promise<{ api: Api; url: string; stop: () => Promise<void> }> {
  const config = await startService(mesh);
  const { api } = config;
  await api.write({ upserts: [service('a')], message: 'Zürich ☃' });
  const many = Array.from({ length: 4_000 }, (_, i) => route(`r-${i}`, 'a', 'a'));
  await api.write({ upserts: many });
  const connection = await natsClient();
  const { config: subject, streams } = meshSubjects(mesh);
  await connection.jetstream().publish(subject, new Uint8Array([0xff, 0xfe, 0x00]));
  await connection.jetstream().publish(subject, new TextEncoder().encode('{"no":"event"}'));
  const manager = await connection.jetstreamManager();
  await manager.streams.deleteMessage(streams.config, 4);
  await api.write({ deletes: [ref('HTTPRoute', 'r-0')] });
  await api.write({ undo: 'latest' });
  const { status } = await api.post('/v1/recover', { force: true });
  expect(status).toBe(200);
  await eventually('the new epoch is there', async () => (await head(api)).epoch === 2);
  await api.write({ upserts: [service('b')] });
  return config;
}

async function head(api: Api): Promise<InfoResponse> {
  return (await api.get<InfoResponse>('/v1/info')).body;
}

async function historyOf(api: Api): Promise<ChangeSetList> {
  return (await api.get<ChangeSetList>('/v1/changesets?limit=100')).body;
}

/** The mesh without its log and objects, with a service that has just begun. */
async function emptied(mesh: string): Promise<{ api: Api; url: string }> {
  const manager = await (await natsClient()).jetstreamManager();
  for (const name of Object.values(meshSubjects(mesh).streams)) await manager.streams.delete(name);
  return startService(mesh);
}

test('a backup put back is the same history with the same digests', async () => {
  const mesh = uniqueMesh();
  const config = await lived(mesh);
  const before = { info: await head(config.api), history: await historyOf(config.api) };
  const show = (await config.api.get('/v1/changesets/1-2')).body;
  const file = join(tempDir(), 'mesh.windrose');
  const saved = await cli(config.url, 'backup', file);
  expect(saved).toEqual({
    ...{ status: 0, err: '' },
    out: `${file}: 7 messages up to revision 2-8, checked\n`,
  });
  expect(readdirSync(dirname(file))).toEqual(['mesh.windrose']);
  await config.stop();

  const { api, url } = await emptied(mesh);
  expect((await head(api)).revision).toBe('1-0');
  const restored = await cli(url, 'restore', file);
  expect(restored).toMatchObject({
    ...{ status: 0, err: '' },
    out: '7 messages restored; the head is 2-8\n',
  });
  await eventually('it is read', async () => (await head(api)).revision === '2-8');
  expect(await head(api)).toMatchObject({ ...before.info, addresses: expect.anything() });
  expect(await historyOf(api)).toEqual(before.history);
  expect((await api.get('/v1/changesets/1-2')).body).toEqual(show);
  expect((await api.get('/readyz')).status).toBe(200);
  await api.write({ upserts: [service('c')] });

  // Said again it changes nothing; with another log it is refused.
  expect((await cli(url, 'restore', file)).status).toBe(0);
  expect((await head(api)).revision).toBe('2-9');
  const other = await emptied(mesh);
  await other.api.write({ upserts: [service('z')] });
  const refused = await cli(other.url, 'restore', file);
  expect(refused.status).toBe(4);
  expect(refused.err).toContain('into an empty config log only: it has another message 1');
}, 120_000);

test('recover --from a backup brings its state back, whatever the log holds', async () => {
  const mesh = uniqueMesh();
  const config = await startService(mesh);
  await config.api.write({ upserts: [service('a')] });
  await config.api.write({ upserts: [service('b')] });
  const { digest } = await head(config.api);
  const file = join(tempDir(), 'mesh.windrose');
  expect((await cli(config.url, 'backup', file, '-o', 'json')).status).toBe(0);
  await config.stop();
  const { api, url } = await emptied(mesh);
  await api.write({ upserts: [service('x')] });
  expect((await cli(url, 'recover', '--from', file)).status).toBe(4);
  const forced = await cli(url, 'recover', '--from', file, '--force');
  expect(forced.out).toBe('revision 2-2 begins a new epoch with the 2 resources of 1-2\n');
  await eventually('the epoch is there', async () => (await head(api)).epoch === 2);
  expect(await head(api)).toMatchObject({ revision: '2-2', digest });
  const undone = await cli(url, 'rollback');
  expect(undone.status).toBe(4);
  expect(undone.err).toContain('begins an epoch after the log was lost and cannot be undone');
}, 60_000);

test('a backup that is not whole is refused before anything is sent', async () => {
  const mesh = uniqueMesh();
  const { api, url } = await startService(mesh);
  await api.write({ upserts: [service('a')] });
  await api.write({ upserts: [service('b')] });
  const folder = tempDir();
  const file = join(folder, 'mesh.windrose');
  await cli(url, 'backup', file);
  const text = readFileSync(file, 'utf8');
  const harm: [string, string, string][] = [
    ['cut', text.slice(0, -20), 'a line of it cannot be read'],
    ['short', text.split('\n').slice(0, -2).join('\n'), 'its end is missing'],
    ['changed', text.replace('shop', 'shap'), 'its checksum is another'],
    ['long', `${text}{}\n`, 'it goes on after its end'],
    ['other', text.replace('windrose-backup', 'x'), 'is no backup of a config log'],
    ['newer', text.replace('"version":1', '"version":2'), 'is a backup of version 2'],
  ];
  for (const [name, content, why] of harm) {
    const damaged = join(folder, name);
    writeFileSync(damaged, content);
    const { status, err } = await cli(url, 'restore', damaged);
    expect(err).toContain(why);
    expect(status).toBeGreaterThan(0);
  }
  const none = await cli(url, 'restore', join(folder, 'none'));
  expect(none.err).toContain('cannot read');
  const elsewhere = await startService(uniqueMesh());
  const wrong = await cli(elsewhere.url, 'restore', file);
  expect(wrong).toMatchObject({ status: 2 });
  expect(wrong.err).toContain(`is of the mesh ${mesh}, and the service serves`);
}, 60_000);

test('a backup that cannot be made leaves the file before as it was', async () => {
  const mesh = uniqueMesh();
  const { api, url, stop } = await startService(mesh);
  await api.write({ upserts: [service('a')] });
  const folder = tempDir();
  const file = join(folder, 'mesh.windrose');
  writeFileSync(file, 'the one before');
  const connection = await natsClient();
  await connection
    .jetstream()
    .publish(
      meshSubjects(mesh).config,
      (
        await (
          await connection.jetstreamManager()
        ).streams.getMessage(meshSubjects(mesh).streams.config, { seq: 1 })
      ).data,
    );
  const broken = await cli(url, 'backup', file);
  expect(broken).toMatchObject({ status: 1, out: '' });
  expect(broken.err).toContain('message 2 of the config log cannot be followed');
  const nowhere = await cli(url, 'backup', join(folder, 'none', 'x'));
  expect(nowhere.err).toContain('cannot write');
  await stop();
  expect((await cli(url, 'backup', file)).err).toContain('cannot reach the config service');
  expect(readFileSync(file, 'utf8')).toBe('the one before');
  expect(readdirSync(folder)).toEqual(['mesh.windrose']);
}, 60_000);
