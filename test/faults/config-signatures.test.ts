// F33: bad signature, wrong mesh, older revision: refused and alarmed, by config services and
// proxies alike. Whoever forges here may publish whatever he likes on NATS, but holds no key.
import { createHash } from 'node:crypto';
import type { LogHead } from '#contracts/events.ts';
import { systemClock } from '#platform/clock.ts';
import { followLog } from '#platform/follow-log.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { expect, it, onTestFinished } from 'vitest';
import { type Api, eventually, ref, service } from '../integration/config/support.ts';
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
    const counts = ['untrusted', 'foreign'].map((why) => metric(api, `${REFUSED}{why="${why}"}`));
    expect(await Promise.all(counts)).toEqual([7, 2]);
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
  expect(said).toContainEqual(expect.stringContaining('is at revision 1, and this proxy has read'));
  expect(said.filter((line) => line.includes('reading the whole log again'))).toEqual([]);
  const snapshot = JSON.parse((await proxy.admin('/snapshot')).body) as object;
  expect(snapshot).toMatchObject({ revision: { sequence: 2 }, digest, alarms: [] });
  expect(await proxy.stop()).toBe(0);
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
  const receipt = await receiptOf(api, 2);
  expect(receipt.logDigest).toBe(digest);
  await eventually('it is told', async () => (await refusals(early, 'event')) > 0);
  expect((await early.admin('/readyz')).status).toBe(503);
  expect(early.stderr()).toContain(`signed by the key ${mesh.key.signer.id}, which is not trusted`);
  await early.stop();

  const late = mesh.proxy([mesh.key, next]);
  await late.ready();
  expect(await receiptOf(api, 2)).toMatchObject({ result: 'applied', logDigest: digest });
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
