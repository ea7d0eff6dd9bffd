/**
 * *Consumers* over the minute of fill.ts: acme 60 of 10 ms and 6 of 100 ms that failed, 24 of 20 ms
 * without a credential and 10 that met no route, 20 of globex that were limited.
 */
import type { Expected } from './expected.ts';
import { point, shownMs } from './fill.ts';

export const CONSUMERS_EXPECTED: Expected = {
  'Active consumers A': [[2]],
  'Anonymous A': [[34 / 120]],
  'Limited A': [[20 / 120]],
  'Refused credentials A': [[0]],
  'Requests per second by consumer A': [
    [point(0), 'anonymous', 24 / 20],
    [point(0), 'shop/acme', 66 / 20],
    [point(20), 'shop/globex', 20 / 20],
    [point(40), 'anonymous', 10 / 20],
  ],
  'Error rate by consumer A': [
    [point(0), 'anonymous', 0],
    [point(0), 'shop/acme', 6 / 66],
    [point(20), 'shop/globex', 0],
    [point(40), 'anonymous', 0],
  ],
  'p99 latency by consumer A': [
    [point(0), 'anonymous', shownMs(20)],
    [point(0), 'shop/acme', shownMs(100)],
    [point(20), 'shop/globex', shownMs(1)],
    [point(40), 'anonymous', shownMs(1)],
  ],
  'Limited per second by consumer A': [
    [point(0), 'anonymous', 0],
    [point(0), 'shop/acme', 0],
    [point(20), 'shop/globex', 20 / 20],
    [point(40), 'anonymous', 0],
  ],
  // Rank 33, 63 and 66 of acme's 66; 17, 33 and 34 of the 34 without a credential.
  'Consumers in numbers A': [
    [
      ...['shop/acme', 66, 66 / 120, 66 / 60, 6 / 66, 0, 0],
      ...[shownMs(10), shownMs(100), shownMs(100), 600, 6_000, point(10)],
    ],
    [
      ...['anonymous', 34, 34 / 120, 34 / 60, 0, 0, 0],
      ...[shownMs(20), shownMs(20), shownMs(20), 0, 1_200, point(40)],
    ],
    [
      ...['shop/globex', 20, 20 / 120, 20 / 60, 0, 20, 0],
      ...[shownMs(1), shownMs(1), shownMs(1), 0, 0, point(30)],
    ],
  ],
  'What each consumer asks for, and where it meets limits A': [
    ['shop/globex', 'shop/storefront', 'shop/storefront', 20, 20, 1, 0, shownMs(1)],
    ['shop/acme', 'shop/storefront', 'shop/storefront', 66, 0, 0, 6 / 66, shownMs(100)],
    ['anonymous', 'shop/storefront', 'shop/storefront', 24, 0, 0, 0, shownMs(20)],
    ['anonymous', 'no route', '-', 10, 0, 0, 0, shownMs(1)],
  ],
  '$consumer variable': [['anonymous'], ['shop/acme'], ['shop/globex']],
  '$route variable': [['no route'], ['shop/storefront']],
};
