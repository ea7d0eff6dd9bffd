/**
 * *Config rollout* over the minute of fill.ts: revision 7 decided 66 calls at the edge and 66 of
 * catalog, revision 8 the other 90. By their records, edge has taken 8 up and storefront-1 has not.
 */
import type { Expected } from './expected.ts';
import { point, recordTime, shownMs } from './fill.ts';

/** Panels that *Mesh health* has too. */
export const ROLLOUT_EXPECTED: Expected = {
  'Calls per second by revision A': [
    [point(0), '1-7', (66 + 66) / 20],
    [point(0), '1-8', 24 / 20],
    [point(20), '1-8', (20 + 30 + 4) / 20],
    [point(40), '1-8', (10 + 2) / 20],
  ],
  'Revision that each proxy last decided with A': [
    ['edge', 'gateway', '1-8', recordTime(25), 4],
    ['storefront-1', 'sidecar', '1-7', recordTime(25), 1],
  ],
};

export const CONFIG_ROLLOUT_EXPECTED: Expected = {
  ...ROLLOUT_EXPECTED,
  'Revisions in force A': [[2]],
  'Proxies behind A': [[1]],
  'Calls under the newest revision A': [[90 / 222]],
  'Share of calls by revision A': [
    [point(0), '1-7', 132 / 156],
    [point(0), '1-8', 24 / 156],
    [point(20), '1-8', 1],
    [point(40), '1-8', 1],
  ],
  'Proxies by revision A': [
    [point(0), '1-7', 1],
    [point(0), '1-8', 1],
    [point(20), '1-7', 1],
    [point(20), '1-8', 1],
  ],
  'Error rate by revision A': [
    [point(0), '1-7', 6 / 132],
    [point(0), '1-8', 0],
    [point(20), '1-8', 4 / 54],
    [point(40), '1-8', 0],
  ],
  // Rank 131 of 66 of 5 ms, 60 of 10 ms and 6 of 100 ms; all 54 and all 12 of the later points.
  'p99 latency by revision A': [
    [point(0), '1-7', shownMs(100)],
    [point(0), '1-8', shownMs(20)],
    [point(20), '1-8', shownMs(5)],
    [point(40), '1-8', shownMs(8)],
  ],
  'Revisions A': [
    ['1-8', 90, 90 / 222, 4 / 90, shownMs(20), point(10), point(50)],
    ['1-7', 132, 132 / 222, 6 / 132, shownMs(100), point(0), point(10)],
  ],
  'When each proxy took a revision up A': [
    ['1-8', 'edge', recordTime(15), 0],
    ['1-7', 'storefront-1', recordTime(25), 20],
    ['1-7', 'edge', recordTime(5), 0],
  ],
  'Calls that a policy could not be applied to A': [
    ['1-8', 0, 0],
    ['1-7', 0, 0],
  ],
  '$service variable': [['shop/catalog'], ['shop/payments'], ['shop/storefront']],
};
