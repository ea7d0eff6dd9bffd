import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  ChangeSetDetail,
  ChangeSetList,
  ProxyList,
  ReceiptBoard,
  ResourceList,
} from '#contracts/api/config.ts';
import type { Explanation } from '#contracts/api/explain.ts';
import type { ProblemDetails } from '#contracts/problems.ts';
import { tokenFile } from '#platform/access/token-file.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { tempDir, uniqueMesh } from '#test/parts.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../../services/config/api/audit-log.ts';
import { type Api, SpokenProxy, eventually, natsClient, service, startService } from './support.ts';

/** Who there is: a token is `wr_NAME`. */
const ROLES = {
  root: [{ role: 'admin', namespaces: ['*'] }],
  ann: [{ role: 'edit', namespaces: ['shop'] }],
  bob: [
    { role: 'edit', namespaces: ['pay'] },
    { role: 'view', namespaces: ['shop'] },
  ],
  eve: [{ role: 'view', namespaces: ['shop'] }],
} as const;
type Name = keyof typeof ROLES;

const as = (name: Name): Record<string, string> => ({ authorization: `Bearer wr_${name}` });

let mesh: string;
let api: Api;
let auditPath: string;
let tokensPath: string;

beforeEach(async () => {
  const folder = tempDir();
  mesh = uniqueMesh();
  auditPath = join(folder, 'audit.jsonl');
  tokensPath = join(folder, 'tokens.yaml');
  const entries = Object.entries(ROLES).map(([name, roles]) => {
    const sha256 = createHash('sha256').update(`wr_${name}`).digest('hex');
    return { name, sha256, roles };
  });
  writeFileSync(tokensPath, JSON.stringify(entries));
  const log = createServiceLog({ service: 'config', level: 'silent' });
  const tokens = tokenFile(tokensPath, log);
  ({ api } = await startService(mesh, { tokens, auditLog: auditPath }));
});

const audit = (): AuditEntry[] =>
  readFileSync(auditPath, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEntry);

const inSpace = (namespace: string, name: string, port = 80): object => ({
  ...service(name, port),
  metadata: { name, namespace },
});
const namespaceResource = (name: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
});
const keysIn = ({ items }: ResourceList): string[] =>
  items.map((item) => `${item.kind}/${item.metadata.name}`);

/** Revisions 1-1 (both namespaces), 1-2 (pay) and 1-3 (shop). */
async function writeThree(): Promise<void> {
  const both = [namespaceResource('shop'), namespaceResource('pay')];
  const upserts = [...both, inSpace('shop', 'a'), inSpace('pay', 'b')];
  await api.write({ upserts }, as('root'));
  await api.write({ upserts: [inSpace('pay', 'b', 81)] }, as('bob'));
  await api.write({ upserts: [inSpace('shop', 'a', 81)] }, as('ann'));
}

