import { createHash } from 'node:crypto';
import { parseManifests } from '#platform/manifests.ts';
import { expect, test } from 'vitest';
import { sloDocument } from '../alerting/fixtures.ts';
import { NOW, fakeApi, windrose } from './harness.ts';
import * as samples from './samples.ts';

const ago = (seconds: number): string => new Date(NOW - seconds * 1_000).toISOString();

test('get: a table by kind; yaml and json can be applied again', async () => {
  const api = await fakeApi({ 'GET /v1/resources': () => samples.resources });
  const ran = await windrose(['get', 'all', ...api.server]);
  expect(ran.status).toBe(0);
  await expect(ran.out).toMatchFileSnapshot('../../golden/cli/get-all.txt');
  for (const format of ['yaml', 'json']) {
    const { out } = await windrose(['get', 'all', '-o', format, ...api.server]);
    const { resources, problems } = parseManifests(out, 'out');
    expect(problems).toEqual([]);
    expect(resources).toEqual(samples.resources.items);
  }
});

test('get one: by namespace/name, at a revision; all namespaces without one', async () => {
  const [, , route] = samples.resources.items;
  const api = await fakeApi({
    'GET /v1/resources/HTTPRoute/shop/reviews': () => ({ revision: '1-3', items: [route] }),
    'GET /v1/resources/HTTPRoute': () => ({ revision: '1-7', items: [route] }),
    'GET /v1/resources/Mesh/-/default': () => ({ revision: '1-7', items: [] }),
  });
  const one = await windrose(['get', 'route', 'shop/reviews', '--at', '3', ...api.server]);
  expect(one.status).toBe(0);
  expect(api.asked[0]?.query).toEqual({ at: '3' });
  const same = await windrose(['get', 'routes', 'reviews', '-o', 'json', ...api.server]);
  expect(JSON.parse(same.out)).toEqual(route);
  const none = await windrose(['get', 'route', 'storefront', ...api.server]);
  expect(none).toEqual({ status: 1, out: '', err: 'windrose: there is no HTTPRoute storefront\n' });
  const mesh = await windrose(['get', 'mesh', 'default', ...api.server]);
  expect(mesh.err).toBe('windrose: there is no Mesh default\n');
});

test.each([
  ['history', 'GET /v1/changesets', samples.history(ago)],
  ['show 1-8', 'GET /v1/changesets/1-8', samples.changeSet(ago)],
  ['status', 'GET /v1/proxies', samples.proxies(ago)],
  ['explain GET http://shop/products', 'POST /v1/explain', samples.explanation],
  ['top', 'GET /v1/analytics/top', samples.totals(ago)],
  ['graph', 'GET /v1/graph', samples.graph(ago)],
  ['health', 'GET /v1/health', samples.health(ago)],
  ['logs', 'GET /v1/records', samples.records],
  ['audit', 'GET /v1/audit', samples.audit],
  ['query SELECT', 'POST /v1/query', samples.sql],
])('%s prints a table for people and the whole answer for programs', async (line, door, answer) => {
  const api = await fakeApi({ [door]: () => answer });
  const args = [...line.split(' '), ...api.server];
  const verb = args[0] ?? '';
  const text = await windrose(args);
  expect(text.status).toBe(0);
  expect(text.out).not.toContain('\u001b');
  await expect(text.out).toMatchFileSnapshot(`../../golden/cli/${verb}.txt`);
  const data = await windrose([...args, '-o', 'json']);
  expect(JSON.parse(data.out)).toEqual(answer);
  const yaml = await windrose([...args, '-o', 'yaml']);
  expect(yaml.status).toBe(0);
});

test('explain names a door once, and says none where there is none', async () => {
  const { match: _match, ...unmatched } = samples.explanation;
  const answers = [
    { ...unmatched, listener: 'outbound', direction: 'outbound' },
    { ...unmatched, listener: '', direction: 'edge', host: '', path: '' },
  ];
  const api = await fakeApi({ 'POST /v1/explain': () => answers.shift() });
  const args = ['explain', 'GET', '/products', ...api.server];
  expect((await windrose(args)).out).toMatch(/^listener: {2}outbound$/m);
  const { out } = await windrose(args);
  expect(out).toMatch(/^listener: {2}none \(edge\)$/m);
  expect(out).toMatch(/^request: {3}none$/m);
});

