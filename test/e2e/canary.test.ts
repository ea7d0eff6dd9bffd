import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChangeSetList, ProxyList } from '#contracts/api/config.ts';
import { TRY } from '#demo/resources.ts';
import { PROXIES } from '#demo/topology.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir } from '#test/parts.ts';
import { type TestShop, sendThroughEdge, startTestShop } from '#test/shop.ts';

const REQUESTS = 2_000;
const CANARY_SHARE = 0.1;
const TOLERANCE = 0.025;

let test: TestShop;
beforeAll(async () => {
  test = await startTestShop();
}, 120_000);
afterAll(() => test?.stop());

async function get<Answer>(path: string): Promise<Answer> {
  return (await fetch(`${test.shop.urls.config}${path}`)).json() as Promise<Answer>;
}

async function head(): Promise<{ revision: string; sequence: number }> {
  const { revision } = await get<{ revision: string }>('/v1/info');
  return { revision, sequence: Number(revision.split('-')[1]) };
}

describe('a canary', () => {
  it('reaches every proxy, gets its share, and every record names its revision', async () => {
    const { status, stdout } = await test.windrose(
      'apply',
      '-f',
      join(TRY, 'canary.yaml'),
      '--message',
      'a tenth to v2',
      '--wait',
    );
    expect(status, stdout).toBe(0);
    const { revision, sequence } = await head();
    expect(stdout).toContain(String(sequence));
    const proxies = await get<ProxyList>('/v1/proxies');
    expect(proxies.items.map((item) => item.proxy).sort()).toEqual([...PROXIES].sort());
    for (const item of proxies.items) {
      const applied = item.receipt?.revision;
      expect(item.receipt).toMatchObject({ result: 'applied', problems: [] });
      expect(`${applied?.epoch}-${applied?.sequence}`).toBe(revision);
    }
    expect(new Set(proxies.items.map((item) => item.receipt?.logDigest)).size).toBe(1);

    const sent = await sendThroughEdge(test.shop.urls.edge, REQUESTS);
    expect(sent.byStatus).toEqual({ 200: REQUESTS });

    const v2 = sent.bodies.filter((body) => body.includes('"v2"')).length;
    expect(Math.abs(v2 / REQUESTS - CANARY_SHARE)).toBeLessThanOrEqual(TOLERANCE);

    const calls = await eventually(
      async () => {
        const rows = await test.sql<{ backend: string; revision: number; rows: number }>(
          `SELECT backend, revision, count() AS rows FROM records
           WHERE direction = 'outbound' AND source = 'shop/storefront'
             AND route = 'shop/reviews' AND revision >= ${sequence}
           GROUP BY backend, revision ORDER BY backend`,
        );
        const all = rows.reduce((sum, row) => sum + row.rows, 0);
        return all >= REQUESTS ? rows : undefined;
      },
      { timeoutMs: 20_000, what: 'a record of every call of reviews' },
    );
    expect(calls).toEqual([
      { backend: 'shop/reviews-v1:80', revision: sequence, rows: REQUESTS - v2 },
      { backend: 'shop/reviews-v2:80', revision: sequence, rows: v2 },
    ]);
    const edge = await eventually(
      async () => {
        const rows = await test.sql<{ revision: number; rows: number }>(
          `SELECT revision, count() AS rows FROM records
           WHERE direction = 'edge' AND revision >= ${sequence} GROUP BY revision`,
        );
        return rows.reduce((sum, row) => sum + row.rows, 0) >= REQUESTS ? rows : undefined;
      },
      { timeoutMs: 20_000, what: 'a record of every request at the edge' },
    );
    expect(edge).toEqual([{ revision: sequence, rows: REQUESTS }]);
  });

  it('is seen the same in the rollups, the API and the command line', async () => {
    const { sequence } = await head();
    const [rollup] = await eventually(
      async () => {
        const rows = await test.sql<{ requests: number }>(
          `SELECT sum(requests) AS requests FROM routes_10s
           WHERE route = 'shop/reviews' AND revision = ${sequence}`,
        );
        return rows[0]?.requests === REQUESTS ? rows : undefined;
      },
      { timeoutMs: 20_000, what: 'every call of reviews in the rollup' },
    );
    expect(rollup?.requests).toBe(REQUESTS);
    const top = await test.windrose('top', '-o', 'json');
    expect(top.status, top.stderr).toBe(0);
    expect(top.stdout).toContain('shop/reviews');
    const graph = await test.windrose('graph');
    expect(graph.status, graph.stderr).toBe(0);
    expect(graph.stdout).toMatch(/shop\/storefront[^]*shop\/reviews/);
    const health = await test.windrose('health');
    expect(health.status, health.stderr).toBe(0);
    expect(health.stdout).toMatch(/^shop\/reviews +healthy +[1-9]/m);
    expect(health.stdout).not.toMatch(/failing|no data/);
    const audit = await test.windrose('audit');
    expect(audit.status, audit.stdout + audit.stderr).toBe(0);
  });

  it('is taken back by one command, and history tells both', async () => {
    const before = await head();
    const { status, stdout } = await test.windrose('rollback', '--wait');
    expect(status, stdout).toBe(0);
    const after = await head();
    expect(after.sequence).toBe(before.sequence + 1);
    const sent = await sendThroughEdge(test.shop.urls.edge, 50);
    expect(sent.bodies.filter((body) => body.includes('"v2"'))).toEqual([]);
    const { items } = await get<ChangeSetList>('/v1/changesets');
    expect(items[0]).toMatchObject({ revision: after.revision, undoes: before.revision });
    expect(items[1]).toMatchObject({ revision: before.revision, message: 'a tenth to v2' });
  });
});

