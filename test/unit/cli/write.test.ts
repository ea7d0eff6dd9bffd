import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChangeSetRequest } from '#contracts/api/config.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { type Handler, fakeApi, json, problem, windrose } from './harness.ts';

const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { ports: [{ port: 80 }] }
`;

const service = (port: number) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'reviews', namespace: 'shop' },
  spec: { ports: [{ port }] },
});

const answer = (more: object = {}) => ({
  revision: '1-8',
  created: true,
  dryRun: false,
  digest: 'sha256:1',
  id: 'abc',
  changes: [
    {
      key: 'Service/shop/reviews',
      change: 'updated',
      before: service(80),
      after: { ...service(81), metadata: { ...service(81).metadata, resourceVersion: '8' } },
    },
    { key: 'Service/shop/old', change: 'deleted' },
    { key: 'Namespace/-/shop', change: 'unchanged' },
  ],
  warnings: [],
  audience: ['edge'],
  ...more,
});

const created: Handler = (_asked, response) => json(response, 201, answer());

test('apply sends whole resources, who and why, and an idempotency key', async () => {
  const api = await fakeApi({ 'POST /v1/changesets': created });
  const ran = await windrose(['apply', '-f', '-', '-m', 'more ports', ...api.server], {
    stdin: SERVICE,
  });
  expect(ran).toEqual({
    status: 0,
    out:
      'Service/shop/reviews updated\nService/shop/old deleted\n' +
      'revision 1-8: 1 updated, 1 deleted\n',
    err: '',
  });
  const [asked] = api.asked;
  expect(asked?.query).toEqual({});
  expect(asked?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  expect(asked?.body).toEqual({
    author: 'ada',
    message: 'more ports',
    upserts: [service(80)],
  } satisfies ChangeSetRequest);
});

test('apply reads folders and prunes by label; a dry run writes nothing', async () => {
  const folder = tempDir();
  writeFileSync(join(folder, 'a.yaml'), SERVICE);
  writeFileSync(join(folder, 'notes.txt'), 'not a manifest');
  const api = await fakeApi({ 'POST /v1/changesets': () => answer({ dryRun: true }) });
  const flags = ['--prune', '-l', 'app=shop,tier=edge', '--dry-run', '--author', 'bob'];
  const ran = await windrose(['apply', '-f', folder, ...flags, ...api.server]);
  expect(ran.status).toBe(0);
  expect(ran.out).toContain('dry run: 1 updated, 1 deleted; nothing was written\n');
  expect(api.asked[0]?.query).toEqual({ dryRun: 'true' });
  expect(api.asked[0]?.body).toEqual({
    author: 'bob',
    upserts: [service(80)],
    prune: { labels: { app: 'shop', tier: 'edge' } },
  });
});

test('nothing changed, warnings, and machine-readable answers', async () => {
  const api = await fakeApi({
    'POST /v1/changesets': () =>
      answer({ created: false, changes: [], warnings: ['bob changed it an hour ago'] }),
  });
  const text = await windrose(['rollback', ...api.server]);
  expect(text).toEqual({
    status: 0,
    out: 'nothing changed; the head is still revision 1-8\n',
    err: 'warning: bob changed it an hour ago\n',
  });
  const data = await windrose(['rollback', '-o', 'json', ...api.server]);
  expect(JSON.parse(data.out)).toMatchObject({ revision: '1-8', created: false });
});

test.each([
  [['rollback'], { undo: 'latest' }],
  [['rollback', '5'], { undo: '5' }],
  [['rollback', '--to', '1-3', '-m', 'as before'], { restore: '1-3', message: 'as before' }],
])('%j', async (args, expected) => {
  const api = await fakeApi({ 'POST /v1/changesets': created });
  expect((await windrose([...args, ...api.server])).status).toBe(0);
  expect(api.asked[0]?.body).toEqual({ author: 'ada', ...expected });
});

test('what is not there to be deleted is named once', async () => {
  const detail = 'there is no Service/shop/reviews, Service/shop/old to delete';
  const problems = ['reviews', 'old'].map((name) => ({
    resource: `Service/shop/${name}`,
    path: '',
    reason: 'missing_reference',
    message: 'there is no such resource to delete',
  }));
  const api = await fakeApi({
    'POST /v1/changesets': problem(404, 'not-found', detail, problems),
  });
  const args = ['delete', '-f', '-', ...api.server];
  const { status, err } = await windrose(args, { stdin: SERVICE });
  expect(status).toBe(1);
  expect(err).toMatch(/^windrose: not all of it is there; nothing was written \(2 problems\)\n/);
  expect(err.match(/Service\/shop\/old/g)).toHaveLength(1);
});

test('problems in the files are all told, by resource and path, and nothing is sent', async () => {
  const api = await fakeApi({});
  const stdin = `${SERVICE.replace('ports', 'prots')}---\n: : :\n---\n${SERVICE}---\n${SERVICE}`;
  const ran = await windrose(['apply', '-f', '-', ...api.server], { stdin });
  expect(ran).toMatchObject({ status: 3, out: '' });
  expect(api.asked).toEqual([]);
  expect(ran.err).toMatch(/nothing was sent \(\d problems\)/);
  expect(ran.err).toContain('there is no field prots here (unknown_field)');
  expect(ran.err).toContain('standard input (document 2)');
});

test('what can be read is judged by the service, which sees more than one file', async () => {
  const stdin = `${SERVICE.replace('ports', 'prots')}---\nmetadata: {}\n`;
  const problems = [
    { resource: 'Service/shop/reviews', path: 'spec.prots', reason: 'unknown_field', message: 'a' },
    { resource: 'upserts[1]', path: 'kind', reason: 'missing_field', message: 'b' },
  ];
  const handler = problem(422, 'invalid', '2 problems', problems);
  const api = await fakeApi({ 'POST /v1/changesets': handler });
  for (const verb of ['apply', 'diff']) {
    const ran = await windrose([verb, '-f', '-', ...api.server], { stdin });
    expect(ran).toMatchObject({ status: 3, out: '' });
    expect(ran.err).toContain('standard input (document 2)\n  kind  b (missing_field)\n');
    expect(api.asked.at(-1)?.body).toMatchObject({
      upserts: [{ spec: { prots: [{ port: 80 }] } }, { metadata: {} }],
    });
  }
});

test('a rejection prints every problem: resource, path, message, hint', async () => {
  const problems = [
    {
      resource: 'HTTPRoute/shop/reviews',
      path: 'spec.rules[0].backendRefs[1].name',
      reason: 'missing_reference',
      message: 'there is no Service shop/reviews-v3',
      hint: 'did you mean reviews-v2?',
    },
    {
      resource: 'HTTPRoute/shop/reviews',
      path: 'spec.rules[0].matches[0].path.value',
      reason: 'bad_regular_expression',
      message: 'missing closing )',
    },
    {
      resource: 'FaultPolicy/shop/flaky',
      path: '',
      reason: 'expired',
      message: 'this ended \u001b[31myesterday',
    },
  ];
  const handler = problem(422, 'invalid', 'the change-set is not valid', problems);
  const api = await fakeApi({ 'POST /v1/changesets': handler });
  const ran = await windrose(['apply', '-f', '-', ...api.server], { stdin: SERVICE });
  expect(ran).toMatchObject({ status: 3, out: '' });
  await expect(ran.err).toMatchFileSnapshot('../../golden/cli/rejection.txt');
});

test('a conflict is status 4', async () => {
  const handler = problem(409, 'conflict', 'bob changed Service/shop/reviews in revision 1-9');
  const api = await fakeApi({ 'POST /v1/changesets': handler });
  const ran = await windrose(['apply', '-f', '-', ...api.server], { stdin: SERVICE });
  expect(ran).toEqual({
    status: 4,
    out: '',
    err: 'windrose: bob changed Service/shop/reviews in revision 1-9\n',
  });
});

test('a file that cannot be read fails, one with nothing in it is wrong usage', async () => {
  const folder = tempDir();
  const missing = await windrose(['apply', '-f', join(folder, 'none.yaml')]);
  expect(missing).toEqual({
    status: 1,
    out: '',
    err: `windrose: cannot read ${folder}/none.yaml: there is no such file or folder\n`,
  });
  const empty = await windrose(['apply', '-f', folder]);
  expect(empty.status).toBe(2);
  expect(empty.err).toContain('there are no resources in');
});

test('delete finds the one namespace of a name, and refuses to guess between two', async () => {
  const item = (namespace: string, name: string) => ({
    ...service(80),
    metadata: { name, namespace },
  });
  const api = await fakeApi({
    'POST /v1/changesets': created,
    'GET /v1/resources/Service': () => ({
      revision: '1-7',
      items: [item('shop', 'reviews'), item('shop', 'both'), item('test', 'both')],
    }),
  });
  const ran = await windrose(['delete', 'svc', 'reviews', 'test/both', ...api.server]);
  expect(ran.status).toBe(0);
  expect(api.asked.at(-1)?.body).toEqual({
    author: 'ada',
    deletes: [
      { kind: 'Service', name: 'reviews', namespace: 'shop' },
      { kind: 'Service', name: 'both', namespace: 'test' },
    ],
  });
  const both = await windrose(['delete', 'svc', 'both', ...api.server]);
  expect(both).toMatchObject({ status: 2 });
  expect(both.err).toContain('in several namespaces (shop, test); say -n');
  const none = await windrose(['delete', 'svc', 'nobody', '-n', 'shop', ...api.server]);
  expect(none).toMatchObject({ status: 1, err: 'windrose: there is no Service nobody in shop\n' });
});

test('diff is unified YAML without what the server adds; --exit-code is for scripts', async () => {
  const api = await fakeApi({ 'POST /v1/changesets': () => answer({ dryRun: true }) });
  const ran = await windrose(['diff', '-f', '-', ...api.server], { stdin: SERVICE });
  expect(ran.status).toBe(0);
  expect(api.asked[0]?.query).toEqual({ dryRun: 'true' });
  await expect(ran.out).toMatchFileSnapshot('../../golden/cli/diff.txt');
  const strict = await windrose(['diff', '-f', '-', '--exit-code', ...api.server], {
    stdin: SERVICE,
  });
  expect(strict).toMatchObject({
    status: 1,
    err: 'windrose: there are differences: 1 updated, 1 deleted\n',
  });
});

test('validate answers programs with the whole verdict, in data and in the status', async () => {
  const valid = await windrose(['validate', '-f', '-', '-o', 'json'], { stdin: SERVICE });
  expect(valid).toMatchObject({ status: 0, err: '' });
  expect(JSON.parse(valid.out)).toEqual({ valid: true, documents: 1, problems: [] });
  const stdin = SERVICE.replace('port: 80', 'port: "80"').replace('spec: {', 'spec: { extra: 1,');
  const invalid = await windrose(['validate', '-f', '-', '-o', 'json'], { stdin });
  expect(invalid).toMatchObject({ status: 3, err: 'windrose: this is not valid\n' });
  const { problems } = JSON.parse(invalid.out) as { problems: { path: string }[] };
  expect(problems.map((each) => each.path).toSorted()).toEqual([
    'spec.extra',
    'spec.ports[0].port',
  ]);
});
