// F33: bad signature, wrong mesh, older revision: refused and alarmed, by config services and
// proxies alike. Whoever forges here may publish whatever he likes on NATS, but holds no key.
import { createHash } from 'node:crypto';
import type { ChangeSetEvent, LogHead, ServiceEndpoints } from '#contracts/events.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { FakeClock, systemClock } from '#platform/clock.ts';
import { followLog } from '#platform/follow-log.ts';
import { decodeJson } from '#platform/nats.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { expect, it, onTestFinished } from 'vitest';
import { TICK_MS } from '../../services/config/registry/registry.ts';
import { type Api, SpokenProxy, eventually, ref, service } from '../integration/config/support.ts';
import { gateway, route, slice } from '../integration/proxy/mesh.ts';
import {
  type ProxyProcess,
  fetchOnce,
  startApp,
  startProxy,
} from '../integration/proxy/proxy-process.ts';
import {
  SignedMesh,
  metric,
  receiptOf,
  refusals,
  revisionOf,
  sequenceOf,
  testKey,
  trustIn,
} from './support/signed-mesh.ts';

const REFUSED = 'windrose_config_events_refused_total';
const log = createServiceLog({ service: 'test', level: 'silent' });

/** Resources that answer on a port through the app. */
const shop = (port: number, app: number): object[] => [
  ...[gateway([port]), service('echo'), slice('echo', app), route('echo', 'echo')],
];

it('F33: forged change-sets are passed over alike by all, the next one is applied', async () => {
  const mesh = await SignedMesh.start();
  const second = testKey('second');
  const [left, right] = [
    await mesh.service(mesh.key, [second]),
    await mesh.service(second, [mesh.key]),
  ];
  const proxy = mesh.proxy([mesh.key, second]);
  const reader = followLog({
    ...{ connection: mesh.connection, mesh: mesh.name, clock: systemClock, log },
    trust: trustIn(mesh.key, second),
  });
  onTestFinished(() => reader.stop());
  const app = await startApp('echo');
  const port = await freePort();
  await proxy.ready();
  const base = await left.api.write({ upserts: shop(port, app.port) });
  await left.api.write({ upserts: [service('gone')] });
  // The state comes back to what the second change-set followed: its digest tells them not apart.
  const last = await left.api.write({ deletes: [ref('Service', 'gone')] });
  expect(last.digest).toBe(base.digest);
  const old = await mesh.message(2);

  const evil = { upserts: [service('evil')] as never[] };
  const { signer } = mesh.key;
  const forgeries: [string, (sequence: number) => unknown, string][] = [
    ['unsigned', (n) => mesh.event(n, last.digest), 'is not signed'],
    ['an old event', () => old, 'was signed for message 2'],
    [
      'a stranger’s',
      (n) => mesh.stranger.signer.sign('change-set', mesh.event(n, last.digest, evil)),
      'which is not trusted',
    ],
    [
      'changed',
      (n) => ({ ...signer.sign('change-set', mesh.event(n, last.digest)), ...evil }),
      'does not match its signature',
    ],
    [
      'signed for a head',
      (n) => signer.sign('head', mesh.event(n, last.digest)),
      'does not match its signature',
    ],
    [
      'another mesh’s',
      (n) => signer.sign('change-set', mesh.event(n, last.digest, { mesh: 'other' })),
      'belongs to the mesh other',
    ],
    [
      'signed for a later place',
      (n) => signer.sign('change-set', mesh.event(n + 1, last.digest)),
      'was signed for message',
    ],
    [
      'of a future version',
      (n) => ({ ...mesh.event(n, last.digest), schema: 99 }),
      'is not signed',
    ],
    ['no JSON', () => new TextEncoder().encode('{'), 'is no JSON object'],
  ];
  let sequence = 3;
  for (const [what, forge, why] of forgeries) {
    expect(await mesh.forge(forge(++sequence)), what).toBe(sequence);
    const receipt = await receiptOf(right.api, sequence);
    expect(receipt, what).toMatchObject({ result: 'rejected', logDigest: last.digest });
    expect(receipt.problems[0]?.message, what).toContain(why);
  }
  expect(await revisionOf(left.api)).toBe('1-3');
  expect(await revisionOf(right.api)).toBe('1-3');
  for (const { api } of [left, right]) {
    expect((await api.get('/readyz')).status).toBe(200);
    const counted = (why: string): Promise<number> => metric(api, `${REFUSED}{why="${why}"}`);
    await eventually('all are counted', async () => (await counted('untrusted')) === 7);
    await eventually('all are counted', async () => (await counted('foreign')) === 2);
  }
  expect(await refusals(proxy, 'event')).toBe(forgeries.length);
  expect((await fetchOnce({ port })).status).toBe(200);

  const next = await right.api.write({ upserts: [service('next')] });
  expect(sequenceOf(next)).toBe(sequence + 1);
  const applied = await receiptOf(left.api, sequence + 1);
  expect(applied).toMatchObject({ result: 'applied', logDigest: next.digest });
  await eventually('the reader follows', () => reader.state.digest === next.digest);
  expect(await revisionOf(left.api)).toBe(next.revision);
  expect(await reread(left.api, proxy)).toEqual(['echo', 'next']);
  expect(await proxy.stop()).toBe(0);
});

