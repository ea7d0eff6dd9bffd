import type {
  ChangeSetList,
  ChangeSetResponse,
  ProxyList,
  RevisionDiff,
} from '#contracts/api/config.ts';
import type { ProblemDetails } from '#contracts/problems.ts';
import { uniqueMesh } from '#test/parts.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type Api,
  SpokenProxy,
  eventually,
  natsClient,
  ref,
  route,
  service,
  startService,
} from './support.ts';

let mesh: string;
let api: Api;

beforeEach(async () => {
  mesh = uniqueMesh();
  ({ api } = await startService(mesh));
});

const elsewhere = (name: string, port = 80): object => ({
  ...service(name, port),
  metadata: { name, namespace: 'pay' },
});

/** 1: a and b; 2: a other; 3: pay/c; 4: b gone, d; 5: a as at first. */
async function writeFive(): Promise<void> {
  await api.write({ author: 'ann', upserts: [service('a'), service('b')] });
  await api.write({ author: 'bob', message: 'more', upserts: [service('a', 81)] });
  await api.write({ upserts: [elsewhere('c')] });
  await api.write({ upserts: [service('d')], deletes: [ref('Service', 'b')] });
  await api.write({ upserts: [service('a', 80)] });
}

describe('the history', () => {
  test.each([
    ['', [5, 4, 3, 2, 1]],
    ['?namespace=pay', [3]],
    ['?namespace=shop', [5, 4, 2, 1]],
    ['?resource=svc/shop/a', [5, 2, 1]],
    ['?resource=Service/shop/b', [4, 1]],
    ['?resource=Service/pay/a', []],
    ['?namespace=pay&resource=svc/shop/a', []],
    ['?namespace=shop&before=4', [2, 1]],
  ])('%s', async (query, sequences) => {
    await writeFive();
    const { body } = await api.get<ChangeSetList>(`/v1/changesets${query}`);
    expect(body.items.map(({ revision }) => revision)).toEqual(sequences.map((n) => `1-${n}`));
  });

  test('of one resource, by pages', async () => {
    await writeFive();
    const seen: string[] = [];
    let before = '';
    do {
      const path = `/v1/changesets?resource=svc/shop/a&limit=1${before}`;
      const { body } = await api.get<ChangeSetList>(path);
      seen.push(...body.items.map(({ revision }) => revision));
      before = body.next === undefined ? '' : `&before=${body.next}`;
    } while (before !== '');
    expect(seen).toEqual(['1-5', '1-2', '1-1']);
  });

  test.each([
    ['resource=a', 400, 'write KIND/NAMESPACE/NAME'],
    ['resource=svc/a/b/c', 400, 'write KIND/NAMESPACE/NAME'],
    ['resource=pod/shop/a', 404, 'there is no kind pod'],
    ['before=99', 404, 'there is no revision 99'],
    ['author=ann', 400, 'author'],
  ])('%s is refused', async (query, status, sentence) => {
    const answer = await api.get<ProblemDetails>(`/v1/changesets?${query}`);
    expect(answer.status).toBe(status);
    expect(answer.body.detail).toContain(sentence);
  });
});

describe('the difference of two revisions', () => {
  const shown = ({ changes }: RevisionDiff): string[] =>
    changes.map(({ key, change }) => `${change} ${key}`);

  test.each([
    ['from=1&to=2', ['updated Service/shop/a']],
    ['from=2&to=1', ['updated Service/shop/a']],
    ['from=1', ['created Service/pay/c', 'deleted Service/shop/b', 'created Service/shop/d']],
    ['from=5&to=1', ['deleted Service/pay/c', 'created Service/shop/b', 'deleted Service/shop/d']],
    ['from=0&to=1', ['created Service/shop/a', 'created Service/shop/b']],
    ['from=3&to=3', []],
    // It was changed and changed back.
    ['from=1&to=5', ['created Service/pay/c', 'deleted Service/shop/b', 'created Service/shop/d']],
  ])('%s', async (query, changes) => {
    await writeFive();
    const { body, status } = await api.get<RevisionDiff>(`/v1/diff?${query}`);
    expect(status).toBe(200);
    expect(shown(body)).toEqual(changes);
  });

  test('has what stood there and what stands there now', async () => {
    await writeFive();
    const { body } = await api.get<RevisionDiff>('/v1/diff?from=2&to=1-1');
    expect(body).toMatchObject({ from: '1-2', to: '1-1' });
    expect(body.changes[0]).toMatchObject({
      before: { spec: { ports: [{ port: 81 }] } },
      after: { spec: { ports: [{ port: 80 }] } },
    });
  });

  test.each([
    ['', 400, 'from'],
    ['?from=1&to=9', 404, 'there is no revision 9'],
    ['?from=x', 400, 'x is no revision'],
  ])('%s is refused', async (query, status, sentence) => {
    await api.write({ upserts: [service('a')] });
    const answer = await api.get<ProblemDetails>(`/v1/diff${query}`);
    expect(answer.status).toBe(status);
    expect(answer.body.detail).toContain(sentence);
  });
});

