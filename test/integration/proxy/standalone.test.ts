import { renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { stringify } from 'yaml';
import type { Resource } from '#contracts/resources/index.ts';
import { eventually } from '#test/eventually.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { gateway, route, service, slice } from './mesh.ts';
import { fetchOnce, startApp, startProxy } from './proxy-process.ts';

function write(file: string, resources: Resource[]): void {
  writeFileSync(`${file}.new`, resources.map((each) => stringify(each)).join('---\n'));
  renameSync(`${file}.new`, file);
}

interface Echo {
  headers: Record<string, string>;
  url: string;
}

test('edge, outbound and inbound in a row: one trace, one request id, four records', async () => {
  const dir = tempDir();
  const app = await startApp('reviews');
  const [edge, inbound, outbound] = [await freePort(), await freePort(), await freePort()];
  const file = path.join(dir, 'shop.yaml');
  // The caller's application answers with what it got from the service that it calls.
  const caller = await startApp('storefront', (request, response) => {
    const { traceparent = '', 'x-request-id': id = '' } = request.headers;
    fetchOnce({
      ...{ port: outbound, path: '/ratings?x=1' },
      headers: { host: 'reviews.shop', traceparent, 'x-request-id': id, 'x-windrose-hop': '1' },
    }).then(
      (answer) => response.end(answer.body),
      () => response.destroy(),
    );
  });
  const reviews = startProxy([
    ...['--resources', file, '--role', 'sidecar', '--service', 'shop/reviews', '--name', 'r'],
    ...['--app', `127.0.0.1:${app.port}`, '--inbound', `127.0.0.1:${inbound}`],
    ...['--access-log', '-'],
  ]);
  const storefront = startProxy([
    ...['--resources', file, '--role', 'sidecar', '--service', 'shop/storefront', '--name', 's'],
    ...['--outbound', `127.0.0.1:${outbound}`, '--access-log', '-'],
  ]);
  write(file, [
    ...[gateway([edge]), service('storefront'), service('reviews')],
    ...[slice('storefront', caller.port), slice('reviews', inbound)],
    route('storefront', 'storefront'),
  ]);
  const gate = startProxy(['--resources', file, '--name', 'g', '--access-log', '-']);
  await Promise.all([reviews.ready(), storefront.ready(), gate.ready()]);
  const answer = await fetchOnce({ port: edge, path: '/page', headers: { host: 'shop.example' } });
  expect(answer.status).toBe(200);
  const echo = JSON.parse(answer.body) as Echo;
  expect(echo.url).toBe('/ratings?x=1');
  expect(echo.headers['x-windrose-hop']).toBeUndefined();
  const record = (proxy: typeof gate): Promise<Record<string, unknown>> =>
    eventually(
      () => {
        const line = proxy
          .stdout()
          .split('\n')
          .find((each) => each.startsWith('{'));
        return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
      },
      { timeoutMs: 5_000, what: 'a record' },
    );
  const [first, second, third] = await Promise.all([gate, storefront, reviews].map(record));
  expect(first).toMatchObject({
    ...{ direction: 'edge', route: 'shop/storefront', destination: 'shop/storefront' },
    ...{ source: 'Gateway/shop/edge', status: 200, reason: 'ok' },
  });
  expect(second).toMatchObject({
    ...{ direction: 'outbound', source: 'shop/storefront', destination: 'shop/reviews' },
  });
  expect(third).toMatchObject({ direction: 'inbound', workload: 'shop/reviews', path: '/ratings' });
  expect(new Set([first, second, third].map((each) => each?.['trace_id'])).size).toBe(1);
  expect(new Set([first, second, third].map((each) => each?.['request_id'])).size).toBe(1);
  expect(echo.headers['traceparent']).toContain(String(third?.['span_id']));
});

test('a ListenerPolicy that comes later: connections stay, and every hop obeys it', async () => {
  const app = await startApp('packages');
  const [edge, inbound] = [await freePort(), await freePort()];
  const file = path.join(tempDir(), 'shop.yaml');
  const state: Resource[] = [
    ...[gateway([edge]), service('packages'), slice('packages', inbound)],
    route('packages', 'packages'),
  ];
  write(file, state);
  const gate = startProxy(['--resources', file, '--name', 'g']);
  const sidecar = startProxy([
    ...['--resources', file, '--role', 'sidecar', '--service', 'shop/packages', '--name', 'p'],
    ...['--app', `127.0.0.1:${app.port}`, '--inbound', `127.0.0.1:${inbound}`],
  ]);
  await Promise.all([gate.ready(), sidecar.ready()]);
  const socket = connect(edge, '127.0.0.1');
  let text = '';
  socket.on('data', (bytes) => (text += bytes.toString()));
  const answers = (count: number): Promise<unknown> =>
    eventually(() => text.match(/HTTP\/1\.1 200/g)?.length === count || undefined, {
      ...{ timeoutMs: 5_000, what: `answer ${count}` },
    });
  socket.write('GET /open HTTP/1.1\r\nHost: shop.example\r\n\r\n');
  await answers(1);
  const ask = { port: edge, path: '/@scope%2fname', headers: { host: 'shop.example' } };
  expect((await fetchOnce(ask)).status).toBe(400);
  const targetRefs = [
    { kind: 'Gateway', name: 'edge' } as const,
    { kind: 'Service', name: 'packages' } as const,
  ];
  write(file, [
    ...state,
    {
      ...{ apiVersion: 'windrose.dev/v1', kind: 'ListenerPolicy' },
      metadata: { name: 'packages', namespace: 'shop' },
      spec: { targetRefs, paths: { escapedSlash: 'Keep' } },
    },
  ]);
  const kept = await eventually(
    async () => {
      const { status, body } = await fetchOnce(ask);
      return status === 200 ? (JSON.parse(body) as Echo) : undefined;
    },
    { timeoutMs: 5_000, what: 'the policy acts at the edge and at the sidecar' },
  );
  expect(kept.url).toBe('/@scope%2Fname');
  socket.write('GET /@scope%2Fname HTTP/1.1\r\nHost: shop.example\r\n\r\n');
  await answers(2);
  socket.destroy();
});

test('an explicit proxy: absolute targets go where their host says', async () => {
  const app = await startApp('reviews');
  const outbound = await freePort();
  const file = path.join(tempDir(), 'shop.yaml');
  write(file, [service('reviews'), slice('reviews', app.port)]);
  const proxy = startProxy([
    ...['--resources', file, '--role', 'sidecar', '--service', 'shop/storefront'],
    ...['--outbound', `127.0.0.1:${outbound}`],
  ]);
  await proxy.ready();
  const known = await fetchOnce({
    port: outbound,
    path: 'http://reviews.shop/x',
    headers: { host: 'reviews.shop' },
  });
  expect(known.status).toBe(200);
  expect((JSON.parse(known.body) as Echo).url).toBe('/x');
  const unknown = await fetchOnce({ port: outbound, headers: { host: 'nowhere.example' } });
  expect(unknown).toMatchObject({ status: 404 });
});

test('files that change are read again; after a mistake the last good state stays', async () => {
  const [one, two] = [await startApp('one'), await startApp('two')];
  const port = await freePort();
  const file = path.join(tempDir(), 'shop.yaml');
  const state = (backend: number): Resource[] => [
    ...[gateway([port]), service('echo'), slice('echo', backend), route('echo', 'echo')],
  ];
  write(file, state(one.port));
  const proxy = startProxy(['--resources', path.dirname(file)]);
  await proxy.ready();
  const name = async (): Promise<string> => {
    const { body } = await fetchOnce({ port });
    return (JSON.parse(body) as { name: string }).name;
  };
  expect(await name()).toBe('one');
  write(file, state(two.port));
  await eventually(async () => ((await name()) === 'two' ? true : undefined), {
    timeoutMs: 5_000,
    what: 'the change is served',
  });
  writeFileSync(file, 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {prots: []}\n');
  await eventually(() => proxy.stderr().includes('spec.prots') || undefined, {
    timeoutMs: 5_000,
    what: 'the mistake is printed',
  });
  expect(proxy.stderr()).toContain('Service/default/x spec.prots: ');
  expect(await name()).toBe('two');
});

test('a first load that is not valid: status 3 and everything that is wrong', async () => {
  const file = path.join(tempDir(), 'bad.yaml');
  writeFileSync(
    file,
    [
      'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {prots: []}',
      'apiVersion: v1\nkind: Sevice\nmetadata: {name: y}\nspec: {}',
    ].join('\n---\n'),
  );
  const proxy = startProxy(['--resources', file]);
  expect(await proxy.exited).toBe(3);
  expect(proxy.stderr()).toContain('spec.prots');
  expect(proxy.stderr()).toContain('Sevice');
  const missing = startProxy(['--resources', '/nowhere/at/all']);
  expect(await missing.exited).toBe(1);
  expect(missing.stderr()).toContain('there is no such file or folder');
});

test('a port that is taken ends a standalone proxy with one sentence', async () => {
  const app = await startApp('squatter');
  const file = path.join(tempDir(), 'shop.yaml');
  write(file, [gateway([app.port])]);
  const proxy = startProxy(['--resources', file]);
  expect(await proxy.exited).toBe(1);
  expect(proxy.stderr()).toContain('another program uses it');
});

test('a TelemetryPolicy says what records show, and how many there are', async () => {
  const app = await startApp('orders', (request, response) => {
    response.writeHead(request.url === '/api/fail' ? 503 : 200, { 'x-cache': 'HIT' });
    response.end('ok');
  });
  const edge = await freePort();
  const file = path.join(tempDir(), 'shop.yaml');
  const policy = (spec: object): Resource =>
    ({
      ...{ apiVersion: 'windrose.dev/v1', kind: 'TelemetryPolicy' },
      metadata: { name: 'orders', namespace: 'shop' },
      spec: { targetRefs: [{ kind: 'HTTPRoute', name: 'orders' }], ...spec },
    }) as Resource;
  const state = [
    ...[gateway([edge]), service('orders'), slice('orders', app.port)],
    route('orders', 'orders'),
  ];
  write(file, [
    ...state,
    policy({
      fields: [
        { name: 'tenant', requestHeader: 'X-Tenant' },
        { name: 'cache', responseHeader: 'X-Cache' },
      ],
      pathTemplates: ['/api/orders/{id}'],
      path: 'Template',
      clientAddress: 'Network',
    }),
  ]);
  const gate = startProxy(['--resources', file, '--name', 'g', '--access-log', '-']);
  await gate.ready();
  const records = (): Record<string, unknown>[] =>
    gate
      .stdout()
      .split('\n')
      .filter((each) => each.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const until = (count: number): Promise<unknown> =>
    eventually(() => records().length >= count || undefined, {
      ...{ timeoutMs: 10_000, what: `${count} records` },
    });
  const ask = (url: string, headers: Record<string, string> = {}) =>
    fetchOnce({ port: edge, path: url, headers: { host: 'shop.example', ...headers } });
  await ask('/api/orders/4711?secret=1', { 'X-Tenant': 'acme', authorization: 'Bearer x' });
  await until(1);
  expect(records()[0]).toMatchObject({
    ...{ path: '/api/orders/{id}', path_template: '/api/orders/{id}', client_address: '127.0.0.0' },
    ...{ weight: 1, fields: { tenant: 'acme', cache: 'HIT' } },
  });
  expect(gate.stdout()).not.toMatch(/4711|secret|Bearer/);

  // None but errors: what else ends is counted, and leaves no record.
  write(file, [...state, policy({ sampling: { percent: 0, newRevision: '1ms' } })]);
  await eventually(
    async () => {
      const before = records().length;
      await ask('/api/orders/1');
      await ask('/api/fail');
      await until(before + 1);
      return records().at(-2)?.['status'] === 503 || undefined;
    },
    { timeoutMs: 20_000, what: 'two errors in a row' },
  );
  expect(records().at(-1)).toMatchObject({ status: 503, path: '/api/fail', fields: {} });
});