/** Names of the Services that a config service and a proxy have, which are the same. */
async function reread(api: Api, proxy: ProxyProcess): Promise<string[]> {
  type Named = { kind: string; metadata: { name: string } };
  const names = (resources: Named[]): string[] =>
    resources
      .filter(({ kind }) => kind === 'Service')
      .map(({ metadata }) => metadata.name)
      .sort();
  const { body } = await api.get<{ items: Named[] }>('/v1/resources');
  const served = JSON.parse((await proxy.admin('/snapshot')).body) as { resources: Named[] };
  expect(names(served.resources)).toEqual(names(body.items));
  return names(body.items);
}

it('F33: a head that is forged, or older than what is served, is no order to go back', async () => {
  const mesh = await SignedMesh.start();
  const { api } = await mesh.service();
  const proxy = mesh.proxy();
  await proxy.ready();
  await api.write({ upserts: [service('a')] });
  const { digest } = await api.write({ upserts: [service('b')] });
  await receiptOf(api, 2);
  const head: LogHead = {
    ...{ mesh: mesh.name, revision: { epoch: 1, sequence: 2 }, digest },
    time: new Date().toISOString(),
  };
  const other = `sha256:${createHash('sha256').update('another state').digest('hex')}`;
  const forged = [
    { ...head, digest: other },
    mesh.stranger.signer.sign<LogHead>('head', { ...head, digest: other }),
    mesh.key.signer.sign<LogHead>('change-set', { ...head, digest: other }),
    mesh.key.signer.sign<LogHead>('head', { ...head, mesh: 'other', digest: other }),
  ];
  for (const each of forged) mesh.head(each);
  await eventually('all are refused', async () => (await refusals(proxy, 'head')) === 4);
  const older = mesh.key.signer.sign<LogHead>('head', {
    ...head,
    revision: { epoch: 1, sequence: 1 },
  });
  await eventually('an older revision is refused', async () => {
    mesh.head(older);
    return (await refusals(proxy, 'head')) > 4;
  });
  const said = proxy.log().map(({ msg }) => String(msg));
  const behind = 'is at revision 1-1, and this proxy has read';
  expect(said).toContainEqual(expect.stringContaining(behind));
  expect(said.filter((line) => line.includes('reading the whole log again'))).toEqual([]);
  const snapshot = JSON.parse((await proxy.admin('/snapshot')).body) as object;
  expect(snapshot).toMatchObject({ revision: { sequence: 2 }, digest, alarms: [] });
  expect(await proxy.stop()).toBe(0);
});

