// Blocks that could not be stored: shown, and stored after all, through the API and the CLI.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditResponse } from '#contracts/api/analytics.ts';
import type {
  DeadLetterResponse,
  DeadLettersResponse,
  ReplayResponse,
} from '#contracts/api/dead-letters.ts';
import type { Stream } from '#contracts/tables.ts';
import { meshTopics } from '#contracts/topics.ts';
import { eventually } from '#test/eventually.ts';
import { kafkaBrokers, tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { sendDeadTo } from '../../../services/analytics/ingest/dead.ts';
import { cliOf } from './cli.ts';
import { startBroker } from '../platform/own-kafka.ts';
import {
  type Message,
  type TestMesh,
  type TestService,
  count,
  message,
  startService,
  testMesh,
  untilBlocks,
} from './mesh.ts';

const at = (): number => Date.now() * 1_000;

/** As a service did that did not know the schema; `copies`: it died in between. */
async function putAside(
  mesh: TestMesh,
  block: Message,
  { copies = 1, reason = 'schema 2 is unknown here, which is 1', stream = 'access' as Stream } = {},
): Promise<void> {
  const topics = meshTopics(mesh.name);
  const send = sendDeadTo(mesh.kafka.createProducer(), topics.dead);
  const { headers } = block;
  const value = Buffer.from(block.value);
  for (let copy = 0; copy < copies; copy++) {
    const sent = await send(
      { topic: topics[stream], partition: 2 },
      { offset: 41n, timestampMs: Date.now(), headers, value },
      reason,
    );
    expect(sent).toEqual({ ok: true });
  }
}

const list = (service: TestService, query = ''): Promise<DeadLettersResponse> =>
  service.get(`/v1/dead-letters${query}`);

async function untilLetters(service: TestService, letters: number): Promise<DeadLettersResponse> {
  return eventually(
    async () => {
      const found = await list(service);
      return found.items.length === letters ? found : undefined;
    },
    { what: `${letters} dead letters`, timeoutMs: 20_000 },
  );
}

test('what could not be read is shown, and stored once what was wrong is mended', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  await mesh.send('access', 2, { value: Buffer.from('no block'), headers: { schema: 'x' } });
  await mesh.send('access', 2, message('access', [{ time: at() }], { seq: 1, served: 1 }));
  await untilLetters(service, 1);
  const rows = [{ time: at(), fields: 'tenant=acme' }, { time: at() }];
  await putAside(mesh, message('access', rows, { seq: 2, served: 3 }), { copies: 2 });
  await putAside(mesh, message('metrics', [{ time: at() }], { seq: 9 }), {
    ...{ reason: 'broken', stream: 'metrics' },
  });
  await mesh.send('access', 2, message('access', [{ time: at() }], { seq: 3, served: 4 }));
  await untilBlocks(mesh, 'access', 2);

  const { items } = await untilLetters(service, 3);
  expect(
    items.map(({ id, reason, state, seq, rows: count }) => [id, reason, state, seq, count]),
  ).toEqual([
    ['3', 'broken', 'waiting', 9, 1],
    ['2', 'schema 2 is unknown here, which is 1', 'waiting', 2, 2],
    ['0', 'headers are missing or are no whole numbers', 'waiting', undefined, undefined],
  ]);
  expect(items[1]).toMatchObject({ proxy: 'gw', partition: 2, offset: '41', stream: 'access' });
  const ids = async (query: string): Promise<string[]> =>
    (await list(service, query)).items.map(({ id }) => id);
  expect(await ids('?reason=SCHEMA')).toEqual(['2']);
  expect(await ids('?proxy=gw&state=waiting')).toEqual(['3', '2']);
  expect(await ids('?state=stored')).toEqual([]);
  const page = await list(service, '?limit=1');
  expect(page).toMatchObject({ items: [{ id: '3' }], next: '3' });
  expect(await ids('?limit=2&cursor=3')).toEqual(['2', '0']);
  const shown = await service.get<DeadLetterResponse>('/v1/dead-letters/0');
  expect(shown).toMatchObject({ headers: { schema: 'x' }, bytes: 8 });
  expect(shown.head).toBe(Buffer.from('no block').toString('hex'));
  // A block is missing: somebody has to see that.
  expect(await service.get<AuditResponse>('/v1/audit')).toMatchObject({ ok: false });

  const ran = await cliOf(service, 'dead', 'replay', '--all', '--stream', 'access');
  expect(ran.status).toBe(1);
  expect(ran.out).toMatch(/^ *0 +unreadable +headers are missing/m);
  expect(ran.out).toMatch(/^ *2 +sent/m);
  expect(ran.err).toMatch(/1 could not be sent again/);
  await untilBlocks(mesh, 'access', 3);
  expect(await count(mesh, 'records')).toBe(4);
  expect(await count(mesh, "records WHERE fields['tenant'] = 'acme'")).toBe(1);
  await eventually(async () => (await ids('?state=stored')).length === 1 || undefined, {
    ...{ what: 'it is told to be stored', timeoutMs: 20_000 },
  });
  const again = await service.post<ReplayResponse>('/v1/dead-letters/replay', {
    ids: ['2', '1', '77', '2'],
  });
  expect(again.body.items).toEqual([
    { id: '1', outcome: 'stored' },
    { id: '2', outcome: 'stored' },
    { id: '77', outcome: 'gone' },
  ]);
  expect(await count(mesh, 'records')).toBe(4);
  await eventually(async () => (await service.get<AuditResponse>('/v1/audit')).ok || undefined, {
    what: 'the audit adds up',
    timeoutMs: 20_000,
  });
  const listed = await cliOf(service, 'dead', '--state', 'waiting');
  expect(listed.status).toBe(0);
  expect(listed.out.trimEnd().split('\n')).toHaveLength(3);
  expect((await cliOf(service, 'dead', 'show', '3')).out).toMatch(/^seq: 9$/m);
});