describe('writing', () => {
  test('within the namespaces of one’s role, in one’s own name', async () => {
    await writeThree();
    const { items } = (await api.get<ChangeSetList>('/v1/changesets', as('root'))).body;
    expect(items.map(({ author }) => author)).toEqual(['ann', 'bob', 'root']);
    const forged = { author: 'root', upserts: [inSpace('shop', 'a', 82)] };
    expect((await api.refused(forged, as('ann'))).detail).toContain('not as root');
    const own = { author: 'ann', upserts: [inSpace('shop', 'a', 82)] };
    expect((await api.write(own, as('ann'))).revision).toBe('1-4');
  });

  test.each([
    ['ann', { upserts: [inSpace('pay', 'x')] }, 'the role edit in the namespace pay'],
    ['ann', { upserts: [inSpace('shop', 'x'), inSpace('pay', 'x')] }, '(for Service/pay/x)'],
    ['ann', { upserts: [namespaceResource('shop')] }, 'the role admin in the namespace shop'],
    ['eve', { upserts: [inSpace('shop', 'x')] }, 'the role edit in the namespace shop'],
    ['eve', { upserts: ['garbage'] }, 'it may only view'],
    ['ann', { deletes: [{ kind: 'svc', namespace: 'pay', name: 'b' }] }, '(for Service/pay/b)'],
    ['ann', { deletes: [{ kind: 'ns', name: 'pay' }] }, '(for Namespace/-/pay)'],
    ['ann', { undo: '2' }, '(for Service/pay/b)'],
    ['ann', { undo: '1' }, 'the role edit in the namespace pay'],
    ['ann', { restore: '1' }, '(for Service/pay/b)'],
    // What others have is not told in what would be wrong with it.
    ['ann', { upserts: [{ ...inSpace('pay', 'b'), spec: {} }] }, '(for Service/pay/b)'],
  ] as [Name, object, string][])('%s may not %j', async (name, body, missing) => {
    await writeThree();
    for (const path of ['/v1/changesets', '/v1/changesets?dryRun=true']) {
      const answer = await api.post<ProblemDetails>(path, body, as(name));
      expect(answer.status).toBe(403);
      expect(answer.body).toMatchObject({ code: 'forbidden' });
      expect(answer.body.detail).toContain(missing);
    }
    const { items } = (await api.get<ChangeSetList>('/v1/changesets', as('root'))).body;
    expect(items).toHaveLength(3);
  });

  test('taking back and pruning what one may write', async () => {
    await writeThree();
    expect((await api.write({ undo: 'latest' }, as('ann'))).revision).toBe('1-4');
    const labelled = (namespace: string, name: string): object => ({
      ...service(name),
      metadata: { name, namespace, labels: { app: 'x' } },
    });
    await api.write({ upserts: [labelled('pay', 'p'), labelled('shop', 's')] }, as('root'));
    const prune = { labels: { app: 'x' } };
    const pruned = await api.write({ upserts: [inSpace('shop', 'a', 83)], prune }, as('ann'));
    expect(pruned.changes.map(({ key, change }) => `${change} ${key}`)).toEqual([
      'updated Service/shop/a',
      'deleted Service/shop/s',
    ]);
  });

  test('another’s idempotency key shows nothing', async () => {
    const key = { 'idempotency-key': 'k' };
    const body = { upserts: [inSpace('pay', 'b')] };
    await api.write(body, { ...as('bob'), ...key });
    expect((await api.refused(body, { ...as('ann'), ...key })).status).toBe(403);
    expect((await api.refused(body, { ...as('root'), ...key })).status).toBe(409);
    expect((await api.write(body, { ...as('bob'), ...key })).revision).toBe('1-1');
  });
});

