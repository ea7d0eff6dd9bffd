import type { ChangeSetList, ChangeSetResponse, ProxyList } from '#contracts/api/config.ts';
import type { ProblemDetails } from '#contracts/problems.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, uniqueMesh } from '#test/parts.ts';
import { expect, test } from 'vitest';
import type { AuditEntry } from '../../../services/config/api/audit-log.ts';
import { SpokenProxy, eventually, natsClient, route, service, startService } from './support.ts';

const metadata = (fields: unknown): object => ({ ...service('x'), metadata: fields });
const deep = (levels: number): string => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);
const change = (...upserts: unknown[]): string => JSON.stringify({ upserts });

/** Bodies as they come over the wire, and what they get. */
const NASTY: readonly (readonly [body: string, status: number, sentence: string])[] = [
  ['', 400, 'empty'],
  ['{"upserts":', 400, 'JSON'],
  ['"text"', 400, 'must be object'],
  ['[]', 400, 'must be object'],
  ['{}', 400, 'nothing is asked for'],
  ['{"upserts":[{"__proto__":{"kind":"Service"}}]}', 400, 'JSON'],
  [`{"upserts":[${deep(1_500_000)}]}`, 413, 'KiB'],
  [`{"upserts":[${deep(1_000_000)}]}`, 422, 'kind is missing'],
  [`{"upserts":[${deep(50_000)}]}`, 422, 'kind is missing'],
  [change(service('a')).replace('"spec":', `"spec":${deep(40_000)},"b":`), 422, 'levels deep'],
  [change(metadata('M')).replace('"M"', deep(40_000)), 422, 'levels deep'],
  [
    change(metadata({ name: 'a', annotations: 'M' })).replace('"M"', deep(40_000)),
    422,
    'levels deep',
  ],
  [change(null), 422, 'a resource is a mapping'],
  [change(1, 'x', [], {}), 422, '4 problems'],
  [change({ apiVersion: 'v1', kind: 'constructor', metadata: { name: 'a' } }), 422, 'no kind'],
  [change({ apiVersion: 'v1', kind: ['Service'], metadata: {} }), 422, 'kind is missing'],
  [change(metadata({ name: 5 })), 422, 'must be string'],
  [change(metadata({ name: 'a/b', namespace: 'shop' })), 422, 'does not have the form'],
  [change(metadata({ name: 'a\u001B[31m' })), 422, 'does not have the form'],
  [change(metadata({ name: 'a', namespace: '-' })), 422, 'does not have the form'],
  [change(metadata({ name: 'a', namespace: '../b' })), 422, 'does not have the form'],
  [change(metadata({ name: 'a', labels: { a: 1, b: null } })), 422, '2 problems'],
  [change(service('a'), service('a')), 422, 'stands twice'],
  [change({ ...service('a'), spec: { ports: [{ port: 1e300 }, { port: '80' }] } }), 422, '2 prob'],
  [change(route('r', 'none', 'nobody')), 422, '2 problems'],
  ['{"deletes":[{"kind":"svc","namespace":"a/b","name":"c"}]}', 404, 'to delete'],
  ['{"deletes":[{"kind":"svc","namespace":"shop","name":""}]}', 404, 'to delete'],
  ['{"undo":""}', 400, '"" is no revision'],
  ['{"undo":"__proto__"}', 400, 'is no revision'],
  [`{"undo":"${'9'.repeat(30)}"}`, 400, 'is no revision'],
  ['{"restore":"0"}', 404, 'there is no revision 0'],
  ['{"undo":"1","restore":"1"}', 400, 'exclude one another'],
  ['{"author":"a\\u0007","upserts":[]}', 400, 'control characters'],
  ['{"upserts":[],"prune":{"labels":{"a":"b"}}}', 400, 'prune deletes beside upserts'],
];

test('whatever comes is refused with the right status in one sentence, and audited', async () => {
  const auditLog = join(tempDir(), 'audit.jsonl');
  const { api, url } = await startService(uniqueMesh(), { auditLog });
  await api.write({ upserts: [service('kept')] });
  for (const [body, status, sentence] of NASTY) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/v1/changesets`, { method: 'POST', headers, body });
    const details = (await answer.json()) as ProblemDetails;
    const what = body.slice(0, 100);
    expect([what, answer.status, details.status]).toEqual([what, status, status]);
    expect(details.detail).toContain(sentence);
    expect(details.detail).not.toContain('\n');
    for (const problem of details.problems ?? []) {
      expect(problem.message).not.toBe('');
      expect(problem.resource).not.toBe('');
    }
  }
  const { items } = (await api.get<ChangeSetList>('/v1/changesets')).body;
  expect(items).toHaveLength(1);
  const lines = readFileSync(auditLog, 'utf8').trim().split('\n');
  const audited = lines.map((line) => (JSON.parse(line) as AuditEntry).status);
  expect(audited).toEqual([201, ...NASTY.map(([, status]) => status)]);
});

test('a writer is told of proxies that are too old', async () => {
  const mesh = uniqueMesh();
  const { api } = await startService(mesh);
  const connection = await natsClient();
  await new SpokenProxy(connection, mesh, 'old-1', { version: '0.0.9' }).beat();
  await new SpokenProxy(connection, mesh, 'new-1').beat();
  await eventually('both are heard', async () => {
    return (await api.get<ProxyList>('/v1/proxies')).body.items.length === 2;
  });
  const path = '/v1/changesets?dryRun=true';
  const dry = await api.post<ChangeSetResponse>(path, { upserts: [service('a')] });
  const warning = 'older than 0.1.0, which this change-set needs: old-1 (0.0.9)';
  expect(dry.body.warnings).toEqual([warning]);
  expect((await api.write({ upserts: [service('a')] })).warnings).toEqual([warning]);
});
