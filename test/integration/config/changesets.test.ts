import type {
  ChangeSetDetail,
  ChangeSetList,
  ChangeSetResponse,
  InfoResponse,
  ResourceList,
} from '#contracts/api/config.ts';
import type { ProblemDetails } from '#contracts/problems.ts';
import { uniqueMesh } from '#test/parts.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Api, ref, route, service, startService } from './support.ts';

let mesh: string;
let api: Api;

beforeEach(async () => {
  mesh = uniqueMesh();
  api = (await startService(mesh)).api;
});

const shown = (response: { changes: { key: string; change: string }[] }): string[] =>
  response.changes.map(({ key, change }) => `${change} ${key}`);
const problems = (details: ProblemDetails): string[] =>
  (details.problems ?? []).map(({ resource, path, reason }) => `${resource} ${path} ${reason}`);

describe('a change-set', () => {
  test('makes a revision with what changed; one that changes nothing makes none', async () => {
    const upserts = [service('reviews'), service('orders')];
    const first = await api.post<ChangeSetResponse>('/v1/changesets', { upserts, author: 'ann' });
    expect(first.status).toBe(201);
    expect(first.body.revision).toBe('1-1');
    expect(shown(first.body)).toEqual([
      'created Service/shop/orders',
      'created Service/shop/reviews',
    ]);
    const again = await api.post<ChangeSetResponse>('/v1/changesets', { upserts });
    expect(again.status).toBe(200);
    expect(again.body).toMatchObject({ created: false, revision: '1-1' });
    expect(shown(again.body)).toEqual([
      'unchanged Service/shop/reviews',
      'unchanged Service/shop/orders',
    ]);
    expect(again.body.digest).toBe(first.body.digest);
  });

  test('says before and after, and what of somebody else it replaced', async () => {
    await api.write({ upserts: [service('reviews')], author: 'ann', message: 'first' });
    const second = await api.write({ upserts: [service('reviews', 81)], author: 'bob' });
    expect(second.changes[0]).toMatchObject({
      change: 'updated',
      before: { spec: { ports: [{ port: 80 }] } },
      after: { spec: { ports: [{ port: 81 }] } },
    });
    expect(second.warnings).toEqual([
      'Service/shop/reviews was created by ann in 1-1 (first); this change-set replaces that',
    ]);
    const own = await api.write({ upserts: [service('reviews', 82)], author: 'bob' });
    expect(own.warnings).toEqual([]);
  });

  test('as a dry run tells the same and changes nothing', async () => {
    const dry = await api.post<ChangeSetResponse>('/v1/changesets?dryRun=true', {
      upserts: [service('reviews')],
    });
    expect(dry.status).toBe(200);
    expect(dry.body).toMatchObject({ created: false, dryRun: true, revision: '1-0' });
    expect(shown(dry.body)).toEqual(['created Service/shop/reviews']);
    const real = await api.write({ upserts: [service('reviews')] });
    expect(real.digest).toBe(dry.body.digest);
    expect(real.revision).toBe('1-1');
  });

  test('deletes by kinds as people type them, and prunes by label', async () => {
    const labels = { app: 'shop' };
    const all = ['a', 'b', 'c'].map((name) => service(name, 80, labels));
    await api.write({ upserts: [...all, service('other')] });
    const gone = await api.write({ deletes: [{ kind: 'svc', namespace: 'shop', name: 'a' }] });
    expect(shown(gone)).toEqual(['deleted Service/shop/a']);
    const pruned = await api.write({ upserts: [service('c', 80, labels)], prune: { labels } });
    expect(shown(pruned)).toEqual(['deleted Service/shop/b', 'unchanged Service/shop/c']);
  });

  test('warns of a fault that ends soon', async () => {
    const expires = new Date(Date.now() + 90_000).toISOString();
    const fault = {
      apiVersion: 'windrose.dev/v1',
      kind: 'FaultPolicy',
      metadata: { name: 'flaky', namespace: 'shop' },
      spec: {
        targetRefs: [{ kind: 'Service', name: 'reviews' }],
        expires,
        abort: { percent: 5, status: 503 },
      },
    };
    const { warnings } = await api.write({ upserts: [service('reviews'), fault] });
    expect(warnings).toEqual([`FaultPolicy/shop/flaky ends in 2 min, at ${expires}`]);
  });
});

