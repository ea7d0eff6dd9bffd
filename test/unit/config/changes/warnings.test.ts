import type { Resource } from '#contracts/resources/index.ts';
import { describe, expect, test } from 'vitest';
import { candidateOf } from '../../../../services/config/changes/candidate.ts';
import { isOlder, warningsOf } from '../../../../services/config/changes/warnings.ts';
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

describe('proxies too old for a change-set', () => {
  const warn = (proxies: { proxy: string; version?: string }[]): string[] => {
    const history = new History('m');
    return warningsOf({
      history,
      candidate: candidateOf(history.state, { upserts: [service], deletes: [] }, 1, ''),
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