test('a prune keeps to the namespaces that are written, and to all kinds there', async () => {
  const labels = { app: 'x' };
  const labelled = (document: object, namespace = 'shop'): object => {
    const { name } = (document as { metadata: { name: string } }).metadata;
    return { ...document, metadata: { name, namespace, labels } };
  };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } };
  await api.write({
    upserts: [
      ...[service('a'), service('b'), route('r', 'a', 'a')].map((each) => labelled(each)),
      ...[labelled(service('p'), 'pay'), namespace],
    ],
  });
  const body = { upserts: [labelled(service('a'))], prune: { labels } };
  const pruned = ['deleted HTTPRoute/shop/r', 'deleted Service/shop/b', 'unchanged Service/shop/a'];
  const list = ({ changes }: ChangeSetResponse): string[] =>
    changes.map(({ key, change }) => `${change} ${key}`);
  const dry = await api.post<ChangeSetResponse>('/v1/changesets?dryRun=true', body);
  expect(list(dry.body)).toEqual(pruned);
  expect(list(await api.write(body))).toEqual(pruned);
  const alone = await api.refused({ upserts: [], prune: { labels } });
  expect(alone).toMatchObject({
    status: 400,
    detail: expect.stringContaining('upserts') as string,
  });
});

test('a dry run says which proxies would serve something else', async () => {
  const connection = await natsClient();
  await api.write({ upserts: [service('a'), service('b')] });
  const proxies = [
    new SpokenProxy(connection, mesh, 'edge-1', { role: 'gateway', workload: '' }),
    new SpokenProxy(connection, mesh, 'a-1', { workload: 'shop/a' }),
  ];
  for (const proxy of proxies) await proxy.beat();
  await eventually('both are heard', async () => {
    return (await api.get<ProxyList>('/v1/proxies')).body.items.length === 2;
  });
  const path = '/v1/changesets?dryRun=true';
  const { body } = await api.post<ChangeSetResponse>(path, { upserts: [route('r', 'a', 'b')] });
  expect(body.effects).toEqual({
    listeners: [],
    services: ['shop/a'],
    proxies: [{ proxy: 'a-1', role: 'sidecar', workload: 'shop/a', why: ['calls'] }],
    proxyCount: 2,
  });
  expect(await api.write({ upserts: [route('r', 'a', 'b')] })).not.toHaveProperty('effects');
  const none = await api.post<ChangeSetResponse>(path, { upserts: [route('r', 'a', 'b')] });
  expect(none.body.effects?.proxies).toEqual([]);
});

test('an undo that later changes stand in the way of says which, whose and why', async () => {
  await api.write({ author: 'ann', upserts: [service('a'), service('b'), service('c')] });
  await api.write({ author: 'bob', message: 'more', upserts: [service('a', 81)] });
  await api.write({ author: 'eve', deletes: [ref('Service', 'b')] });
  await api.write({ author: 'cid', upserts: [service('c', 81)] });
  const details = await api.refused({ undo: '1' });
  expect(details).toMatchObject({ status: 409, code: 'conflict' });
  // What is gone already needs no undoing.
  expect(details.problems?.map(({ resource, message }) => `${resource} ${message}`)).toEqual([
    'Service/shop/a was updated by bob in 1-2 (more)',
    'Service/shop/c was updated by cid in 1-4',
  ]);
  expect(details.detail).toContain('undo those first, or restore a whole revision');
  const all = await api.write({ restore: '1' });
  expect(all.changes.map(({ key }) => key)).toHaveLength(3);
});