describe('viewing', () => {
  test('lists hold what one may see, and one that may not be seen is 403', async () => {
    await writeThree();
    const list = async (name: Name, path = ''): Promise<string[]> =>
      keysIn((await api.get<ResourceList>(`/v1/resources${path}`, as(name))).body);
    expect(await list('eve')).toEqual(['Namespace/shop', 'Service/a']);
    expect(await list('eve', '/services?at=1')).toEqual(['Service/a']);
    expect(await list('bob', '/svc')).toEqual(['Service/b', 'Service/a']);
    expect(await list('root')).toHaveLength(4);
    const one = (name: Name, path: string): Promise<number> =>
      api.get(`/v1/resources/svc/${path}`, as(name)).then(({ status }) => status);
    expect(await one('eve', 'shop/a')).toBe(200);
    expect(await one('eve', 'pay/b')).toBe(403);
    // Whether it exists is not told either.
    expect(await one('eve', 'pay/none')).toBe(403);
    expect(await one('eve', 'pay/b?at=1')).toBe(403);
  });

  test('history shows what one may see, and counts the rest', async () => {
    await writeThree();
    const { items } = (await api.get<ChangeSetList>('/v1/changesets', as('eve'))).body;
    expect(items.map(({ revision, hidden }) => [revision, hidden])).toEqual([
      ['1-3', undefined],
      ['1-1', 2],
    ]);
    const shown = await api.get<ChangeSetDetail>('/v1/changesets/1', as('eve'));
    expect(shown.body.changes.map(({ key }) => key)).toEqual([
      'Namespace/-/shop',
      'Service/shop/a',
    ]);
    expect(JSON.stringify(shown.body)).not.toContain('pay');
    expect((await api.get('/v1/changesets/2', as('eve'))).status).toBe(403);
  });

  test('proxies of other namespaces are left out, and problems of resources there', async () => {
    const connection = await natsClient();
    const proxies = [
      new SpokenProxy(connection, mesh, 'edge-1', { role: 'gateway', workload: '' }),
      new SpokenProxy(connection, mesh, 'a-1', { workload: 'shop/a' }),
      new SpokenProxy(connection, mesh, 'b-1', { workload: 'pay/b' }),
    ];
    for (const proxy of proxies) await proxy.beat();
    const names = async (name: Name): Promise<string[]> => {
      const { body } = await api.get<ProxyList>('/v1/proxies', as(name));
      return body.items.map(({ proxy }) => proxy).sort();
    };
    await eventually('all are heard', async () => (await names('root')).length === 3);
    expect(await names('eve')).toEqual(['a-1', 'edge-1']);
    await api.write({ upserts: [inSpace('shop', 'a')] }, as('ann'));
    const board = await api.get<ReceiptBoard>('/v1/revisions/1/receipts', as('eve'));
    expect(board.body.items).toHaveLength(3);
  });

  test('an explanation is told to whom all that it names is open', async () => {
    await writeThree();
    const ask = (name: Name, from: string, host: string): Promise<number> => {
      const body = { method: 'GET', url: `http://${host}/`, from };
      return api.post('/v1/explain', body, as(name)).then(({ status }) => status);
    };
    expect(await ask('eve', 'shop/a', 'a.shop')).toBe(200);
    expect(await ask('eve', 'shop/a', 'b.pay')).toBe(403);
    expect(await ask('eve', 'pay/b', 'b.pay')).toBe(403);
    expect(await ask('bob', 'shop/a', 'b.pay')).toBe(200);
  });
});

test('an explanation names no route of others that has lost', async () => {
  const gateway = {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' },
    metadata: { name: 'edge', namespace: 'shop' },
    spec: {
      gatewayClassName: 'windrose',
      listeners: [
        {
          ...{ name: 'http', port: 80, protocol: 'HTTP' },
          allowedRoutes: { namespaces: { from: 'All' } },
        },
      ],
    },
  };
  const edgeRoute = (namespace: string, path: string, backend: string): object => ({
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' },
    metadata: { name: 'r', namespace },
    spec: {
      parentRefs: [{ name: 'edge', namespace: 'shop' }],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: path } }],
          backendRefs: [{ name: backend, port: 80 }],
        },
      ],
    },
  });
  const routes = [edgeRoute('shop', '/a', 'a'), edgeRoute('pay', '/', 'b')];
  const services = [inSpace('shop', 'a'), inSpace('pay', 'b')];
  await api.write({ upserts: [gateway, ...services, ...routes] }, as('root'));
  const lost = async (name: Name): Promise<string[]> => {
    const body = { method: 'GET', url: 'http://x.example/a' };
    const answer = await api.post<Explanation>('/v1/explain', body, as(name));
    expect(answer.body.match?.route).toBe('shop/r');
    return answer.body.lost.map(({ route }) => route);
  };
  expect(await lost('root')).toEqual(['pay/r']);
  expect(await lost('eve')).toEqual([]);
});

test('a change of the file counts within a moment', async () => {
  expect((await api.get('/v1/info', as('eve'))).status).toBe(200);
  writeFileSync(tokensPath, '[]');
  await eventually('the token is refused', async () => {
    return (await api.get('/v1/info', as('eve'))).status === 401;
  });
});

