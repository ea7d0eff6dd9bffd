import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MANIFESTS, TRY, shopResources } from '../../../../infra/demo/resources.ts';
import { edgeCertificate } from '../../../../infra/demo/certificates.ts';
import { plan, startLoad } from '../../../../infra/demo/load.ts';
import { startOncall } from '../../../../infra/demo/oncall.ts';
import {
  APPLICATIONS,
  DEMO_KEYS,
  MANIFEST_EDGE_PORTS,
  PROXIES,
  portList,
  shopPorts,
} from '../../../../infra/demo/topology.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { MeshState } from '#platform/state.ts';
import { compile } from '#proxy/pure.ts';
import { readManifests } from '#platform/manifests.ts';
import { metadataOf } from '#contracts/resources/index.ts';
import { issueCertificate } from '#platform/x509.ts';
import { tempDir } from '#test/parts.ts';
import { startReceiver } from '#test/receiver.ts';
import { expect, onTestFinished, test } from 'vitest';

const GOOD = ['canary.yaml', 'fault.yaml', 'calls.yaml', 'patient.yaml'];

test('every manifest is valid and carries the label by which a start cleans up', async () => {
  const { resources, problems } = await readManifests([MANIFESTS]);
  expect(problems).toEqual([]);
  const unlabelled = resources.filter((each) => metadataOf(each).labels?.['app'] !== 'shop');
  expect(unlabelled).toEqual([]);
});

/** What a proxy would find wrong after these resources were applied to the demo. */
async function problemsWith(file?: string): Promise<ResourceProblem[]> {
  const state = new MeshState();
  const time = '2026-01-01T00:00:00Z';
  state.apply({
    sequence: 1,
    time,
    upserts: await shopResources(MANIFEST_EDGE_PORTS),
    deletes: [],
  });
  if (file !== undefined) {
    const { resources, problems } = await readManifests([join(TRY, file)]);
    if (problems.length > 0) return problems;
    state.apply({ sequence: 2, time, upserts: resources, deletes: [] });
  }
  const { entries } = state;
  const revision = { epoch: 1, sequence: 2 };
  return compile({ entries, revision, nowMs: Date.parse(time) }).problems;
}

test('the demo compiles without a problem, also with each good thing to try', async () => {
  expect(await problemsWith()).toEqual([]);
  for (const file of GOOD) expect(await problemsWith(file), file).toEqual([]);
});

test('the certificate of the edge is made once, and again when it is about to end', () => {
  const folder = tempDir();
  const files = edgeCertificate(folder);
  const read = (file: string): string => readFileSync(file, 'utf8');
  const leaf = new X509Certificate(read(files.cert));
  const authority = new X509Certificate(read(files.ca));
  expect(leaf.verify(authority.publicKey)).toBe(true);
  expect(leaf.checkHost('localhost')).toBe('localhost');
  expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(statSync(files.key).mode & 0o077).toBe(0);
  expect(edgeCertificate(folder)).toEqual(files);
  expect(read(files.cert)).toBe(leaf.toString());
  const notAfter = new Date(Date.now() + 24 * 60 * 60 * 1_000);
  writeFileSync(files.cert, issueCertificate({ name: 'localhost', notAfter }).cert);
  edgeCertificate(folder);
  expect(new X509Certificate(read(files.cert)).validToDate > notAfter).toBe(true);
});

test('try/bad.yaml is refused with both its mistakes', async () => {
  const problems = await problemsWith('bad.yaml');
  expect(problems.map((problem) => problem.reason).sort()).toEqual([
    'bad_regular_expression',
    'missing_reference',
  ]);
});

test.each(GOOD)('what try/%s leaves is cleaned up', async (file) => {
  const { resources } = await readManifests([join(TRY, file)]);
  for (const resource of resources) expect(metadataOf(resource).labels?.['app']).toBe('shop');
});

