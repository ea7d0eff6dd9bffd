import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChangeSetList, InfoResponse, ResourceList } from '#contracts/api/config.ts';
import type { LogHead } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { decodeJson } from '#platform/nats.ts';
import { Trust, newSigningKeys } from '#platform/signing.ts';
import { natsUrl, tempDir, uniqueMesh } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { replay } from '../../faults/support/replay.ts';
import { CONFIG_MAIN, spawnService } from './spawn-service.ts';
import {
  Api,
  Relay,
  eventually,
  natsClient,
  ref,
  route,
  service,
  startService,
} from './support.ts';

test('disjoint writers through two services are both stored, whoever is first', async () => {
  const mesh = uniqueMesh();
  const [left, right] = [await startService(mesh), await startService(mesh)];
  const writes = Array.from({ length: 30 }, (_, i) =>
    (i % 2 === 0 ? left : right).api.write({ upserts: [service(`s${i}`)], author: `a${i % 2}` }),
  );
  const revisions = (await Promise.all(writes)).map((answer) => answer.revision);
  expect(new Set(revisions).size).toBe(30);
  const { state } = await replay(natsUrl(), mesh);
  expect(state.entries.size).toBe(30);
  for (const { api } of [left, right]) {
    await eventually('the service has the digest of the log', async () => {
      return (await api.get<InfoResponse>('/v1/info')).body.digest === state.digest;
    });
  }
});

test('a rebase validates again: what another writer took away is missed', async () => {
  const mesh = uniqueMesh();
  const [left, right] = [await startService(mesh), await startService(mesh)];
  await left.api.write({ upserts: [service('a'), service('b')] });
  await eventually('the other service follows', async () => {
    return (await right.api.get<InfoResponse>('/v1/info')).body.revision === '1-1';
  });
  const answers = await Promise.all([
    left.api.post('/v1/changesets', { deletes: [ref('Service', 'b')] }),
    right.api.post('/v1/changesets', { upserts: [route('r', 'a', 'b')] }),
  ]);
  const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
  expect(statuses[0]).toBe(201);
  expect([409, 422]).toContain(statuses[1]);
  expect((await replay(natsUrl(), mesh)).state.sequence).toBe(2);
});

test('a lost acknowledgement is found in the log, not reported as a conflict', async () => {
  const mesh = uniqueMesh();
  const relay = new Relay();
  await relay.listen();
  const { api, ready } = await startService(mesh, { natsUrl: relay.url });
  await ready;
  await api.write({ upserts: [service('a')] });
  relay.loseAnswerTo(meshSubjects(mesh).config);
  const answer = await api.write({ upserts: [service('a', 81)], message: 'once' });
  expect(answer).toMatchObject({ created: true, revision: '1-2' });
  const { ids } = await replay(natsUrl(), mesh);
  expect(ids).toHaveLength(2);
  expect(ids[1]).toBe(answer.id);
});

test('the head of the log is told at start', async () => {
  const mesh = uniqueMesh();
  const connection = await natsClient();
  const first = await startService(mesh);
  const { digest } = await first.api.write({ upserts: [service('a')] });
  const heads = connection.subscribe(meshSubjects(mesh).head, { max: 1 });
  await connection.flush();
  await startService(mesh);
  for await (const message of heads) {
    const head = decodeJson(message.data) as unknown as LogHead;
    expect(head).toMatchObject({ mesh, revision: { epoch: 1, sequence: 1 }, digest });
  }
});

test('a message that is no change-set is passed over by old and new services alike', async () => {
  const mesh = uniqueMesh();
  const first = await startService(mesh);
  await first.api.write({ upserts: [service('a')] });
  const connection = await natsClient();
  await connection.jetstream().publish(meshSubjects(mesh).config, 'not a change-set');
  const answer = await first.api.write({ upserts: [service('b')] });
  expect(answer.revision).toBe('1-3');
  const second = await startService(mesh);
  const info = await second.api.get<InfoResponse>('/v1/info');
  expect(info.body).toMatchObject({ revision: '1-3', digest: answer.digest });
  expect((await second.api.get('/v1/changesets/2')).status).toBe(404);
  const list = await second.api.get<ChangeSetList>('/v1/changesets');
  expect(list.body.items.map(({ revision }) => revision)).toEqual(['1-3', '1-1']);
});

test('nothing is written after an event that does not continue the log', async () => {
  const mesh = uniqueMesh();
  const { api } = await startService(mesh);
  await api.write({ upserts: [service('a')] });
  const connection = await natsClient();
  const manager = await connection.jetstreamManager();
  const { config, streams } = meshSubjects(mesh);
  const { data } = await manager.streams.getMessage(streams.config, { seq: 1 });
  await connection.jetstream().publish(config, data);
  const details = await api.refused({ upserts: [service('b')] });
  expect(details.status).toBe(503);
  expect(details.detail).toContain('message 2 of the config log cannot be followed');
  expect((await api.get<{ reason: string }>('/readyz')).body.reason).toContain('message 2');
  const list = await api.get<ResourceList>('/v1/resources');
  expect(list.body.items).toHaveLength(1);
});

