import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChangeSetDetail, ChangeSetResponse } from '#contracts/api/config.ts';
import { startConfigService } from '../../../services/config/service.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { natsUrl, tempDir, uniqueMesh } from '#test/parts.ts';
import { type Ran, windrose as run } from '../../unit/cli/harness.ts';
import { beforeAll, describe, expect, it } from 'vitest';

/** The command line against the real config service over the real NATS. */
let windrose: (...args: string[]) => Promise<Ran>;
beforeAll(async () => {
  const service = await startConfigService({
    mesh: uniqueMesh(),
    natsUrl: natsUrl(),
    listen: '127.0.0.1:0',
    log: createServiceLog({ service: 'config', level: 'silent' }),
  });
  await service.ready;
  windrose = (...args) => run(args, { env: { WINDROSE_SERVER: service.url }, wallMs: Date.now });
  return () => service.stop();
});

const service = (name: string, port: number): string =>
  `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop, labels: { app: shop } }
spec: { ports: [{ port: ${port} }] }
---
`;

function file(text: string): string {
  const path = join(tempDir(), 'resources.yaml');
  writeFileSync(path, text);
  return path;
}

describe('change-sets by the command line', () => {
  it('apply makes a revision, again it makes none', async () => {
    const path = file(service('a', 80) + service('b', 80));
    const first = await windrose('apply', '-f', path, '-m', 'two services', '--wait');
    expect(first).toMatchObject({ status: 0, err: '' });
    expect(first.out).toContain('Service/shop/a created\nService/shop/b created\n');
    expect(first.out).toContain('revision 1-1: 2 created\n');
    const second = await windrose('apply', '-f', path);
    expect(second).toMatchObject({
      status: 0,
      out: 'nothing changed; the head is still revision 1-1\n',
    });
  });

  it('diff and dry run show and change nothing', async () => {
    const path = file(service('a', 81));
    const diff = await windrose('diff', '-f', path);
    expect(diff.status).toBe(0);
    expect(diff.out).toContain('-    - port: 80\n+    - port: 81\n');
    const dry = await windrose('apply', '-f', path, '--dry-run', '-o', 'json');
    expect(JSON.parse(dry.out)).toMatchObject({ created: false, dryRun: true });
    const now = await windrose('get', 'svc', 'shop/a', '-o', 'json');
    expect(JSON.parse(now.out)).toMatchObject({ spec: { ports: [{ port: 80 }] } });
  });

  it('what get gave is refused once somebody else has changed it: status 4', async () => {
    const got = await windrose('get', 'svc', 'a', '-o', 'yaml');
    expect(got.out).toContain('resourceVersion: "1"');
    const mine = file(got.out.replace('port: 80', 'port: 90'));
    const theirs = await windrose('apply', '-f', file(service('a', 85)), '--author', 'bob');
    expect(theirs.status).toBe(0);
    const conflict = await windrose('apply', '-f', mine);
    expect(conflict).toMatchObject({ status: 4, out: '' });
    expect(conflict.err).toContain('Service/shop/a');
  });

  it('every problem is named: status 3, and nothing changes', async () => {
    const route = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: a }]
  rules:
    - matches: [{ path: { type: RegularExpression, value: '/(' } }]
      backendRefs: [{ name: nobody, port: 80 }]
`;
    const bad = await windrose('apply', '-f', file(route));
    expect(bad).toMatchObject({ status: 3, out: '' });
    expect(bad.err).toContain('HTTPRoute/shop/r\n');
    expect(bad.err).toMatch(/spec\.rules\[0\]\.backendRefs\[0\]\S* .*\(missing_reference\)/);
    expect(bad.err).toMatch(/spec\.rules\[0\]\.matches\[0\]\S* .*\(bad_regular_expression\)/);
    const both = await windrose(
      'apply',
      '-f',
      file(route.replace('rules:', 'rulez: []\n  rules:')),
    );
    expect(both.status).toBe(3);
    expect(both.err).toMatch(/spec\.rulez .*\(unknown_field\)[^]*\(missing_reference\)/);
    const unknown = await windrose('apply', '-f', file(service('a', 80).replace('ports', 'prots')));
    expect(unknown.status).toBe(3);
    expect(unknown.err).toContain('spec.prots');
    expect((await windrose('history', '-o', 'json')).out).not.toContain('1-3');
  });

  it('history and show tell who, why and what', async () => {
    const history = await windrose('history');
    expect(history.status).toBe(0);
    expect(history.out).toMatch(/1-2 .* bob .* 1 updated/);
    expect(history.out).toMatch(/1-1 .* ada .* 2 created .* two services/);
    const shown = await windrose('show', '2');
    expect(shown.out).toContain('-    - port: 80\n+    - port: 85');
    const data = await windrose('show', '2', '-o', 'json');
    const detail = JSON.parse(data.out) as ChangeSetDetail;
    expect(detail.changes.map((each) => each.key)).toEqual(['Service/shop/a']);
  });

  it('diff of two revisions, and the history of one resource', async () => {
    const diff = await windrose('diff', '1', '2', '--exit-code');
    expect(diff.status).toBe(1);
    expect(diff.out).toContain('-    - port: 80\n+    - port: 85');
    const back = await windrose('diff', '2', '1');
    expect(back).toMatchObject({ status: 0, err: '' });
    expect(back.out).toContain('-    - port: 85\n+    - port: 80');
    expect(await windrose('diff', '2')).toMatchObject({ out: '', err: 'no differences\n' });
    const one = await windrose('history', 'svc/b', '-n', 'shop', '-o', 'json');
    const { items } = JSON.parse(one.out) as { items: { revision: string }[] };
    expect(items.map(({ revision }) => revision)).toEqual(['1-1']);
    const paged = await windrose('history', '--limit', '1');
    expect(paged.out).toContain('1-2');
    expect(paged.err).toBe('older ones: --before 1-2\n');
    expect((await windrose('history', '-n', 'pay')).err).toBe('there are none\n');
  });

  it('a rollback that others stand in the way of is status 4, and says who', async () => {
    const ran = await windrose('rollback', '1');
    expect(ran).toMatchObject({ status: 4, out: '' });
    expect(ran.err).toMatch(/^windrose: this conflicts[^]*Service\/shop\/a\n[^]*by bob in 1-2/);
  });

  it('rollback undoes the last, --to restores, prune deletes by label', async () => {
    expect((await windrose('rollback')).out).toContain('revision 1-3: 1 updated');
    const pruned = await windrose(
      ...['apply', '-f', file(service('c', 80)), '--prune', '-l', 'app=shop', '-o', 'json'],
    );
    const response = JSON.parse(pruned.out) as ChangeSetResponse;
    expect(response.changes.map((each) => `${each.key} ${each.change}`).sort()).toEqual([
      'Service/shop/a deleted',
      'Service/shop/b deleted',
      'Service/shop/c created',
    ]);
    expect((await windrose('rollback', '--to', '1', '--wait')).status).toBe(0);
    const now = await windrose('get', 'all', '-o', 'json');
    const names = (JSON.parse(now.out) as { items: { metadata: { name: string } }[] }).items;
    expect(names.map((each) => each.metadata.name)).toEqual(['a', 'b']);
    const before = await windrose('get', 'svc', '--at', '4', '-o', 'json');
    expect(before.out).toContain('"c"');
  });

  it('delete by name', async () => {
    expect((await windrose('delete', 'svc', 'shop/b', 'a')).out).toContain('2 deleted');
    const none = await windrose('get', 'svc');
    expect(none).toMatchObject({ status: 0, out: '', err: 'there are none\n' });
  });

  it('status and wait without proxies', async () => {
    const status = await windrose('status');
    expect(status.out).toMatch(/^head is revision 1-6; there are no proxies\n$/);
    expect((await windrose('wait', '6')).status).toBe(0);
  });

  it.each([
    [['show', '77'], 1, 'there is no revision 77'],
    [['wait', '77'], 1, 'there is no revision 77'],
    [['rollback', '77'], 1, 'there is no revision 77'],
    [['get', 'svc', '--at', '77'], 1, 'there is no revision 77'],
    [['show', 'newest'], 2, 'newest'],
    [['diff', '1', '77'], 1, 'there is no revision 77'],
    [['diff'], 2, 'diff needs -f, or one or two revisions'],
    [['diff', '1', '-f', '-'], 2, 'diff takes -f, or revisions, not both'],
    [['history', 'svc/a'], 2, 'svc/a lacks a namespace; write Service/NAMESPACE/a, or say -n'],
    [['history', 'svc'], 2, 'write KIND/NAMESPACE/NAME'],
    [['history', 'mesh/shop/default'], 2, 'a Mesh belongs to no namespace'],
    [['history', 'svc/shop/a', '-n', 'pay'], 2, 'names the namespace shop, and -n pay another'],
    [['delete', 'svc', 'nobody'], 1, 'there is no Service nobody'],
    [['top'], 1, 'was not told where analytics is'],
    [['slo'], 1, 'was not told where alerting is'],
  ])('windrose %j ends with status %d', async (args, status, part) => {
    const result = await windrose(...args);
    expect(result).toMatchObject({ status, out: '' });
    expect(result.err).toContain(part);
    expect(result.err.trim().split('\n')).toHaveLength(1);
  });
});