test('nothing found is a whole document for programs, too', async () => {
  const api = await fakeApi({ 'GET /v1/resources/FaultPolicy': () => ({ items: [] }) });
  const text = await windrose(['get', 'faults', ...api.server]);
  expect(text).toEqual({ status: 0, out: '', err: 'there are none\n' });
  const yaml = await windrose(['get', 'faults', '-o', 'yaml', ...api.server]);
  expect(yaml.out).toBe('apiVersion: v1\nkind: List\nitems: []\n');
  expect(parseManifests(yaml.out, 'out')).toMatchObject({ resources: [], problems: [] });
});

test('slo shows objectives and alerts', async () => {
  const api = await fakeApi({
    'GET /v1/slos': () => samples.slos,
    'GET /v1/alerts': () => samples.alerts(ago),
  });
  const ran = await windrose(['slo', ...api.server]);
  expect(ran.status).toBe(0);
  await expect(ran.out).toMatchFileSnapshot('../../golden/cli/slo.txt');
});

test('slo test shows when an objective in a file would have fired', async () => {
  const quiet = { ...samples.sloTest, alerts: [], good: 0, total: 0, budgetLeft: 1 };
  delete quiet.ratio;
  const answers = [samples.sloTest, quiet];
  const api = await fakeApi({ 'POST /v1/slos/test': () => answers.shift() });
  const stdin = [sloDocument(), sloDocument({ name: 'quiet' })]
    .map((document) => JSON.stringify(document))
    .join('\n---\n');
  const args = ['slo', 'test', '-f', '-', '--since', '7d', ...api.server];
  const ran = await windrose(args, { stdin });
  expect(ran.err).toBe('');
  await expect(ran.out).toMatchFileSnapshot('../../golden/cli/slo-test.txt');
  expect(api.asked.map(({ body }) => body).filter((body) => body !== undefined)).toMatchObject([
    { slo: { metadata: { name: 'payments' } }, since: '2026-05-25T12:00:00.000Z' },
    { slo: { metadata: { name: 'quiet' } } },
  ]);
  const wrong = await windrose([...args, '--until', 'noon'], { stdin });
  expect(wrong.err).toContain('--until noon is no time');
  expect(wrong.status).toBe(2);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
  const none = await windrose(args, { stdin: JSON.stringify(namespace) });
  expect(none.err).toContain('there is no SLO in -');
});

test('top has an Apdex where one asks for it', async () => {
  const totals = samples.totals(ago);
  const rows = totals.rows.map((row) => ({ ...row, apdex: 0.875 }));
  const api = await fakeApi({ 'GET /v1/analytics/top': () => ({ ...totals, rows }) });
  const ran = await windrose(['top', '--apdex', '250', ...api.server]);
  expect(ran.out).toMatch(/ APDEX$/m);
  expect(ran.out).toMatch(/ 0\.88$/m);
  expect(api.asked.at(-1)?.query['apdex']).toBe('250');
});

test('slo history shows what was left of a budget', async () => {
  const item = (time: string, good: number, budgetLeft: number) => ({
    ...{ time, good, total: 1_000, ratio: good / 1_000, budgetLeft },
  });
  const items = [
    { time: '2026-05-25T12:00:00.000Z', good: 0, total: 0, budgetLeft: 1 },
    item('2026-05-28T12:00:00.000Z', 995, 0.5),
    item('2026-06-01T12:00:00.000Z', 980, -1),
  ];
  const history = { slo: 'shop/payments', target: 0.99, items };
  const api = await fakeApi({ 'GET /v1/slos/shop/payments/history': () => history });
  const ran = await windrose(['slo', 'history', 'shop/payments', '--points', '3', ...api.server]);
  expect(ran.err).toBe('');
  await expect(ran.out).toMatchFileSnapshot('../../golden/cli/slo-history.txt');
  expect(api.asked.at(-1)?.query).toEqual({ since: '2026-05-25T12:00:00.000Z', points: '3' });
  const wrong = await windrose(['slo', 'history', 'payments', ...api.server]);
  expect(wrong).toMatchObject({ status: 2, err: expect.stringContaining('is no namespace/name') });
});