describe('a change-set is refused', () => {
  test('with every problem of every resource at once, and nothing changes', async () => {
    const details = await api.refused({
      upserts: [
        { ...service('a'), spec: { ports: [{ port: 0 }], selectors: {} } },
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 's' } },
        { apiVersion: 'v1', kind: 'Servise', metadata: { name: 's' } },
        service('twice'),
        service('twice'),
      ],
      deletes: [{ kind: 'nothing', name: 'x' }],
    });
    expect(details.status).toBe(422);
    expect(problems(details).sort()).toEqual([
      'ConfigMap/default/s kind not_supported_yet',
      'Service/shop/a spec.ports[0].port invalid_value',
      'Service/shop/a spec.selectors unknown_field',
      'Service/shop/twice metadata.name duplicate',
      'Servise/default/s kind unknown_kind',
      'deletes[0] kind unknown_kind',
    ]);
    const info = await api.get<InfoResponse>('/v1/info');
    expect(info.body.revision).toBe('1-0');
  });

  test('with what the schemas say and what a compile says in one answer', async () => {
    const odd = { ...route('r', 'a', 'missing'), stats: {} };
    const unreadable = { ...service('b'), spec: { ports: [] } };
    const details = await api.refused({
      upserts: [service('a'), unreadable, odd, route('r2', 'a', 'nowhere'), route('r3', 'a', 'b')],
    });
    expect(details.status).toBe(422);
    // No word of r3: the Service that it refers to is there, only it cannot be read.
    expect(problems(details).sort()).toEqual([
      'HTTPRoute/shop/r spec.rules[0].backendRefs[0].name missing_reference',
      'HTTPRoute/shop/r stats unknown_field',
      'HTTPRoute/shop/r2 spec.rules[0].backendRefs[0].name missing_reference',
      'Service/shop/b spec.ports invalid_value',
    ]);
    expect((await api.get<InfoResponse>('/v1/info')).body.revision).toBe('1-0');
  });

  test('when it brings dangling references, from several resources and by deletes', async () => {
    await api.write({ upserts: [service('a'), service('b'), route('r', 'a', 'b')] });
    const details = await api.refused({
      upserts: [route('r2', 'a', 'missing'), route('r3', 'nowhere', 'a')],
      deletes: [ref('Service', 'b')],
    });
    expect(details.status).toBe(422);
    const found = problems(details);
    expect(found.some((text) => text.startsWith('HTTPRoute/shop/r spec.rules[0]'))).toBe(true);
    expect(found.some((text) => text.startsWith('HTTPRoute/shop/r2 spec.rules[0]'))).toBe(true);
    expect(found.some((text) => text.startsWith('HTTPRoute/shop/r3 spec.parentRefs[0]'))).toBe(
      true,
    );
    for (const { message } of details.problems ?? []) expect(message.length).toBeGreaterThan(10);
  });

  test.each([
    ['nothing asked for', {}, 400, 'nothing is asked for'],
    ['two things asked for', { undo: '1', restore: '1' }, 400, 'exclude one another'],
    ['an unknown field', { upsert: [] }, 400, 'upsert'],
    ['an author who writes escapes', { author: '\u001b[2J', upserts: [] }, 400, 'author holds'],
    ['a message that does', { message: 'a\nb\u0007', upserts: [] }, 400, 'message holds'],
    ['a revision that is none', { undo: 'soon' }, 400, 'soon is no revision'],
    ['a revision that is not there', { undo: '7' }, 404, 'no revision 7'],
    ['a revision of another epoch', { restore: '2-1' }, 404, 'no revision 2-1'],
    ['a delete of nothing', { deletes: [ref('Service', 'x')] }, 404, 'Service/shop/x to delete'],
  ])('%s', async (_what, body, status, sentence) => {
    const details = await api.refused(body);
    expect(details.status).toBe(status);
    expect(details.detail).toContain(sentence);
  });

  test('text that is half a character', async () => {
    const bad = { ...service('a'), metadata: { name: 'a', annotations: { note: '\ud800' } } };
    const details = await api.refused({ upserts: [bad] });
    expect(problems(details)).toEqual(['Service/default/a  invalid_value']);
  });

  test('a body over 8 MiB', async () => {
    const annotations = { big: 'x'.repeat(8 * 1024 * 1024) };
    const details = await api.refused({
      upserts: [{ ...service('a'), metadata: { name: 'a', annotations } }],
    });
    expect(details).toMatchObject({ status: 413, code: 'too-large' });
    expect(details.detail).toContain('8192 KiB');
  });

  test('a body that is no JSON', async () => {
    const response = await fetch(`${api.url}/v1/changesets`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });
});