describe('a bad change', () => {
  it('is refused with every reason, resource and path, and changes nothing anywhere', async () => {
    const before = await head();
    const { status, stderr, stdout } = await test.windrose(
      'apply',
      '-f',
      join(TRY, 'bad.yaml'),
      '--wait',
    );
    expect(status).toBe(3);
    for (const part of [
      'HTTPRoute/shop/storefront',
      'spec.rules[0].backendRefs[0].name',
      'spec.rules[1].matches[0].path.value',
    ]) {
      expect(stdout + stderr).toContain(part);
    }
    expect(await head()).toEqual(before);
    const { items } = await get<ProxyList>('/v1/proxies');
    expect(items.every((item) => item.behind === 0 && item.state === 'up')).toBe(true);
    expect((await sendThroughEdge(test.shop.urls.edge, 10)).byStatus).toEqual({ 200: 10 });
  });

  it.each([
    [
      'a backend that does not exist',
      'rules: [{ backendRefs: [{ name: storefrnt, port: 80 }] }]',
      'spec.rules[0].backendRefs[0].name',
    ],
    [
      'a regular expression that does not compile',
      "rules: [{ matches: [{ path: { type: RegularExpression, value: '/a(' } }] }]",
      'spec.rules[0].matches[0].path.value',
    ],
    [
      'a field that nobody knows',
      'rulez: []\n  rules: [{ backendRefs: [{ name: storefront, port: 80 }] }]',
      'spec.rulez',
    ],
    [
      'an unknown field beside a missing backend',
      'rulez: []\n  rules: [{ backendRefs: [{ name: storefrnt, port: 80 }] }]',
      'spec.rulez',
      'spec.rules[0].backendRefs[0].name',
    ],
    [
      'a wrong port beside a bad regular expression',
      "rules: [{ matches: [{ path: { type: RegularExpression, value: '/a(' } }],\n" +
        '    backendRefs: [{ name: storefront, port: 81 }] }]',
      'spec.rules[0].backendRefs[0].port',
      'spec.rules[0].matches[0].path.value',
    ],
  ])('%s is named with its path', async (_, rules, ...paths) => {
    const before = await head();
    const file = join(tempDir(), 'route.yaml');
    writeFileSync(
      file,
      'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n' +
        'metadata: { name: wrong, namespace: shop }\n' +
        `spec:\n  parentRefs: [{ name: edge }]\n  ${rules}\n`,
    );
    const { status, stdout, stderr } = await test.windrose('apply', '-f', file);
    expect(status).toBe(3);
    expect(stdout + stderr).toContain('HTTPRoute/shop/wrong');
    for (const path of paths) expect(stdout + stderr).toContain(path);
    expect(await head()).toEqual(before);
  });
});

describe('a revision that does not exist', () => {
  it.each([
    ['show', '999'],
    ['rollback', '999'],
    ['get', 'services', '--at', '999'],
  ])('is said to be none by windrose %s', async (...args) => {
    const before = await head();
    const { status, stdout, stderr } = await test.windrose(...args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('there is no revision 999');
    expect(await head()).toEqual(before);
  });
});
