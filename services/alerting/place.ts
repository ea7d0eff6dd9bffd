/** Where the requests of an objective stand in the rollups. */
import { bucketMiddleUs } from '#contracts/metrics.ts';
import { ROLLUPS } from '#contracts/tables.ts';
import type { Good, Selector } from './objective.ts';

export type Resolution = 'fine' | 'minute' | 'hour';

export const ROLLUP_TABLES = {
  edges: {
    fine: ROLLUPS.edges.table,
    minute: ROLLUPS.edgesMinute.table,
    hour: ROLLUPS.edgesHour.table,
  },
  routes: {
    fine: ROLLUPS.routes.table,
    minute: ROLLUPS.routesMinute.table,
    hour: ROLLUPS.routesHour.table,
  },
} as const;

/** `values`: of the columns, in their order. */
export function placeOf(selector: Selector): {
  rollup: keyof typeof ROLLUP_TABLES;
  columns: readonly [string, ...string[]];
  values: readonly string[];
} {
  switch (selector.by) {
    case 'service':
      return { rollup: 'edges', columns: ['destination'], values: [selector.service] };
    case 'edge': {
      const { destination, source } = selector;
      return {
        ...{ rollup: 'edges', columns: ['destination', 'source'] },
        values: [destination, source],
      };
    }
    case 'route':
      return { rollup: 'routes', columns: ['route'], values: [selector.route] };
    case 'consumer':
      return { rollup: 'routes', columns: ['consumer'], values: [selector.consumer] };
    default:
      return selector satisfies never;
  }
}

/** SQL: which requests of a group of rows count, and which of those are good. */
export function measureSql(good: Good): {
  total: string;
  good: string;
  parameters: { classes: readonly string[] };
} {
  const isOf = 'status_class IN {classes:Array(String)}';
  if (good.by === 'class') {
    const fine = `sumIf(requests, ${isOf})`;
    return { total: 'sum(requests)', good: fine, parameters: { classes: good.classes } };
  }
  const isCounted = good.of === undefined ? '1' : isOf;
  return {
    total: `sumIf(requests, ${isCounted})`,
    good: `sumIf(${fastSql(good.atMostUs)}, ${isCounted})`,
    parameters: { classes: good.of ?? [] },
  };
}

/** SQL: of a row's requests those that took no longer. */
export function fastSql(atMostUs: number): string {
  return `arraySum(mapValues(mapFilter((b, n) -> b <= ${bucketUpTo(atMostUs)}, durations)))`;
}

/** The last bucket whose middle is no longer than this: within 1 % of it (metrics.ts). */
export function bucketUpTo(atMostUs: number): number {
  let bucket = 0;
  while (bucketMiddleUs(bucket + 1) <= atMostUs) bucket++;
  return bucket;
}
