import { describe, expect, it } from 'vitest';
import { KINDS, findKind } from '#contracts/resources/index.ts';
import { readResource } from '#contracts/resources/read.ts';

const route = (spec: object): object => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'storefront', namespace: 'shop' },
  spec,
});

function problemsOf(document: unknown): string[] {
  const result = readResource(document, 'file.yaml');
  if (result.ok) return [];
  return result.problems.map(
    (problem) => `${problem.resource} ${problem.path} ${problem.reason}: ${problem.message}`,
  );
}

describe('readResource', () => {
  it('accepts a route as Gateway API writes it', () => {
    const result = readResource(
      route({
        parentRefs: [{ name: 'edge' }, { group: '', kind: 'Service', name: 'reviews' }],
        hostnames: ['*.shop.example'],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: '/a' }, method: 'GET' }],
            backendRefs: [{ name: 'reviews', port: 80, weight: 9 }],
            timeouts: { request: '1m30s' },
          },
        ],
      }),
      'file.yaml',
    );
    expect(result.ok).toBe(true);
  });

  it('reports every problem at once, each with its path', () => {
    const document = route({
      parentRefs: [{ name: '' }],
      rulez: 1,
      rules: [{ backendRefs: [{ name: 'Reviews', port: '80' }], timeouts: { request: '10' } }],
    });
    expect(problemsOf(document)).toEqual([
      expect.stringContaining('HTTPRoute/shop/storefront spec.rulez unknown_field: '),
      expect.stringContaining('HTTPRoute/shop/storefront spec.parentRefs[0].name invalid_value: '),
      expect.stringContaining('spec.rules[0].backendRefs[0].name invalid_value: "Reviews"'),
      expect.stringContaining('spec.rules[0].backendRefs[0].port invalid_value: "80"'),
      expect.stringContaining('spec.rules[0].timeouts.request invalid_value: "10"'),
    ]);
  });

  it('names what a later version will serve instead of ignoring it', () => {
    const later = route({
      parentRefs: [{ name: 'edge' }],
      useDefaultGateways: 'All',
      rules: [{ filters: [{ type: 'ExternalAuth' }] }],
    });
    expect(problemsOf(later)).toEqual([
      expect.stringContaining('spec.useDefaultGateways not_supported_yet'),
      expect.stringContaining('spec.rules[0].filters[0].type not_supported_yet: ExternalAuth'),
    ]);
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'key' } };
    expect(problemsOf(map)).toEqual([
      expect.stringContaining('ConfigMap/default/key kind not_supported_yet'),
    ]);
  });

  it('keeps an older version of a kind as the newest, and drops a status', () => {
    const spec = { parentRefs: [{ name: 'edge' }], rules: [{}] };
    const written = { ...route(spec), apiVersion: 'gateway.networking.k8s.io/v1beta1' };
    const result = readResource({ ...written, status: { parents: [] } }, 'file.yaml');
    expect(result).toEqual(readResource(route(spec), 'file.yaml'));
    expect(result.ok).toBe(true);
  });

  it('refuses a field named __proto__ (attack class 14)', () => {
    const text =
      '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a","__proto__":{"polluted":1}}}';
    expect(problemsOf(JSON.parse(text))).toEqual([
      expect.stringContaining('metadata.__proto__ unknown_field'),
    ]);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it.each([
    ['nothing', null, 'file.yaml  invalid_value'],
    ['a list', [], 'file.yaml  invalid_value'],
    ['no kind', { apiVersion: 'v1' }, 'file.yaml kind missing_field'],
    ['no apiVersion', { kind: 'Service' }, 'file.yaml apiVersion missing_field'],
    ['an old version', { apiVersion: 'v1beta1', kind: 'Service' }, 'unknown_kind'],
    ['an unknown kind', { apiVersion: 'v1', kind: 'Pod' }, 'file.yaml kind unknown_kind'],
  ])('says what is wrong with %s', (_, document, expected) => {
    expect(problemsOf(document)).toEqual([expect.stringContaining(expected)]);
  });

  it('gives a namespaced resource its default namespace and a cluster-scoped one none', () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } };
    const read = readResource({ ...service, spec: { ports: [{ port: 80 }] } }, 'x');
    expect(read.ok && read.resource.metadata).toEqual({ name: 'a', namespace: 'default' });
    const space = readResource(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } },
      'x',
    );
    expect(space.ok && space.resource.metadata).toEqual({ name: 'a' });
  });
});

describe('kinds', () => {
  it('have unique names and aliases, and are found as people type them', () => {
    const words = KINDS.flatMap((entry) => [entry.kind.toLowerCase(), ...entry.aliases]);
    expect(new Set(words).size).toBe(words.length);
    expect(findKind('svc')?.kind).toBe('Service');
    expect(findKind('HttpRoutes')?.kind).toBe('HTTPRoute');
    expect(findKind('pods')).toBeUndefined();
  });
});
