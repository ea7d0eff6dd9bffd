/**
 * What each panel answers for the minute of fill.ts, worked out by hand. At the edge, by duration:
 * 30 of 1 ms, 60 of 10 ms, 24 of 20 ms and 6 of 100 ms. Points are 20 s (15 s in whole steps).
 */
import { CONFIG_ROLLOUT_EXPECTED, ROLLOUT_EXPECTED } from './expected-rollout.ts';
import { CONSUMERS_EXPECTED } from './expected-consumers.ts';
import { HEALTH_EXPECTED } from './expected-health.ts';
import { LATENCY_EXPECTED } from './expected-latency.ts';
import { PIPELINE_EXPECTED, PIPELINE_HEALTH_EXPECTED } from './expected-pipeline.ts';
import { REFUSALS_EXPECTED, RESILIENCE_EXPECTED } from './expected-resilience.ts';
import { SERVICE_EXPECTED } from './expected-service.ts';
import { point, recordTime, shownMs } from './fill.ts';

export type Cells = readonly (string | number | null)[];
/** Rows of cells in the order of the query's columns, by panel and refId. */
export type Expected = Readonly<Record<string, readonly Cells[]>>;

/** Revision 7 decided before the minute too, so it does not begin in it. */
export const ANNOTATIONS_EXPECTED: Expected = {
  '@Revisions annotation': [[point(10), 'Revision 1-8', 'revision']],
};

