/**
 * *Service* over the minute of fill.ts, for all services: 212 calls (110 of storefront, 96 of
 * catalog, 6 of payments); beside them 104 that their own sidecars saw.
 */
import type { Expected } from './expected.ts';
import { point, shownMs } from './fill.ts';

/** With all services chosen, every edge has its caller among them and its called service too. */
const EDGES: Expected[string] = [
  ['Gateway/shop/edge', 'shop/storefront', 110, 6 / 110, shownMs(100), 0],
  ['shop/storefront', 'shop/catalog', 96, 0, shownMs(5), 3],
  ['shop/orders', 'shop/payments', 4, 1, shownMs(2), 0],
  ['unknown', 'shop/payments', 2, 0, shownMs(8), 0],
];

export const SERVICE_EXPECTED: Expected = {
  'Call rate A': [[212 / 60]],
  'Errors of calls A': [[(6 + 4) / 212]],
  // Ranks 106, 202 and 210 of 20 of 1 ms, 4 of 2, 96 of 5, 2 of 8, 60 of 10, 24 of 20, 6 of 100.
  'Latency of calls A': [[shownMs(5), shownMs(20), shownMs(100)]],
  'Callers A': [[4]],
  'Calls per second from both sides A': [
    [point(0), 'callers', (90 + 66) / 20],
    [point(0), 'itself', (95 + 7) / 20],
    [point(20), 'callers', (20 + 30 + 4) / 20],
    [point(40), 'callers', 2 / 20],
    [point(40), 'itself', 2 / 20],
  ],
  'Error rate from both sides A': [
    [point(0), 'callers', 6 / 156],
    [point(0), 'itself', 0],
    [point(20), 'callers', 4 / 54],
    [point(40), 'callers', 0],
    [point(40), 'itself', 0],
  ],
  // Rank 155 of 66 of 5 ms, 60 of 10, 24 of 20 and 6 of 100; rank 54 of 20 of 1, 4 of 2, 30 of 5.
  'p99 latency from both sides A': [
    [point(0), 'callers', shownMs(100)],
    [point(0), 'itself', shownMs(4)],
    [point(20), 'callers', shownMs(5)],
    [point(40), 'callers', shownMs(8)],
    [point(40), 'itself', shownMs(8)],
  ],
  'Calls by status class A': [
    [point(0), '2xx', (60 + 24 + 66) / 20],
    [point(0), '5xx', 6 / 20],
    [point(20), '2xx', 30 / 20],
    [point(20), '4xx', 20 / 20],
    [point(20), '5xx', 4 / 20],
    [point(40), '2xx', 2 / 20],
  ],
  'Who calls it A': EDGES,
  'What it calls A': EDGES,
  // Of the four requests that three records stand for, r2's two failed without a head.
  'Endpoints A': [['127.0.0.1:9001', 'shop/storefront', 4, 2 / 4, (9 + 9) / 4, 2]],
  'Its own sidecars A': [
    ['catalog-1', 'shop/catalog', 95, 0, shownMs(4)],
    ['reviews-v1-1', 'shop/reviews-v1', 7, 0, shownMs(4)],
    ['payments-1', 'shop/payments', 2, 0, shownMs(8)],
  ],
  '$service variable': [['shop/catalog'], ['shop/payments'], ['shop/storefront']],
};