test('the hashes in the manifests are those of the printed keys', async () => {
  const consumers = (await shopResources(MANIFEST_EDGE_PORTS)).filter(
    (each) => each.kind === 'Consumer',
  );
  const hashes = Object.fromEntries(
    consumers.map((each) => [each.metadata.name, each.spec.credentials[0]?.sha256]),
  );
  const wanted = Object.entries(DEMO_KEYS).map(([name, key]) => [
    name,
    createHash('sha256').update(key).digest('hex'),
  ]);
  expect(hashes).toEqual(Object.fromEntries(wanted));
});

test('there is a Service for every application, and the edge moves with the base', async () => {
  const resources = await shopResources({ edge: 21_080, edgeTls: 21_443 });
  const services = resources.filter((each) => each.kind === 'Service');
  const names = services.map((each) => each.metadata.name);
  expect(names).toEqual(expect.arrayContaining(APPLICATIONS.map((each) => each.name)));
  const gateway = resources.find((each) => each.kind === 'Gateway');
  expect(gateway?.spec).toMatchObject({
    addresses: [{ value: '127.0.0.1' }],
    listeners: [{ port: 21_080 }, { port: 21_443 }],
  });
});

test('the ports are those that are documented, all different, none of another base', () => {
  const ports = shopPorts(7_000);
  expect(ports).toMatchObject({ edge: 7_080, edgeTls: 7_443 });
  expect(ports).toMatchObject({ config: 7_400, analytics: 7_410, alerting: 7_420 });
  expect(ports.applications.catalog).toEqual({ app: 7_111, inbound: 7_112, outbound: 7_113 });
  const all = portList(ports).map(([port]) => port);
  expect(new Set(all).size).toBe(all.length);
  expect(all.length).toBe(5 + 3 * APPLICATIONS.length);
  expect(Math.max(...all) < 8_000 && Math.min(...all) >= 7_000).toBe(true);
  expect(PROXIES).toHaveLength(1 + APPLICATIONS.length);
});

test('the load is mostly browsing, some orders, by each consumer in its part', () => {
  let seed = 11;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const planned = Array.from({ length: 5_000 }, () => plan(random));
  const share = (wanted: (one: (typeof planned)[number]) => boolean): number =>
    planned.filter(wanted).length / planned.length;
  expect(share((one) => one.method === 'POST' && one.path === '/orders')).toBeCloseTo(0.12, 1);
  expect(share((one) => one.path === '/products')).toBeCloseTo(0.4, 1);
  expect(share((one) => one.key === DEMO_KEYS.acme)).toBeCloseTo(0.5, 1);
  expect(share((one) => one.key === DEMO_KEYS.initech)).toBeCloseTo(0.15, 1);
});

test('the load counts answers by status, and goes on when there are none', async () => {
  const receiver = await startReceiver<unknown>();
  const load = startLoad({ target: receiver.url, requestsPerSecond: 200, random: () => 0.05 });
  onTestFinished(load.stop);
  await receiver.waitFor((body) => (body as { quantity?: number }).quantity === 1, 5_000);
  await expect.poll(() => load.answers.get(200) ?? 0).toBeGreaterThan(2);
  await receiver.stop();
  await expect.poll(() => load.answers.get(0) ?? 0).toBeGreaterThan(2);
});

test('the pager tells every notification once, and refuses what is none', async () => {
  const told: string[] = [];
  const oncall = await startOncall(0, (notification) => told.push(notification.notificationId));
  onTestFinished(oncall.stop);
  const post = async (body: string): Promise<number> =>
    (await fetch(oncall.url, { method: 'POST', body })).status;
  const notification = (id: string): string => JSON.stringify({ notificationId: id, alert: {} });
  expect(await post(notification('n1'))).toBe(204);
  expect(await post(notification('n1'))).toBe(204);
  expect(await post(notification('n2'))).toBe(204);
  expect(await post('{"alert":1}')).toBe(400);
  expect(await post('nonsense')).toBe(400);
  expect(told).toEqual(['n1', 'n2']);
});