/** By the title of the board. */
export const EXPECTED: Readonly<Record<string, Expected>> = {
  'Config rollout': CONFIG_ROLLOUT_EXPECTED,
  Consumers: CONSUMERS_EXPECTED,
  Latency: LATENCY_EXPECTED,
  // These two ask Prometheus; ClickHouse marks revisions on them.
  Objectives: {},
  'Proxy runtime': {},
  'Pipeline health': PIPELINE_HEALTH_EXPECTED,
  Resilience: RESILIENCE_EXPECTED,
  Service: SERVICE_EXPECTED,
  'API analytics': {
    'Requests A': [[120]],
    'Rate A': [[2]],
    'Error rate A': [[6 / 120]],
    // Ranks 60, 114 and 119 of 120.
    'Latency A': [[shownMs(10), shownMs(20), shownMs(100)]],
    'Consumers A': [[2]],
    'Requests per second by route A': [
      [point(0), 'shop/storefront', 90 / 20],
      [point(20), 'shop/storefront', 20 / 20],
      [point(40), 'no route', 10 / 20],
    ],
    'Error rate by route A': [
      [point(0), 'shop/storefront', 6 / 90],
      [point(20), 'shop/storefront', 0],
      [point(40), 'no route', 0],
    ],
    // Ranks 45, 86 and 90 of 60, 24 and 6.
    'Latency over time A': [
      [point(0), shownMs(10), shownMs(100), shownMs(100)],
      [point(20), shownMs(1), shownMs(1), shownMs(1)],
      [point(40), shownMs(1), shownMs(1), shownMs(1)],
    ],
    'p99 latency by route A': [
      [point(0), 'shop/storefront', shownMs(100)],
      [point(20), 'shop/storefront', shownMs(1)],
      [point(40), 'no route', shownMs(1)],
    ],
    'Status classes A': [
      [point(0), '2xx', 84 / 20],
      [point(0), '5xx', 6 / 20],
      [point(20), '4xx', 20 / 20],
      [point(40), '4xx', 10 / 20],
    ],
    'Requests per second by revision A': [
      [point(0), '1-7', 66 / 20],
      [point(0), '1-8', 24 / 20],
      [point(20), '1-8', 20 / 20],
      [point(40), '1-8', 10 / 20],
    ],
    'Routes A': [
      [
        ...['shop/storefront', 'shop/storefront', 110, 110 / 60, 6 / 110],
        ...[shownMs(10), shownMs(100), shownMs(100), 600, 7_200],
      ],
      ['no route', '-', 10, 10 / 60, 0, shownMs(1), shownMs(1), shownMs(1), 0, 0],
    ],
    'Top consumers A': [
      ['shop/acme', 66, 66 / 60, 6 / 66, 0, shownMs(100)],
      ['anonymous', 34, 34 / 60, 0, 0, shownMs(20)],
      ['shop/globex', 20, 20 / 60, 0, 20, shownMs(1)],
    ],
    'Why requests ended otherwise A': [
      ['limited', 'shop/storefront', 20, 20 / 120],
      ['no_route', 'no route', 10, 10 / 120],
      ['upstream_reset', 'shop/storefront', 6, 6 / 120],
    ],
    'Bytes A': [
      [point(0), 600 / 20, 7_200 / 20],
      [point(20), 0, 0],
      [point(40), 0, 0],
    ],
    'Latest requests A': [
      record(25, '/', 200, 'ok', 40, 9, '1-8', 'r3', 't3'),
      record(15, '/cart', 503, 'upstream_refused', 2, 0, '1-8', 'r2', 't2'),
      record(5, '/', 200, 'ok', 10, 9, '1-7', 'r1', 't1'),
    ],
    'Slowest requests A': [
      [recordTime(25), '/', 'shop/storefront', 200, 40, 't3'],
      [recordTime(5), '/', 'shop/storefront', 200, 10, 't1'],
    ],
    // The record of /cart stands for two requests.
    'Paths A': [
      ['GET', '/', 2, 2 / 60, 0],
      ['GET', '/cart', 2, 2 / 60, 1],
    ],
    '$route variable': [['no route'], ['shop/storefront']],
    '$consumer variable': [['anonymous'], ['shop/acme'], ['shop/globex']],
  },
  'Mesh health': {
    ...HEALTH_EXPECTED,
    'Edges A': [
      [
        ...['Gateway/shop/edge', 'shop/storefront', 110, 110 / 60, 6 / 110],
        ...[shownMs(10), shownMs(100)],
      ],
      ['shop/storefront', 'shop/catalog', 96, 96 / 60, 0, shownMs(5), shownMs(5)],
      ['shop/orders', 'shop/payments', 4, 4 / 60, 1, shownMs(2), shownMs(2)],
      ['unknown', 'shop/payments', 2, 2 / 60, 0, shownMs(8), shownMs(8)],
    ],
    // Catalog's own sidecar saw 95 of the 96: they stand beside each other.
    'Services A': [
      service('shop/storefront', 110, 6, [10, 100, 100], 0, null),
      service('shop/catalog', 96, 0, [5, 5, 5], 3, 95),
      service('shop/payments', 6, 4, [2, 8, 8], 0, 2),
      ['shop/reviews-v1', null, null, null, null, null, null, null, 7, 0],
    ],
    'Requests per second A': [
      [point(0), 'shop/catalog', 66 / 20],
      [point(0), 'shop/storefront', 90 / 20],
      [point(20), 'shop/catalog', 30 / 20],
      [point(20), 'shop/payments', 4 / 20],
      [point(20), 'shop/storefront', 20 / 20],
      [point(40), 'shop/payments', 2 / 20],
    ],
    'Error rate A': [
      [point(0), 'shop/catalog', 0],
      [point(0), 'shop/storefront', 6 / 90],
      [point(20), 'shop/catalog', 0],
      [point(20), 'shop/payments', 1],
      [point(20), 'shop/storefront', 0],
      [point(40), 'shop/payments', 0],
    ],
    'p99 latency A': [
      [point(0), 'shop/catalog', shownMs(5)],
      [point(0), 'shop/storefront', shownMs(100)],
      [point(20), 'shop/catalog', shownMs(5)],
      [point(20), 'shop/payments', shownMs(2)],
      [point(20), 'shop/storefront', shownMs(1)],
      [point(40), 'shop/payments', shownMs(8)],
    ],
    ...REFUSALS_EXPECTED,
    ...ROLLOUT_EXPECTED,
    ...PIPELINE_EXPECTED,
    '$service variable': [['shop/catalog'], ['shop/payments'], ['shop/storefront']],
  },
};

function record(
  seconds: number,
  path: string,
  status: number,
  reason: string,
  durationMs: number,
  upstreamMs: number,
  ...[revision, request, trace]: [string, string, string]
): Cells {
  return [
    ...[recordTime(seconds), 'GET', 'shop.test', path, status, reason, durationMs, upstreamMs],
    ...['shop/storefront', 'shop/acme', 'shop/storefront:80', '127.0.0.1:9001'],
    ...[revision, request, trace],
  ];
}

function service(
  name: string,
  calls: number,
  failed: number,
  quantilesMs: readonly [number, number, number],
  ...[retries, own]: [number, number | null]
): Cells {
  const [p50, p95, p99] = quantilesMs.map(shownMs) as [number, number, number];
  const ownErrorRate = own === null ? null : 0;
  return [name, calls, calls / 60, failed / calls, p50, p95, p99, retries, own, ownErrorRate];
}
