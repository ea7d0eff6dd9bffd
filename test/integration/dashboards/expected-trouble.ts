/**
 * What boards show of the minute of fill.ts in which shop/orders is in trouble: of 11 calls 2 met
 * the circuit limit, 3 timed out, and to one of them a policy could not be applied; and a block of
 * 10 rows was stored twice, 1 s after its newest row and 9 s after it.
 */
import { brokerTime } from './expected-pipeline.ts';
import type { Expected } from './expected.ts';
import { point } from './fill.ts';

export const TROUBLE_EXPECTED: Readonly<Record<string, Expected>> = {
  Resilience: {
    'Retries per call A': [[8 / 11]],
    'Limited share A': [[0]],
    'Circuit open share A': [[2 / 11]],
    'Timed out share A': [[3 / 11]],
    'Retries per call by service A': [
      [point(600), 'shop/orders', 8 / 10],
      [point(620), 'shop/orders', 0],
    ],
    'Circuit open share by service A': [
      [point(600), 'shop/orders', 2 / 10],
      [point(620), 'shop/orders', 0],
    ],
  },
  'Config rollout': {
    'Calls that a policy could not be applied to A': [['1-8', 1, 1 / 11]],
  },
  'Pipeline health': {
    'Rows stored per second A': [[point(600), 'access', 10 / 20]],
    'Lag by proxy A': [[point(600), 'd', 1]],
    'Proxies and streams A': [['d', 'access', 1, 1, 1, 10, 10 / 60, 0, 0, 1, 1, brokerTime(604)]],
    'Partitions A': [['windrose.demo.access', 4, 2, 2, 1]],
  },
};
