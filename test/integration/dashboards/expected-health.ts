/**
 * Health at the end of the minute of fill.ts, over the five minutes before it: with the 1,000 calls
 * of the edge that are just outside of the minute.
 */
import type { Cells, Expected } from './expected.ts';
import { shownMs } from './fill.ts';

const WELL = 'None of the other rules holds.';
const FEW = 'Too few calls to decide anything.';
const IDLE = 'Proxies live, and nobody calls.';

/** Both ends of every edge; only what is called has a rate, and it is that of the minute. */
const NODES: readonly Cells[] = [
  node('Gateway/shop/edge', 0, 0, ['green', 'healthy', WELL]),
  node('shop/catalog', 96, 0, ['green', 'healthy', WELL]),
  node('shop/orders', 0, 0, ['green', 'healthy', FEW]),
  node('shop/payments', 6, 4 / 6, ['green', 'healthy', FEW]),
  node('shop/storefront', 110, 6 / 110, ['green', 'healthy', WELL]),
  // Of what is outside of the mesh nothing is known.
  node('unknown', 0, 0, ['gray', '', '']),
];

const EDGES: readonly Cells[] = [
  edge(['Gateway/shop/edge', 'shop/storefront'], [110, 100, 6 / 110], WELL),
  // All four calls failed, and four decide nothing.
  edge(['shop/orders', 'shop/payments'], [4, 2, 1], FEW),
  edge(['shop/storefront', 'shop/catalog'], [96, 5, 0], WELL),
  edge(['unknown', 'shop/payments'], [2, 8, 0], FEW),
];

export const HEALTH_EXPECTED: Expected = {
  'Service graph nodes': NODES,
  'Service graph edges': EDGES,
  'Health of services A': [
    ['shop/idle', 'no_traffic', IDLE, ...judged(0, 0, 0, 0, 0), 0, 'sent', 10],
    // Rank 1,099 of 1,110 is among the 24 of 20 ms.
    ['Gateway/shop/edge', 'healthy', WELL, ...judged(1_110, 6, 20, 0, 0), 0, 'sent', 20],
    ['shop/storefront', 'healthy', WELL, ...judged(1_110, 6, 20, 0, 0), 0, 'callers', 20],
    ['shop/catalog', 'healthy', WELL, ...judged(96, 0, 5, 95, 0), 0, 'callers', 30],
    ['shop/reviews-v1', 'healthy', FEW, ...judged(7, 0, 4, 7, 0), 0, 'own', 50],
    // Its own sidecar saw the two from outside and none of the four that were refused.
    ['shop/payments', 'healthy', FEW, ...judged(6, 4, 8, 2, 1), 0, 'callers', 0],
    ['shop/orders', 'healthy', FEW, ...judged(4, 4, 2, 0, 0), 0, 'sent', 30],
  ],
  'Health of edges A': [
    ['Gateway/shop/edge', 'shop/storefront', 'healthy', WELL, ...judged(1_110, 6, 20, 0, 0), 20],
    ['shop/storefront', 'shop/catalog', 'healthy', WELL, ...judged(96, 0, 5, 95, 0), 30],
    ['shop/orders', 'shop/payments', 'healthy', FEW, ...judged(4, 4, 2, 2, 1), 30],
    ['unknown', 'shop/payments', 'healthy', FEW, ...judged(2, 0, 8, 2, 0), 0],
  ],
};

function node(name: string, calls: number, share: number, health: Cells): Cells {
  return [name, name, calls / 60, share, ...health];
}

function edge(
  [source, target]: [string, string],
  [calls, p99, errorRate]: [number, number, number],
  why: string,
): Cells {
  const numbers = [calls / 60, shownMs(p99), errorRate];
  return [`${source} -> ${target}`, source, target, ...numbers, 'green', 'healthy', why];
}

/** Calls, error rate, p99, usual p99 (of an hour that had none), what it saw itself, unseen. */
function judged(calls: number, failed: number, p99: number, own: number, unseen: number): Cells {
  const p99Ms = p99 === 0 ? 0 : shownMs(p99);
  return [calls, calls === 0 ? 0 : failed / calls, p99Ms, 0, own, unseen];
}
