// F32: a resource that cannot be applied.
import { once } from 'node:events';
import { type Server, createServer } from 'node:net';
import type { LogHead, Receipt } from '#contracts/events.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { encodeJson } from '#platform/nats.ts';
import { eventually } from '#test/eventually.ts';
import { freePort, natsUrl } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { childrenOf } from '#test/shop.ts';
import { expect, it, onTestFinished } from 'vitest';
import { TestMesh, gateway, route, service, slice } from '../integration/proxy/mesh.ts';
import {
  type ProxyProcess,
  fetchOnce,
  startApp,
  startProxy,
} from '../integration/proxy/proxy-process.ts';

/** Where the second proxy listens; the port is taken on the first one's address only. */
const OTHER = '127.0.0.2';

/** On whatever address the proxy has. */
function edge(...ports: number[]): Resource {
  const { spec, ...rest } = gateway(ports) as Extract<Resource, { kind: 'Gateway' }>;
  const { addresses: _, ...open } = spec;
  return { ...rest, spec: open };
}

function start(mesh: TestMesh, name: string, more: string[], dataDir?: string): ProxyProcess {
  const flags = ['--name', name, '--mesh', mesh.name, '--nats', natsUrl(), ...more];
  return startProxy(flags, dataDir === undefined ? {} : { dataDir });
}

async function occupy(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

async function status(port: number, path: string, host = '127.0.0.1'): Promise<number> {
  return (await fetchOnce({ host, port, path })).status;
}

/** What a proxy says after those receipts that were there before. */
function next(mesh: TestMesh, proxy: string, result: Receipt['result']): Promise<Receipt> {
  const known = mesh.receipts.length;
  return eventually(
    () => mesh.receipts.slice(known).find((one) => one.proxy === proxy && one.result === result),
    { timeoutMs: 15_000, what: `${proxy} says ${result}` },
  );
}

/** A newer version of the config service wrote it. */
function newer(resource: Resource): Resource {
  return { ...resource, spec: { ...(resource as { spec: object }).spec, fancy: 1 } } as never;
}

it.each([1, 2])('F32: a port in use, %i worker(s)', async (workers) => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const [one, two] = [await freePort(), await freePort()];
  const at = (address: string) => ['--workers', String(workers), '--address', address];
  let proxy = start(mesh, 'edge-1', at('127.0.0.1'));
  const other = start(mesh, 'edge-2', at(OTHER));
  await Promise.all([proxy.ready(), other.ready()]);
  const first = await mesh.apply([
    ...[edge(one), service('echo'), slice('echo', app.port), route('echo', 'echo', '/a')],
  ]);
  await Promise.all([mesh.receipt('edge-1', first), mesh.receipt('edge-2', first)]);

  const holder = await occupy(two);
  const moved = await mesh.apply([edge(two), route('echo', 'echo', '/b'), service('fresh')]);
  const receipt = await mesh.receipt('edge-1', moved);
  const instead = `its version of revision ${first} stays in service`;
  expect(receipt).toMatchObject({ result: 'partial', logDigest: mesh.log.state.digest });
  expect(receipt.problems).toEqual([
    {
      resource: 'Gateway/shop/edge',
      path: `spec.listeners[name=p${two}].port`,
      reason: 'cannot_apply',
      message: `cannot listen on 127.0.0.1:${two}: another program uses it; ${instead}`,
    },
    {
      resource: 'HTTPRoute/shop/echo',
      path: '',
      reason: 'quarantined',
      message: `it depends on Gateway/shop/edge, which is held back here; ${instead}`,
    },
  ]);
  const served = async (): Promise<number[]> => [await status(one, '/a'), await status(one, '/b')];
  expect(await served()).toEqual([200, 404]);
  expect(await mesh.receipt('edge-2', moved)).toMatchObject({
    ...{ result: 'applied', logDigest: receipt.logDigest },
  });
  expect(await status(two, '/b', OTHER)).toBe(200);

  // The state is found to be wrong and read anew.
  const again = next(mesh, 'edge-1', 'partial');
  const head: LogHead = {
    ...{ mesh: mesh.name, revision: { epoch: 1, sequence: moved }, digest: 'sha256:0' },
    time: new Date().toISOString(),
  };
  mesh.connection.publish(meshSubjects(mesh.name).head, encodeJson(head));
  expect((await again).problems).toEqual(receipt.problems);
  expect(await served()).toEqual([200, 404]);

  // A worker that comes later serves what the others serve.
  if (workers > 1) {
    for (const worker of childrenOf(proxy.child.pid ?? 0)) process.kill(worker, 'SIGKILL');
    await until('workers serve again', async () => {
      return childrenOf(proxy.child.pid ?? 0).length === workers && (await served())[0] === 200;
    });
    for (let i = 0; i < 10; i++) expect(await served()).toEqual([200, 404]);
  }

  const restarted = next(mesh, 'edge-1', 'partial');
  await proxy.stop();
  proxy = start(mesh, 'edge-1', at('127.0.0.1'), proxy.dataDir);
  await proxy.ready();
  expect((await restarted).problems).toEqual(receipt.problems);
  expect(await served()).toEqual([200, 404]);
  const { body } = await proxy.admin('/snapshot');
  expect(JSON.parse(body)).toMatchObject({
    quarantined: [
      { resource: 'Gateway/shop/edge', wanted: moved, kept: first },
      { resource: 'HTTPRoute/shop/echo', wanted: moved, kept: first },
    ],
  });

  const last = await mesh.apply([service('last')]);
  expect(await mesh.receipt('edge-1', last)).toMatchObject({ result: 'partial' });
  const ended = next(mesh, 'edge-1', 'applied');
  holder.close();
  expect(await ended).toMatchObject({ revision: { sequence: last }, problems: [] });
  await until('the new port serves', async () => (await status(two, '/b')) === 200);
  await expect(fetchOnce({ port: one })).rejects.toThrow('ECONNREFUSED');
});

