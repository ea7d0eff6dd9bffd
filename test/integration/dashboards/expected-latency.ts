/**
 * *Latency* at the edge over the minute of fill.ts: 60 of 10 ms, 24 of 20 ms and 6 of 100 ms in the
 * first point, 20 and 10 of 1 ms in the others.
 */
import type { Cells, Expected } from './expected.ts';
import { point, shownMs } from './fill.ts';

/** Upper bounds of the lines of the heat map, in the order of its columns. */
const LINES = [
  ...['0.51 ms', '1 ms', '2 ms', '4.1 ms', '8.2 ms', '16 ms', '33 ms', '65 ms', '130 ms'],
  ...['260 ms', '520 ms', '1 s', '2.1 s', '4.2 s', '8.4 s', '17 s', '34 s', 'more'],
];

export const LATENCY_EXPECTED: Expected = {
  'Requests by duration A': [
    line(0, { '16 ms': 60, '33 ms': 24, '130 ms': 6 }),
    line(20, { '1 ms': 20 }),
    line(40, { '1 ms': 10 }),
  ],
  // Ranks 45, 81, 86, 90 and 90 of 60, 24 and 6.
  'Quantiles over time A': [
    [point(0), ...[10, 20, 100, 100, 100].map(shownMs)],
    [point(20), ...[1, 1, 1, 1, 1].map(shownMs)],
    [point(40), ...[1, 1, 1, 1, 1].map(shownMs)],
  ],
  'Mean by route A': [
    [point(0), 'shop/storefront', (600 + 480 + 600) / 90],
    [point(20), 'shop/storefront', 1],
    [point(40), 'no route', 1],
  ],
  // r1: 9 ms of 10 upstream. r2, twice: 0.5 waiting and 0.3 connecting of 2. r3: 1 and 9 of 40.
  'Where the time goes A': [
    [point(0), (2 * 0.5) / 3, (2 * 0.3) / 3, 9 / 3, (1 + 2 * 1.2) / 3],
    [point(20), 0, 1, 9, 30],
  ],
  // Ranks 55, 99, 105, 109 and 110 of 20 of 1 ms, 60 of 10 ms, 24 of 20 ms and 6 of 100 ms.
  'Latency by route and service A': [
    [
      ...['shop/storefront', 'shop/storefront', 110, (600 + 480 + 600 + 20) / 110],
      ...[10, 20, 100, 100, 100].map(shownMs),
    ],
    ['no route', '-', 10, 1, ...[1, 1, 1, 1, 1].map(shownMs)],
  ],
  '$route variable': [['no route'], ['shop/storefront']],
  '$service variable': [['shop/catalog'], ['shop/payments'], ['shop/storefront']],
  '$consumer variable': [['anonymous'], ['shop/acme'], ['shop/globex']],
};

function line(seconds: number, counts: Readonly<Record<string, number>>): Cells {
  return [point(seconds), ...LINES.map((name) => counts[name] ?? 0)];
}

export { LINES as HEATMAP_LINES };
