import type { Resource } from '#contracts/resources/index.ts';
import { describe, expect, test } from 'vitest';
import { candidateOf } from '../../../../services/config/changes/candidate.ts';
import { isOlder } from '#contracts/version.ts';
import { warningsOf } from '../../../../services/config/changes/warnings.ts';
import { History } from '../../../../services/config/log/history.ts';

const service: Resource = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'a', namespace: 'shop' },
  spec: { ports: [{ port: 80 }] },
};

test.each([
  ['0.1.0', '0.1.0', false],
  ['0.0.9', '0.1.0', true],
  ['0.10.0', '0.9.0', false],
  ['1.0', '1.0.1', true],
  ['2.0.0-rc.1', '2.0.0', false],
  ['', '0.1.0', true],
])('%s is older than %s: %s', (version, than, older) => {
  expect(isOlder(version, than)).toBe(older);
});

test('fields of a Service that only Kubernetes acts on are named', () => {
  const warn = (spec: object): string[] => {
    const history = new History('m');
    const upserts = [{ ...service, spec: { ports: [{ port: 80 }], ...spec } }];
    return warningsOf({
      ...{ history, candidate: candidateOf(history.state, { upserts, deletes: [] }, 1, '') },
      ...{ revoked: [], notes: [], written: upserts, author: 'ann', seen: false },
      ...{ minProxy: '0.1.0', proxies: [], wallMs: 0 },
    });
  };
  expect(warn({ type: 'ClusterIP', clusterIP: 'None', internalTrafficPolicy: 'Cluster' })).toEqual(
    [],
  );
  expect(warn({ type: 'ExternalName', externalName: 'api.example' })).toEqual([]);
  expect(warn({ type: 'NodePort', selector: { app: 'a' } })).toEqual([
    'Service/shop/a: selector, type NodePort have no effect here; endpoints are announced by ' +
      'sidecars or declared by EndpointSlices',
  ]);
});

describe('proxies too old for a change-set', () => {
  const warn = (proxies: { proxy: string; version?: string }[]): string[] => {
    const history = new History('m');
    return warningsOf({
      history,
      candidate: candidateOf(history.state, { upserts: [service], deletes: [] }, 1, ''),
      revoked: [],
      notes: [],
      written: [service],
      author: 'ann',
      seen: false,
      minProxy: '0.2.0',
      proxies,
      wallMs: 0,
    });
  };

  test('are named, a few of them', () => {
    const proxies = Array.from({ length: 7 }, (_, i) => ({ proxy: `p${i}`, version: '0.1.0' }));
    expect(warn([...proxies, { proxy: 'new', version: '0.2.0' }])).toEqual([
      'older than 0.2.0, which this change-set needs: p0 (0.1.0), p1 (0.1.0), p2 (0.1.0), ' +
        'p3 (0.1.0), p4 (0.1.0) and 2 more',
    ]);
  });

  test('are not those whose version is not known yet', () => {
    expect(warn([{ proxy: 'unheard' }])).toEqual([]);
  });
});