test('what is asked wrongly is refused, and by whom it may not be', async () => {
  const mesh = testMesh();
  const tokens = join(tempDir(), 'tokens.yaml');
  const entry = (name: string, role: string) => ({
    name,
    sha256: createHash('sha256').update(`wr_${name}`).digest('hex'),
    roles: [{ role, namespaces: ['*'] }],
  });
  writeFileSync(tokens, JSON.stringify([entry('eve', 'view'), entry('ann', 'admin')]));
  const service = await startService(mesh, {
    kafka: ['--kafka', kafkaBrokers(), '--tokens', tokens],
  });
  const ask = async (who: string, path: string, body?: unknown) => {
    const response = await fetch(`${service.url}/v1/dead-letters${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer wr_${who}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as { detail?: string } };
  };
  expect(await ask('eve', '')).toMatchObject({ status: 200, body: { items: [] } });
  expect((await ask('eve', '/replay', { all: true })).status).toBe(403);
  expect((await ask('nobody', '')).status).toBe(401);
  expect(await ask('ann', '/replay', { all: true })).toMatchObject({ status: 200 });
  expect((await ask('ann', '/replay', {})).body.detail).toBe(
    'name letters by ids, or say all: true',
  );
  expect(await ask('ann', '/7')).toMatchObject({
    ...{ status: 404, body: { detail: 'there is no dead letter 7 (any more)' } },
  });
  for (const path of ['/x', '?limit=0', '?cursor=-1', '?stream=all']) {
    expect((await ask('ann', path)).status).toBe(400);
  }
});

test('without Kafka it is said that Kafka is away, and nothing hangs', async () => {
  const broker = await startBroker();
  const mesh = testMesh({ kafka: broker.address });
  const service = await startService(mesh, { kafka: ['--kafka', broker.address] });
  await broker.kill('SIGKILL');
  const response = await fetch(`${service.url}/v1/dead-letters`);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({
    detail: expect.stringMatching(/^Kafka: .*(refused|connect)/i),
  });
});