it('F32: what is too new, and removals beside it', async () => {
  const mesh = await TestMesh.start(natsUrl());
  const app = await startApp('echo');
  const port = await freePort();
  let proxy = start(mesh, 'edge-1', []);
  await proxy.ready();
  const echo = [gateway([port]), service('echo'), slice('echo', app.port)];
  const [a, b, c] = ['a', 'b', 'c'].map((name) => route(name, 'echo', `/${name}`));
  if (a === undefined || b === undefined || c === undefined) throw new Error('no routes');
  await mesh.receipt('edge-1', await mesh.apply([...echo, a, b]));

  const auth = {
    apiVersion: 'windrose.dev/v1',
    kind: 'AuthenticationPolicy',
    metadata: { name: 'keys', namespace: 'shop' },
    spec: { targetRefs: [{ kind: 'HTTPRoute', name: 'c' }], apiKey: {} },
  } as unknown as Resource;
  const sequence = await mesh.apply([newer(a), newer(auth), c], [b]);
  const receipt = await mesh.receipt('edge-1', sequence);
  expect(receipt.problems).toMatchObject([
    { resource: 'AuthenticationPolicy/shop/keys', path: 'spec.fancy', reason: 'too_new' },
    { resource: 'HTTPRoute/shop/a', path: 'spec.fancy', reason: 'too_new' },
  ]);
  const served = async (): Promise<number[]> =>
    Promise.all(['/a', '/b', '/c'].map((path) => status(port, path)));
  expect(await served()).toEqual([200, 404, 503]);

  await proxy.stop();
  const restarted = next(mesh, 'edge-1', 'partial');
  proxy = start(mesh, 'edge-1', [], proxy.dataDir);
  await proxy.ready();
  expect((await restarted).problems).toEqual(receipt.problems);
  expect(await served()).toEqual([200, 404, 503]);

  const mended = await mesh.apply([a, auth]);
  expect(await mesh.receipt('edge-1', mended)).toMatchObject({ result: 'applied', problems: [] });
  expect(await served()).toEqual([200, 404, 401]);

  // An event that asks for a newer proxy: all that it writes waits, what it deletes goes.
  const event = { ...mesh.log.write([b], [{ kind: 'HTTPRoute', namespace: 'shop', name: 'a' }]) };
  const asking = await mesh.publish({ ...event, minProxy: '99.0.0', schema: 2 });
  expect(await mesh.receipt('edge-1', asking)).toMatchObject({
    result: 'partial',
    logDigest: mesh.log.state.digest,
    problems: [{ resource: 'HTTPRoute/shop/b', path: '', reason: 'too_new' }],
  });
  expect(await served()).toEqual([404, 404, 401]);
});