it('F33: endpoints that are forged, or of before, are refused and written over', async () => {
  const mesh = await SignedMesh.start();
  const clock = new FakeClock();
  const heads: unknown[] = [];
  mesh.connection.subscribe(meshSubjects(mesh.name).head, {
    callback: (_error, message) => heads.push(decodeJson(message.data)),
  });
  await mesh.connection.flush();
  const { api } = await mesh.service(mesh.key, [], { clock });
  const trust = trustIn(mesh.key);
  await eventually('the head is published', () => heads.length > 0);
  expect(trust.refusalOf('head', heads[0] as LogHead)).toBeUndefined();
  const [here, moved, evil] = [
    await startApp('here'),
    await startApp('moved'),
    await startApp('evil'),
  ];
  const cidrs = ['127.0.0.0/8'];
  const allowed = { mesh: mesh.name, proxy: 'echo-1', service: 'shop/echo', cidrs };
  const grant = mesh.key.signer.sign<ProxyGrant>('grant', allowed);
  const said = { workload: 'shop/echo', grant };
  const sidecar = new SpokenProxy(mesh.connection, mesh.name, 'echo-1', said);
  const beat = (port: number): Promise<void> =>
    sidecar.beat({ announces: { service: 'shop/echo', address: '127.0.0.1', port } });
  const proxy = mesh.proxy();
  await proxy.ready();
  const port = await freePort();
  await api.write({ upserts: [gateway([port]), service('echo'), route('echo', 'echo')] });
  const answering = async (name: string): Promise<boolean> => {
    const { status, body } = await fetchOnce({ port });
    return status === 200 && (JSON.parse(body) as { name: string }).name === name;
  };
  await receiptOf(api, 1);
  await beat(here.port);
  await eventually('the announced endpoint is used', () => answering('here'));
  const old = await mesh.published();
  await beat(moved.port);
  await eventually('the endpoint has moved', () => answering('moved'));

  const set = decodeJson(await mesh.published()) as unknown as ServiceEndpoints;
  const endpoints = set.endpoints.map((each) => ({ ...each, port: evil.port }));
  const forgeries: [string, unknown, string][] = [
    ['unsigned', { ...set, endpoints, signature: undefined }, 'is not signed'],
    ['a stranger’s', mesh.stranger.signer.sign('endpoints', { ...set, endpoints }), 'not trusted'],
    ['changed', { ...set, endpoints }, 'does not match its signature'],
    ['from before', old, 'is older than'],
  ];
  for (const [i, [what, forged, why]] of forgeries.entries()) {
    await mesh.forgeEndpoints(forged);
    await eventually(`${what}: refused`, async () => (await refusals(proxy, 'endpoints')) > i);
    await eventually(`${what}: told`, () => proxy.stderr().includes(why));
    expect(await answering('moved'), what).toBe(true);
    await eventually(`${what}: written over`, async () => {
      clock.advance(TICK_MS);
      await beat(moved.port);
      const now = decodeJson(await mesh.published()) as unknown as ServiceEndpoints;
      const isBelieved = trust.refusalOf('endpoints', now) === undefined;
      return isBelieved && now.endpoints[0]?.port === moved.port && now.time > set.time;
    });
  }
  expect(await metric(api, 'windrose_config_endpoints_refused_total')).toBe(forgeries.length);
  expect(await refusals(proxy, 'endpoints')).toBe(forgeries.length);
  expect(evil.seen).toEqual([]);
});

it('F33: a snapshot on disk that nobody trusted has signed is not served', async () => {
  const mesh = await SignedMesh.start();
  const { api } = await mesh.service();
  const dataDir = tempDir();
  const app = await startApp('echo');
  const port = await freePort();
  const first = mesh.proxy([mesh.key], { dataDir });
  await first.ready();
  await api.write({ upserts: shop(port, app.port) });
  await receiptOf(api, 1);
  await first.stop();
  const nowhere = { url: 'nats://127.0.0.1:1', dataDir };

  const good = mesh.proxy([mesh.key], nowhere);
  await good.ready();
  expect((await fetchOnce({ port })).status).toBe(200);
  await good.stop();

  const distrustful = mesh.proxy([mesh.stranger], nowhere);
  await eventually('it is refused', async () => (await refusals(distrustful, 'snapshot')) > 0);
  expect((await distrustful.admin('/readyz')).status).toBe(503);
  expect(distrustful.stderr()).toContain(`signed by the key ${mesh.key.signer.id}, which is not`);
  await distrustful.stop();

  const again = mesh.proxy([mesh.stranger, mesh.key], nowhere);
  await again.ready();
  expect((await fetchOnce({ port })).status).toBe(200);
  await again.stop();
});

