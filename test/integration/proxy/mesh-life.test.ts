import { meshSubjects } from '#contracts/subjects.ts';
import { meshTopics } from '#contracts/topics.ts';
import { eventually } from '#test/eventually.ts';
import { freePort, kafkaBrokers, natsUrl } from '#test/parts.ts';
import { childrenOf } from '#test/shop.ts';
import { expect, test } from 'vitest';
import { kafkaFor, readUntil } from '../telemetry/read-topic.ts';
import { TestMesh, gateway, route, service, slice } from './mesh.ts';
import { Load, fetchOnce, startApp, startProxy } from './proxy-process.ts';

test('a sidecar announces its service once it serves, and withdraws it in time', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('reviews');
  const inbound = await freePort();
  await mesh.apply([service('reviews')]);
  const proxy = startProxy([
    ...['--name', 'reviews-1', '--role', 'sidecar', '--service', 'shop/reviews'],
    ...['--mesh', mesh.name, '--nats', natsUrl(), '--zone', 'z1', '--label', 'version=v1'],
    ...['--app', `127.0.0.1:${app.port}`, '--inbound', `127.0.0.1:${inbound}`],
  ]);
  await proxy.ready();
  const beat = await eventually(() => mesh.heartbeats.find((each) => each.announces), {
    timeoutMs: 10_000,
    what: 'the announcement',
  });
  expect(beat).toMatchObject({
    ...{ role: 'sidecar', workload: 'shop/reviews', zone: 'z1', labels: { version: 'v1' } },
    announces: { service: 'shop/reviews', address: '127.0.0.1', port: inbound },
  });
  expect((await fetchOnce({ port: inbound })).status).toBe(200);
  await proxy.stop();
  const last = mesh.heartbeats.slice(-2);
  expect(last.map((each) => [each.state, each.announces])).toEqual([
    ['draining', undefined],
    ['goodbye', undefined],
  ]);
});

test('an outbound sidecar follows the endpoints of a service as they come and go', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const [one, two] = [await startApp('one'), await startApp('two')];
  const outbound = await freePort();
  await mesh.apply([service('reviews')]);
  await mesh.endpoints('shop/reviews', [{ port: one.port }]);
  const proxy = startProxy([
    ...['--name', 'storefront-1', '--role', 'sidecar', '--service', 'shop/storefront'],
    ...['--mesh', mesh.name, '--nats', natsUrl(), '--outbound', `127.0.0.1:${outbound}`],
  ]);
  await proxy.ready();
  const answer = async (): Promise<string> => {
    const { status, body } = await fetchOnce({ port: outbound, headers: { host: 'reviews.shop' } });
    return status === 200 ? (JSON.parse(body) as { name: string }).name : String(status);
  };
  const becomes = (expected: string) =>
    eventually(async () => ((await answer()) === expected ? true : undefined), {
      timeoutMs: 5_000,
      what: expected,
    });
  await becomes('one');
  await mesh.endpoints('shop/reviews', [{ port: two.port }]);
  await becomes('two');
  await mesh.endpoints('shop/reviews', []);
  expect(await becomes('503')).toBe(true);
});

test('a consumer that the server forgets is made anew, and nothing is missed', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const proxy = startProxy(['--name', 'edge-1', '--mesh', mesh.name, '--nats', natsUrl()]);
  await proxy.ready();
  await mesh.receipt('edge-1', await mesh.apply([service('a')]));
  const manager = await mesh.connection.jetstreamManager();
  const { streams } = meshSubjects(mesh.name);
  for (const { name } of await manager.consumers.list(streams.config).next()) {
    await manager.consumers.delete(streams.config, name);
  }
  const sequence = await mesh.apply([service('b')]);
  expect(await mesh.receipt('edge-1', sequence)).toMatchObject({
    result: 'applied',
    logDigest: mesh.log.state.digest,
  });
});

