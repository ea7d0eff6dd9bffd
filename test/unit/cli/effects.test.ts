import type { ChangeEffects } from '#contracts/api/config.ts';
import { expect, test } from 'vitest';
import { effectsText } from '../../../services/cli/output/effects.ts';
import { styleFor } from '../../../services/cli/output/style.ts';
import { fakeApi, windrose } from './harness.ts';

const proxy = (name: string): ChangeEffects['proxies'][number] => ({
  proxy: name,
  role: 'sidecar',
  workload: 'shop/a',
  why: ['inbound', 'calls'],
});
const effects: ChangeEffects = {
  listeners: ['Gateway/shop/edge/http'],
  services: ['shop/a'],
  proxies: [{ proxy: 'edge-1', role: 'gateway', workload: '', why: ['listeners'] }, proxy('a-1')],
  proxyCount: 3,
};
const plain = styleFor(false);

const TEXT = `2 of 3 proxies would serve something else:
  edge-1 (gateway): its listeners or their routes
  a-1 (sidecar): what its workload takes in, how it calls services
listeners: Gateway/shop/edge/http
services: shop/a
`;

test('diff -f tells who would serve something else, beside a diff that stays a patch', async () => {
  const changes = [
    { key: 'Namespace/-/a', change: 'created', after: { kind: 'Namespace', metadata: {} } },
  ];
  const api = await fakeApi({ 'POST /v1/changesets': () => ({ changes, effects, warnings: [] }) });
  const stdin = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: a }\n';
  const ran = await windrose(['diff', '-f', '-', ...api.server], { stdin });
  expect(ran).toMatchObject({ status: 0, err: TEXT });
  expect(ran.out).toMatch(/^--- \/dev\/null\n/);
  const data = await windrose(['diff', '-f', '-', '-o', 'json', ...api.server], { stdin });
  expect(JSON.parse(data.out)).toEqual({ changes, effects });
  expect(data.err).toBe('');
});

test('many proxies are one screen, and none is said', () => {
  const many = Array.from({ length: 1_000 }, (_, i) => proxy(`p${i}`));
  const text = effectsText({ ...effects, proxies: many, proxyCount: 1_000 }, plain);
  expect(text.split('\n')).toHaveLength(24);
  expect(text).toContain('  and 980 more\n');
  const none = { listeners: [], services: [], proxies: [], proxyCount: 1 };
  expect(effectsText(none, plain)).toBe('no proxy would serve anything else (1 up)');
});