describe('a resource with a resourceVersion', () => {
  test('replaces exactly that version', async () => {
    await api.write({ upserts: [service('a')], author: 'ann' });
    const { body } = await api.get<ResourceList>('/v1/resources/svc/shop/a');
    const [mine] = body.items;
    expect(mine?.metadata).toMatchObject({ resourceVersion: '1', generation: 1 });
    await api.write({ upserts: [service('a', 81)], author: 'bob', message: 'mine' });
    const edited = { ...mine, spec: { ports: [{ port: 82 }] } };
    const details = await api.refused({ upserts: [edited] });
    expect(details.status).toBe(409);
    expect(details.detail).toContain('Service/shop/a was updated by bob in 1-2 (mine)');
    const fresh = await api.get<ResourceList>('/v1/resources/svc/shop/a');
    const written = await api.write({
      upserts: [{ ...fresh.body.items[0], spec: { ports: [{ port: 82 }] } }],
      author: 'ann',
    });
    expect(written.warnings).toEqual([]);
    const { body: now } = await api.get<ResourceList>('/v1/resources/svc/shop/a');
    expect(now.items[0]?.metadata).toMatchObject({ resourceVersion: '3', generation: 3 });
  });

  test('that was deleted meanwhile is a conflict', async () => {
    await api.write({ upserts: [service('a')] });
    await api.write({ deletes: [ref('Service', 'a')], author: 'bob' });
    const copy = { ...service('a'), metadata: { ...ref('', 'a'), resourceVersion: '1' } };
    const { kind: _kind, ...metadata } = copy.metadata;
    const details = await api.refused({ upserts: [{ ...copy, metadata }] });
    expect(details.status).toBe(409);
    expect(details.detail).toContain('was deleted by bob in 1-2');
  });
});

describe('with If-Match', () => {
  beforeEach(async () => {
    await api.write({ upserts: [service('a'), service('b'), service('c')], author: 'ann' });
    await api.write({ upserts: [service('b', 81)], author: 'bob', message: 'ports' });
  });

  test('what others changed elsewhere is no conflict', async () => {
    const written = await api.write({ upserts: [service('a', 90)] }, { 'if-match': '1-1' });
    expect(written.revision).toBe('1-3');
  });

  test('the same resource is one, named with author and revision', async () => {
    const details = await api.refused({ upserts: [service('b', 90)] }, { 'if-match': '"1-1"' });
    expect(details).toMatchObject({ status: 409, code: 'conflict' });
    expect(details.problems).toMatchObject([
      { resource: 'Service/shop/b', message: 'was updated by bob in 1-2 (ports)' },
    ]);
    await api.write({ upserts: [service('b', 90)] }, { 'if-match': '1-2' });
  });

  test('what is referred to counts, in both directions', async () => {
    const toB = await api.refused({ upserts: [route('r', 'a', 'b')] }, { 'if-match': '1-1' });
    expect(toB.status).toBe(409);
    await api.write({ upserts: [route('r', 'a', 'c')], author: 'bob' });
    const gone = await api.refused({ deletes: [ref('Service', 'c')] }, { 'if-match': '1-2' });
    expect(gone.status).toBe(409);
    expect(gone.detail).toContain('HTTPRoute/shop/r');
    expect(gone.detail).toContain('refers to Service/shop/c');
  });

  test('a revision that does not exist is said so', async () => {
    const body = { upserts: [service('a', 90)] };
    expect((await api.refused(body, { 'if-match': '1-9' })).status).toBe(404);
    expect((await api.refused(body, { 'if-match': 'x' })).status).toBe(400);
  });
});

describe('an Idempotency-Key', () => {
  const key = { 'idempotency-key': 'abc' };

  test('never makes two revisions, also after a restart', async () => {
    const body = { upserts: [service('a')], author: 'ann' };
    const first = await api.write(body, key);
    const again = await api.post<ChangeSetResponse>('/v1/changesets', body, key);
    expect(again.status).toBe(201);
    expect(again.body).toMatchObject({ revision: first.revision, id: first.id });
    expect(shown(again.body)).toEqual(shown(first));
    await api.write({ deletes: [ref('Service', 'a')] });
    const other = await startService(mesh);
    const later = await other.api.write(body, key);
    expect(later.revision).toBe(first.revision);
    expect((await other.api.get<InfoResponse>('/v1/info')).body.revision).toBe('1-2');
  });

  test('of another change-set is a conflict', async () => {
    await api.write({ upserts: [service('a')] }, key);
    const details = await api.refused({ upserts: [service('b')] }, key);
    expect(details.status).toBe(409);
    expect(details.detail).toContain('Idempotency-Key was used');
  });

  test('sent twice at once makes one revision', async () => {
    const body = { upserts: [service('a')] };
    const both = await Promise.all([api.write(body, key), api.write(body, key)]);
    expect(both.map(({ revision }) => revision)).toEqual(['1-1', '1-1']);
  });
});

