import type { Resource } from '#contracts/resources/index.ts';
import { expect, test } from 'vitest';
import { referencesOf } from '../../../../services/config/changes/references.ts';

const metadata = { name: 'x', namespace: 'shop' };

test('a route refers to its parents and backends and to its Namespace', () => {
  const route: Resource = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata,
    spec: {
      parentRefs: [{ name: 'edge' }, { kind: 'Service', name: 'a', namespace: 'other' }],
      rules: [{ backendRefs: [{ name: 'b', port: 80 }] }, {}],
    },
  };
  expect(referencesOf(route)).toEqual([
    'Gateway/shop/edge',
    'Service/other/a',
    'Namespace/-/shop',
    'Service/shop/b',
  ]);
});

test('a policy refers to its targets, an EndpointSlice to its Service', () => {
  const limit: Resource = {
    apiVersion: 'windrose.dev/v1',
    kind: 'RateLimitPolicy',
    metadata,
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'r' }],
      limits: [{ name: 'l', requests: 1, per: '1s' }],
    },
  };
  expect(referencesOf(limit)).toEqual(['HTTPRoute/shop/r']);
  const slice: Resource = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'a' } },
    addressType: 'IPv4',
    endpoints: [],
    ports: [{ port: 80 }],
  };
  expect(referencesOf(slice)).toEqual(['Service/shop/a']);
});