it('services that write at once, with junk between, sign each try for its place', async () => {
  const mesh = await SignedMesh.start();
  const second = testKey('second');
  const left = await mesh.service(mesh.key, [second]);
  const right = await mesh.service(second, [mesh.key]);
  const writes = Array.from({ length: 20 }, async (_, i) => {
    const { api } = i % 2 === 0 ? left : right;
    const answer = await api.write({ upserts: [service(`s${i}`)] });
    if (i % 5 === 0) await mesh.forge(mesh.event(i, answer.digest));
    return sequenceOf(answer);
  });
  const sequences = await Promise.all(writes);
  expect(new Set(sequences).size).toBe(20);
  for (const sequence of sequences) {
    const event = decodeJson(await mesh.message(sequence)) as unknown as ChangeSetEvent;
    expect(event.sequence).toBe(sequence);
    expect(trustIn(mesh.key, second).refusalOf('change-set', event)).toBeUndefined();
  }
  const count = async (api: Api): Promise<number> =>
    (await api.get<{ items: object[] }>('/v1/resources')).body.items.length;
  for (const { api } of [left, right]) {
    await eventually('all are there', async () => (await count(api)) === 20);
    expect((await api.get('/readyz')).status).toBe(200);
  }
});

it('keys are changed by overlap; who forgets the old one too early stops and says so', async () => {
  const mesh = await SignedMesh.start();
  const next = testKey('next');
  const before = await mesh.service(mesh.key, [next]);
  const proxy = mesh.proxy([mesh.key, next]);
  await proxy.ready();
  await before.api.write({ upserts: [service('a')] });
  await before.stop();
  const { api } = await mesh.service(next, [mesh.key]);
  expect(await revisionOf(api)).toBe('1-1');
  const { digest } = await api.write({ upserts: [service('b')] });
  expect(await receiptOf(api, 2)).toMatchObject({ result: 'applied', logDigest: digest });
  await proxy.stop();

  const early = mesh.proxy([next]);
  const refused = await receiptOf(api, 2, 'rejected');
  expect(refused.logDigest).not.toBe(digest);
  expect(await refusals(early, 'event')).toBeGreaterThan(0);
  expect((await early.admin('/readyz')).status).toBe(503);
  expect(early.stderr()).toContain(`signed by the key ${mesh.key.signer.id}, which is not trusted`);
  await early.stop();

  const late = mesh.proxy([mesh.key, next]);
  await late.ready();
  expect(await receiptOf(api, 2, 'applied')).toMatchObject({ logDigest: digest });
  await late.stop();
});

it.each([
  [[], 2, '--credential or --trust is missing'],
  [['--trust', '/no/such.pem'], 2, '--trust: ENOENT'],
  [['--trust', 'package.json'], 2, '--trust: package.json: there is no public key in PEM in it'],
])('a proxy of a mesh with %j is refused with one sentence', async (args, status, sentence) => {
  const flags = ['--name', 'edge-1', '--nats', 'nats://127.0.0.1:1', '--log-level', 'error'];
  const proxy = startProxy([...flags, ...args], { env: { WINDROSE_INSECURE_UNSIGNED: '' } });
  expect(await proxy.exited).toBe(status);
  expect(proxy.stderr()).toContain(`windrose proxy: ${sentence}`);
  expect(proxy.stderr().trim().split('\n')).toHaveLength(1);
});