test('the audit has every attempt: who, from where, what, and what came of it', async () => {
  const body = { message: 'why', upserts: [inSpace('shop', 'a')] };
  const post = (path: string, headers: Record<string, string>, payload: object): Promise<unknown> =>
    api.post(`/v1/changesets${path}`, payload, headers);
  await post('?dryRun=true', as('ann'), body);
  await post('', as('ann'), body);
  await post('', as('ann'), body);
  await post('', {}, body);
  await post('', { authorization: 'Bearer wrong' }, body);
  await post('', as('eve'), body);
  await post('', as('ann'), { upserts: [{ ...inSpace('shop', 'a'), spec: { prots: [] } }] });
  await post('', as('ann'), { upserts: [], undo: '1' });
  await post('', { ...as('ann'), 'if-match': '0' }, { upserts: [inSpace('shop', 'a', 90)] });
  await post('', as('ann'), { undo: '1' });
  await api.get('/v1/resources', as('ann'));
  const lines = audit();
  expect(lines.map((line) => [line.token, line.action, line.outcome, line.status])).toEqual([
    ['ann', 'write', 'checked', 200],
    ['ann', 'write', 'created', 201],
    ['ann', 'write', 'unchanged', 200],
    [undefined, 'unreadable', 'refused', 401],
    [undefined, 'unreadable', 'refused', 401],
    ['eve', 'write', 'refused', 403],
    ['ann', 'write', 'refused', 422],
    ['ann', 'undo', 'refused', 400],
    ['ann', 'write', 'refused', 409],
    ['ann', 'undo', 'created', 201],
  ]);
  expect(lines[1]).toEqual({
    time: expect.stringMatching(/^20.*Z$/) as string,
    token: 'ann',
    client: '127.0.0.1',
    action: 'write',
    dryRun: false,
    outcome: 'created',
    status: 201,
    revision: '1-1',
    message: 'why',
    resources: [{ key: 'Service/shop/a', change: 'created' }],
    resourceCount: 1,
  });
  expect(lines[5]).toMatchObject({ code: 'forbidden', resources: [{ key: 'Service/shop/a' }] });
  expect(lines[5]?.detail).toContain('the role edit in the namespace shop');
  expect(lines[9]).toMatchObject({ asked: '1', revision: '1-2' });
  expect(readFileSync(auditPath, 'utf8')).not.toContain('wr_');
});

test('the log as a whole is for who may write everything, and the audit tells of it', async () => {
  await writeThree();
  const before = audit().length;
  for (const name of ['ann', 'eve'] as const) {
    expect((await api.get('/v1/backup', as(name))).status).toBe(403);
    const restored = await api.post('/v1/restore', { messages: [], isLast: false }, as(name));
    expect(restored.status).toBe(403);
    const recovered = await api.post<ProblemDetails>('/v1/recover', { force: true }, as(name));
    expect(recovered.status).toBe(403);
    expect(recovered.body.detail).toContain('the role admin in all namespaces');
  }
  const another = { force: true, author: 'ann' };
  expect((await api.post('/v1/recover', another, as('root'))).status).toBe(403);
  expect((await api.get('/v1/backup', as('root'))).status).toBe(200);
  expect((await api.post('/v1/recover', { force: true, message: 'x' }, as('root'))).status).toBe(
    200,
  );
  await eventually('the epoch has begun', async () => {
    return (await api.get<ChangeSetList>('/v1/changesets', as('root'))).body.items.length === 4;
  });
  const { items } = (await api.get<ChangeSetList>('/v1/changesets', as('root'))).body;
  expect(items[0]).toMatchObject({ revision: '2-4', author: 'root', message: 'x' });
  const told = audit().slice(before);
  expect(
    told.map(({ token, action, outcome, status }) => [token, action, outcome, status]),
  ).toEqual([
    ...(['ann', 'eve'] as const).flatMap((name) =>
      ['backup', 'restore-log', 'recover'].map((action) => [name, action, 'refused', 403]),
    ),
    ['root', 'recover', 'refused', 403],
    ['root', 'backup', 'done', 200],
    ['root', 'recover', 'done', 200],
  ]);
  expect(told.at(-1)).toMatchObject({ revision: '2-4', message: 'x' });
});