test('the admin socket drains and quits a proxy', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const port = await freePort();
  await mesh.apply([
    ...[gateway([port]), service('echo'), slice('echo', app.port), route('echo', 'echo')],
  ]);
  const proxy = startProxy(['--name', 'edge-1', '--mesh', mesh.name, '--nats', natsUrl()]);
  await proxy.ready();
  expect((await proxy.admin('/readyz')).status).toBe(200);
  const metrics = (await proxy.admin('/metrics')).body;
  expect(metrics).toContain('windrose_proxy_revision 1\n');
  expect(metrics).toContain('windrose_proxy_connected 1\n');
  expect((await proxy.admin('/drain', 'POST')).status).toBe(202);
  expect((await proxy.admin('/readyz')).status).toBe(503);
  await eventually(
    () =>
      fetchOnce({ port }).then(
        () => undefined,
        () => true,
      ),
    { timeoutMs: 5_000, what: 'it no longer accepts' },
  );
  expect((await proxy.admin('/quit', 'POST')).status).toBe(202);
  expect(await proxy.exited).toBe(0);
});

test('what a killed worker had recorded is accounted for by its supervisor', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const port = await freePort();
  const kafka = kafkaFor(kafkaBrokers());
  const topics = meshTopics(mesh.name);
  await kafka.ensureTopics([
    { topic: topics.access, partitions: 2 },
    { topic: topics.metrics, partitions: 2 },
  ]);
  await mesh.apply([
    ...[gateway([port]), service('echo'), slice('echo', app.port), route('echo', 'echo')],
  ]);
  const proxy = startProxy([
    ...['--name', 'edge-1', '--mesh', mesh.name, '--nats', natsUrl(), '--workers', '2'],
    ...['--kafka', kafkaBrokers()],
  ]);
  await proxy.ready();
  for (let i = 0; i < 50; i++) await fetchOnce({ port });
  const before = await readUntil(kafka, topics.access, (messages) =>
    messages.some(({ headers }) => headers.rows > 0),
  );
  for (const pid of childrenOf(proxy.child.pid ?? 0)) process.kill(pid, 'SIGKILL');
  const told = await readUntil(
    kafka,
    topics.access,
    (messages) => messages.filter(({ headers }) => headers.end === 2).length === 2,
    30_000,
  );
  const ends = told.filter(({ headers }) => headers.end === 2).map(({ headers }) => headers);
  expect(ends.map(({ worker }) => worker).sort((a, b) => a - b)).toEqual([0, 1]);
  expect(new Set(ends.map(({ instance }) => instance))).toEqual(
    new Set(before.map(({ headers }) => headers.instance)),
  );
  // Those that replaced them end cleanly, under the next numbers.
  expect(await proxy.stop()).toBe(0);
  const all = await readUntil(
    kafka,
    topics.access,
    (messages) => messages.filter(({ headers }) => headers.end === 1).length === 2,
  );
  const clean = all.filter(({ headers }) => headers.end === 1);
  expect(clean.map(({ headers }) => headers.worker).sort((a, b) => a - b)).toEqual([2, 3]);
});

test.each([1, 2])(
  'F03: changes under load with %i worker(s): no request fails',
  async (workers) => {
    const mesh = await TestMesh.start(natsUrl());
    const [one, two] = [await startApp('one'), await startApp('two')];
    const port = await freePort();
    const services = [
      service('one'),
      slice('one', one.port),
      service('two'),
      slice('two', two.port),
    ];
    await mesh.apply([gateway([port]), ...services, route('echo', 'one')]);
    const proxy = startProxy([
      ...['--name', 'edge-1', '--mesh', mesh.name, '--nats', natsUrl()],
      ...['--workers', String(workers), '--access-log', '-'],
    ]);
    await proxy.ready();
    const load = new Load({ port }, 8);
    let sequence = 0;
    for (let i = 0; i < 100; i++)
      sequence = await mesh.apply([route('echo', i % 2 ? 'one' : 'two')]);
    await mesh.receipt('edge-1', sequence);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect([...load.statuses.keys()]).toEqual([200]);
    await proxy.stop();
    // Every request was decided by one revision: odd ones lead to one, even ones to two.
    const records = proxy
      .stdout()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { revision: number; backend: string });
    expect(records).toHaveLength(load.sent);
    for (const { revision, backend } of records) {
      expect(backend).toBe(revision % 2 === 0 ? 'shop/two:80' : 'shop/one:80');
    }
    // How many of the 100 are served apart is up to the machine: those that wait go together.
    expect(new Set(records.map(({ revision }) => revision)).size).toBeGreaterThan(2);
  },
);