test('F34: a log that was made again is noticed, and not written to', async () => {
  const mesh = uniqueMesh();
  const { api } = await startService(mesh);
  await api.write({ upserts: [service('a')] });
  await api.write({ upserts: [service('b')] });
  const connection = await natsClient();
  const manager = await connection.jetstreamManager();
  const { config } = meshSubjects(mesh).streams;
  const { config: settings } = await manager.streams.info(config);
  await manager.streams.delete(config);
  await manager.streams.add(settings);
  const details = await api.refused({ upserts: [service('c')] });
  expect(details.status).toBe(503);
  expect(details.detail).toContain('lost or restored');
  expect((await manager.streams.info(config)).state.messages).toBe(0);
});

test('a stream that would forget change-sets is refused with what is wrong', async () => {
  const mesh = uniqueMesh();
  const connection = await natsClient();
  const manager = await connection.jetstreamManager();
  const subjects = meshSubjects(mesh);
  await manager.streams.add({
    name: subjects.streams.config,
    subjects: [subjects.config],
    max_age: 3_600_000_000_000,
  });
  const { api } = await startService(mesh, { natsUrl: natsUrl() });
  await eventually('the service says why it is not ready', async () => {
    const { status, body } = await api.get<{ reason: string }>('/readyz');
    return status === 503 && body.reason.includes('max_age');
  });
  expect((await api.refused({ upserts: [service('a')] })).detail).toContain('max_age');
});

test('without NATS it listens, says so, and is ready when NATS comes', async () => {
  const mesh = uniqueMesh();
  const relay = new Relay();
  await relay.listen();
  const { url: relayUrl, port } = relay;
  await relay.close();
  const { api, ready } = await startService(mesh, { natsUrl: relayUrl });
  expect((await api.get('/healthz')).status).toBe(200);
  const { status, body } = await api.get<{ reason: string }>('/readyz');
  expect(status).toBe(503);
  expect(body.reason).toBe(`NATS at ${relayUrl} is away`);
  const refused = await api.refused({ upserts: [service('a')] });
  expect(refused).toMatchObject({ status: 503, detail: `NATS at ${relayUrl} is away` });
  const again = new Relay();
  await again.listen(port);
  await ready;
  expect((await api.get('/readyz')).status).toBe(200);
  await api.write({ upserts: [service('a')] });
});

test('while the link is down it still answers what it knows, and writes nothing', async () => {
  const mesh = uniqueMesh();
  const relay = new Relay();
  await relay.listen();
  const { api, ready } = await startService(mesh, { natsUrl: relay.url });
  await ready;
  await api.write({ upserts: [service('a')] });
  await relay.close();
  await eventually('the loss is noticed', async () => (await api.get('/readyz')).status === 503);
  expect((await api.get<ResourceList>('/v1/resources')).body.items).toHaveLength(1);
  const details = await api.refused({ upserts: [service('b')] });
  expect(details).toMatchObject({ status: 503, code: 'unavailable' });
  const again = new Relay();
  await again.listen(relay.port);
  await eventually('the link is back', async () => (await api.get('/readyz')).status === 200);
  expect((await api.write({ upserts: [service('b')] })).revision).toBe('1-2');
});

test('it ends in a moment also while NATS is away', async () => {
  const relay = new Relay();
  await relay.listen();
  const { stop, api, ready } = await startService(uniqueMesh(), { natsUrl: relay.url });
  await ready;
  await relay.close();
  await eventually('the loss is noticed', async () => (await api.get('/readyz')).status === 503);
  const startedMs = performance.now();
  await stop();
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test.each([
  [['--listen', '0.0.0.0:0'], 1, 'give --tokens'],
  [['--tokens', '/no/such.yaml'], 2, 'the file of tokens /no/such.yaml cannot be used: ENOENT'],
  [['--audit-log', '/no/such/folder/log'], 2, '--audit-log: ENOENT'],
  [['--listen', 'nonsense'], 1, 'nonsense is no address'],
  [['--mesh', 'Not a mesh'], 2, 'no label'],
  [['--nats-replicas', '2'], 2, 'not 1, 3 or 5'],
  [['--nats-creds', '/no/such.creds'], 2, '--nats-creds: ENOENT'],
  [['--unknown'], 2, '--help'],
  [['--no-insecure-unsigned'], 2, '--signing-key or WINDROSE_SIGNING_KEY is missing'],
  [['--signing-key', '/no/such.pem'], 2, '--signing-key: ENOENT'],
  [['--trust', '/no/such.pem'], 2, '--insecure-unsigned and --trust contradict each other'],
])('wrong use %j is one sentence and a status', async (args, status, sentence) => {
  const child = spawn(process.execPath, [CONFIG_MAIN, ...args, '--nats', natsUrl()], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, WINDROSE_INSECURE_UNSIGNED: 'true' },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(status);
  expect(said).toContain(sentence);
  expect(said.trim().split('\n')).toHaveLength(1);
});

test('a service that is started with a key signs with it what it writes', async () => {
  const mesh = uniqueMesh();
  const keys = newSigningKeys();
  const key = join(tempDir(), 'key.pem');
  writeFileSync(key, keys.privateKey);
  const { url } = await spawnService(mesh, ['--signing-key', key, '--no-insecure-unsigned']);
  await new Api(url).write({ upserts: [service('a')] });
  const manager = await (await natsClient()).jetstreamManager();
  const stream = meshSubjects(mesh).streams.config;
  const { data } = await manager.streams.getMessage(stream, { seq: 1 });
  const trust = new Trust([{ pem: keys.publicKey, from: 'the key' }]);
  expect(trust.refusalOf('change-set', decodeJson(data) ?? {})).toBeUndefined();
});