describe('the past', () => {
  beforeEach(async () => {
    await api.write({ upserts: [service('a'), service('b')], message: 'one' });
    await api.write({ upserts: [service('a', 81)], message: 'two' });
    await api.write({ upserts: [service('c')], deletes: [ref('Service', 'b')], message: 'three' });
  });

  test('is read as it was', async () => {
    const at = async (revision: string): Promise<string[]> => {
      const { body } = await api.get<ResourceList>(`/v1/resources?at=${revision}`);
      return body.items.map(
        (item) =>
          `${item.metadata.name} ${item.kind === 'Service' ? item.spec.ports[0]?.port : ''}`,
      );
    };
    expect(await at('0')).toEqual([]);
    expect(await at('1')).toEqual(['a 80', 'b 80']);
    expect(await at('1-2')).toEqual(['a 81', 'b 80']);
    expect(await at('3')).toEqual(['a 81', 'c 80']);
    const old = await api.get<ResourceList>('/v1/resources/service/shop/a?at=1');
    expect(old.body.items[0]?.metadata).toMatchObject({ resourceVersion: '1', generation: 1 });
    expect((await api.get('/v1/resources/service/shop/c?at=2')).status).toBe(404);
    expect((await api.get('/v1/resources/service/shop/c?at=9')).status).toBe(404);
    expect((await api.get('/v1/resources/service/shop/c?at=x')).status).toBe(400);
    expect((await api.get('/v1/resources/nonsense')).status).toBe(404);
  });

  test('is listed newest first, by pages', async () => {
    const first = await api.get<ChangeSetList>('/v1/changesets?limit=2');
    expect(first.body.items.map(({ message }) => message)).toEqual(['three', 'two']);
    const next = await api.get<ChangeSetList>(`/v1/changesets?before=${first.body.next}`);
    expect(next.body.items.map(({ message }) => message)).toEqual(['one']);
    expect(next.body.next).toBeUndefined();
    expect((await api.get('/v1/changesets?limit=0')).status).toBe(400);
  });

  test('shows one revision with before and after', async () => {
    const { body } = await api.get<ChangeSetDetail>('/v1/changesets/3');
    expect(body.changes).toMatchObject([
      { key: 'Service/shop/b', change: 'deleted', before: { spec: { ports: [{ port: 80 }] } } },
      { key: 'Service/shop/c', change: 'created', after: { spec: { ports: [{ port: 80 }] } } },
    ]);
    expect((await api.get('/v1/changesets/4')).status).toBe(404);
  });

  test('undo takes back one revision, and refuses what changed since', async () => {
    const undone = await api.write({ undo: '2' });
    expect(undone.changes).toMatchObject([{ after: { spec: { ports: [{ port: 80 }] } } }]);
    const { body } = await api.get<ChangeSetDetail>('/v1/changesets/4');
    expect(body).toMatchObject({ undoes: '1-2', message: 'Undo 1-2: two' });
    const details = await api.refused({ undo: '1' });
    expect(details.status).toBe(409);
    expect(problems(details)).toEqual(['Service/shop/a  conflict']);
    const latest = await api.write({ undo: 'latest' });
    expect(latest.changes).toMatchObject([{ after: { spec: { ports: [{ port: 81 }] } } }]);
  });

  test('undo brings deleted resources back and takes created ones away', async () => {
    const undone = await api.write({ undo: 'latest' });
    expect(shown(undone)).toEqual(['created Service/shop/b', 'deleted Service/shop/c']);
    const again = await api.write({ undo: '3' });
    expect(again.created).toBe(false);
  });

  test('undo of what others now need is refused with the reason', async () => {
    await api.write({ upserts: [route('r', 'a', 'c')] });
    const details = await api.refused({ undo: '3' });
    expect(details.status).toBe(422);
    expect(problems(details)[0]).toContain('HTTPRoute/shop/r spec.rules[0]');
  });

  test('restore brings a whole state back, digest and all', async () => {
    const before = await api.get<ChangeSetDetail>('/v1/changesets/1');
    const restored = await api.write({ restore: '1' });
    expect(restored.digest).toBe(before.body.digest);
    expect(shown(restored)).toEqual([
      'updated Service/shop/a',
      'created Service/shop/b',
      'deleted Service/shop/c',
    ]);
    const { body } = await api.get<ChangeSetDetail>('/v1/changesets/4');
    expect(body).toMatchObject({ restores: '1-1', message: 'Restore 1-1' });
  });
});

describe('the service', () => {
  test('describes itself', async () => {
    const info = await api.get<InfoResponse>('/v1/info');
    expect(info.body).toMatchObject({ mesh, epoch: 1, addresses: { config: api.url } });
    const openapi = await api.get<{ openapi: string; paths: Record<string, unknown> }>(
      '/openapi.json',
    );
    expect(openapi.body.openapi).toBe('3.1.0');
    expect(Object.keys(openapi.body.paths)).toEqual(
      expect.arrayContaining(['/v1/changesets', '/v1/resources/{kind}', '/v1/explain']),
    );
    await api.write({ upserts: [service('a')] });
    const metrics = await api.get<string>('/metrics');
    expect(metrics.body).toContain('windrose_config_revision 1\n');
    expect(metrics.body).toContain('windrose_config_changesets_total{result="created"} 1\n');
  });
});