test('audit ends with status 1 when it does not add up', async () => {
  const items = samples.audit.items.map((item, at) => (at === 0 ? { ...item, ok: false } : item));
  const api = await fakeApi({ 'GET /v1/audit': () => ({ ok: false, items }) });
  const ran = await windrose(['audit', ...api.server]);
  expect(ran.status).toBe(1);
  expect(ran.out).toContain('(it does not)');
  expect(ran.err).toBe('windrose: it does not add up for 1 worker\n');
});

test('colour on a terminal only, and not with NO_COLOR', async () => {
  const api = await fakeApi({ 'GET /v1/proxies': () => samples.proxies(ago) });
  const args = ['status', ...api.server];
  expect((await windrose(args, { tty: true })).out).toContain('\u001b[32m');
  expect((await windrose(args, { tty: true, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b');
});

test('filters and ranges become the query of analytics', async () => {
  const api = await fakeApi({ 'GET /v1/records': () => samples.records });
  const filters = ['--service', 'shop/payments', '--status', '5xx', '--direction', 'edge'];
  await windrose(['logs', ...filters, '--from', '-1h', '--limit', '7', ...api.server]);
  expect(api.asked.at(-1)?.query).toEqual({
    service: 'shop/payments',
    status: '5xx',
    direction: 'edge',
    from: '-1h',
    limit: '7',
  });
});

test('explain sends the headers, the caller and the revision', async () => {
  const api = await fakeApi({ 'POST /v1/explain': () => samples.explanation });
  const headers = ['-H', 'X-User: beta: 2', '-H', 'a:b', '--from', 'shop/orders', '--at', '3'];
  await windrose(['explain', 'post', 'http://payments.shop/charge', ...headers, ...api.server]);
  expect(api.asked.at(-1)?.body).toEqual({
    method: 'POST',
    url: 'http://payments.shop/charge',
    headers: { 'x-user': 'beta: 2', a: 'b' },
    from: 'shop/orders',
    at: '3',
  });
});

test('logs --follow shows each record once, also when answers overlap', async () => {
  const stop = new AbortController();
  const record = (id: string) => ({ ...samples.records.items[0], request_id: id });
  const pages = [
    [record('b'), record('a')],
    [record('c'), record('b'), record('a')],
  ];
  const api = await fakeApi({
    'GET /v1/records': () => {
      const items = pages.shift() ?? [];
      if (pages.length === 0) stop.abort();
      return { items, freshness: { blocksMissing: 0 } };
    },
  });
  const args = ['logs', '--follow', '-o', 'json', ...api.server];
  const ran = await windrose(args, { signal: stop.signal });
  const ids = ran.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).request_id as string);
  expect(ids).toEqual(['a', 'b', 'c']);
});

test('tap prints records as they pass', async () => {
  const api = await fakeApi({
    'GET /v1/tap': (_asked, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const item of samples.records.items) {
        response.write(`data: ${JSON.stringify(item)}\n\n`);
      }
      response.end();
    },
  });
  const ran = await windrose(['tap', '--status', '5xx', ...api.server]);
  expect(ran.out.trim().split('\n')).toHaveLength(samples.records.items.length);
  expect(api.asked.at(-1)?.query).toEqual({ status: '5xx' });
});

test('a consumer key is shown once; the resource carries only its hash', async () => {
  const ran = await windrose(['consumer', 'key', 'acme', '-n', 'shop', '--id', 'k2']);
  const key = /^key, shown this once: (wr_\S{32,})\n$/.exec(ran.err)?.[1] ?? '';
  const { resources, problems } = parseManifests(ran.out, 'out');
  expect(problems).toEqual([]);
  const sha256 = createHash('sha256').update(key).digest('hex');
  expect(resources).toMatchObject([
    {
      kind: 'Consumer',
      metadata: { name: 'acme', namespace: 'shop' },
      spec: { credentials: [{ type: 'APIKey', id: 'k2', sha256 }] },
    },
  ]);
  const other = await windrose(['consumer', 'key', 'acme']);
  expect(other.err).not.toBe(ran.err);
  expect((await windrose(['consumer', 'key', 'No_Name'])).status).toBe(2);
});
