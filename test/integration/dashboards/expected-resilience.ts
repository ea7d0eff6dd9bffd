/**
 * *Resilience* over the minute of fill.ts: 222 calls from their callers' side (120 at the edge, of
 * which 10 without a service; 96 of catalog with 3 retries; 6 of payments). The record r2 stands
 * for two requests.
 */
import { REASONS } from '#contracts/reasons.ts';
import type { Expected } from './expected.ts';
import { point, recordTime } from './fill.ts';

/** Panels that *Mesh health* has too. */
export const REFUSALS_EXPECTED: Expected = {
  'Retries A': [
    [point(0), 'shop/catalog', 3 / 20],
    [point(0), 'shop/storefront', 0],
    [point(20), 'shop/catalog', 0],
    [point(20), 'shop/payments', 0],
    [point(20), 'shop/storefront', 0],
    [point(40), 'none', 0],
    [point(40), 'shop/payments', 0],
  ],
  'Ended otherwise than by the upstream A': [
    [point(0), 'upstream_reset', 6 / 20],
    [point(20), 'limited', 20 / 20],
    [point(20), 'upstream_refused', 4 / 20],
    [point(40), 'no_route', 10 / 20],
  ],
  'Reasons by service A': [
    ['limited', 'shop/storefront', 'Gateway/shop/edge', 20],
    ['no_route', '-', 'Gateway/shop/edge', 10],
    ['upstream_reset', 'shop/storefront', 'Gateway/shop/edge', 6],
    ['upstream_refused', 'shop/payments', 'shop/orders', 4],
  ],
};

const CALLS = 110 + 10 + 96 + 6;

export const RESILIENCE_EXPECTED: Expected = {
  ...REFUSALS_EXPECTED,
  'Retries per call A': [[3 / CALLS]],
  'Limited share A': [[20 / CALLS]],
  'Circuit open share A': [[0]],
  'Timed out share A': [[0]],
  'Ejections A': [[2]],
  'Fallbacks A': [[1]],
  'Retries per call by service A': byService({ 'shop/catalog': 3 / 66 }),
  'Limited share by service A': byService({}, { 'shop/storefront': 1 }),
  'Circuit open share by service A': byService(),
  'Every reason and what it means A': [
    ['ok', REASONS.ok.meaning, 60 + 24 + 96 + 2, (60 + 24 + 96 + 2) / CALLS, 0],
    ['limited', REASONS.limited.meaning, 20, 20 / CALLS, 0],
    ['no_route', REASONS.no_route.meaning, 10, 10 / CALLS, 0],
    ['upstream_reset', REASONS.upstream_reset.meaning, 6, 6 / CALLS, 6],
    ['upstream_refused', REASONS.upstream_refused.meaning, 4, 4 / CALLS, 4],
  ],
  'Why retries were made A': [['connect', 'shop/storefront', 3, 2 * 2 + 1, 1 / 3]],
  'Ejected endpoints A': [['shop/storefront', '127.0.0.1:9001', 'edge', 2, recordTime(15)]],
  'Ejections and fallbacks per second A': [
    [point(0), 2 / 20, 0],
    [point(20), 0, 1 / 20],
  ],
  '$service variable': [['shop/catalog'], ['shop/payments'], ['shop/storefront']],
};

/** Shares of the services that were called in each point of 20 s; 0 where none is given. */
function byService(
  first: Readonly<Record<string, number>> = {},
  second: Readonly<Record<string, number>> = {},
): Expected[string] {
  return [
    ...['shop/catalog', 'shop/storefront'].map((name) => [point(0), name, first[name] ?? 0]),
    ...['shop/catalog', 'shop/payments', 'shop/storefront'].map((name) => [
      point(20),
      name,
      second[name] ?? 0,
    ]),
    ...['none', 'shop/payments'].map((name) => [point(40), name, 0]),
  ];
}
