import type { ClickHouse } from '#platform/clickhouse.ts';
import { uniqueMesh } from '#test/parts.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { healthAt } from '../../../services/analytics/api/health.ts';
import { BOARDS, queriesOf } from '../../../dashboards/grafana/boards.ts';
import { type Expansion, expandSql } from '../../../dashboards/grafana/macros.ts';
import { isSql } from '../../../dashboards/grafana/queries.ts';
import { HEATMAP_LINES } from './expected-latency.ts';
import { TROUBLE_EXPECTED } from './expected-trouble.ts';
import { ANNOTATIONS_EXPECTED, EXPECTED, type Expected } from './expected.ts';
import { FROM_MS, TO_MS, fill, point, shownMs } from './fill.ts';

const ALL: Expansion = {
  fromMs: FROM_MS,
  toMs: TO_MS,
  intervalMs: 15_000,
  variables: { direction: ['edge'], route: 'all', consumer: 'all', service: 'all', proxy: 'all' },
};

let clickhouse: ClickHouse;
beforeAll(async () => {
  clickhouse = await fill(uniqueMesh());
});
afterAll(async () => {
  await clickhouse.command(`DROP DATABASE ${clickhouse.database}`);
  await clickhouse.close();
});

const expectedOf = (board: string): Expected => ({ ...EXPECTED[board], ...ANNOTATIONS_EXPECTED });
const queries = Object.values(BOARDS).flatMap(queriesOf);
const titleOf = (query: { panel: string; refId: string }) => `${query.panel} ${query.refId}`;

/** Rows of the answer, as lists of cells. */
async function answer(sql: string, expansion: Expansion): Promise<unknown[][]> {
  return (await clickhouse.table(expandSql(sql, expansion))).rows;
}

/** Numbers equal to nine decimals; everything else exactly. */
function expectRows(found: readonly unknown[][], expected: readonly (readonly unknown[])[]): void {
  expect(found.map(rounded)).toEqual(expected.map(rounded));
}

function rounded(row: readonly unknown[]): unknown[] {
  return row.map((cell) => (typeof cell === 'number' ? Number(cell.toFixed(9)) : cell));
}

test('a duration is shown within 1 % of what it was', () => {
  for (const ms of [1, 2, 5, 8, 10, 20, 100]) {
    expect(Math.abs(shownMs(ms) / ms - 1)).toBeLessThan(0.01);
  }
});

/** Every value one by one, which must be the same as all of them. */
const EACH: Expansion = {
  ...ALL,
  variables: {
    direction: ['edge'],
    route: ['no route', 'shop/storefront'],
    consumer: ['anonymous', 'shop/acme', 'shop/globex'],
    // Callers too, by which *Service* finds what a service calls.
    service: [
      ...['', 'shop/catalog', 'shop/payments', 'shop/reviews-v1', 'shop/storefront'],
      ...['Gateway/shop/edge', 'shop/orders', 'shop/idle', 'unknown'],
    ],
    proxy: ['a', 'b', 'c'],
  },
};

describe('every query of every board answers what was put in', () => {
  const cases = queries.map((query) => [query.board, titleOf(query), query] as const);
  test.each(cases)('%s: %s', async (board, title, query) => {
    const expected = expectedOf(board)[title];
    if (expected === undefined) throw new Error('say in expected.ts what this panel shows');
    expectRows(await answer(query.sql, ALL), expected);
    expectRows(await answer(query.sql, EACH), expected);
  });

  test('and no answer is expected of a panel that is gone', () => {
    const expected = Object.keys(EXPECTED).flatMap((board) =>
      Object.keys(expectedOf(board)).map((panel) => `${board}: ${panel}`),
    );
    const asked = queries.map((query) => `${query.board}: ${titleOf(query)}`);
    expect(expected.toSorted()).toEqual(asked.toSorted());
  });
});

const sqlOf = (board: string, panel: string): string => {
  const found = queries.find((query) => query.board === board && titleOf(query) === panel);
  if (found === undefined) throw new Error(`no ${panel}`);
  return found.sql;
};

test('the board says of every service and edge what the API says', async () => {
  const { services, edges } = await healthAt(clickhouse, TO_MS);
  const ofServices = await answer(sqlOf('Mesh health', 'Health of services A'), ALL);
  expect(ofServices.map(([name, state]) => [name, state])).toEqual(
    services.map(({ name, health }) => [name, health.state]),
  );
  const ofEdges = await answer(sqlOf('Mesh health', 'Health of edges A'), ALL);
  expect(ofEdges.map(([source, destination, state]) => [source, destination, state])).toEqual(
    edges.map(({ source, destination, health }) => [source, destination, health.state]),
  );
});

const trouble = Object.entries(TROUBLE_EXPECTED).flatMap(([board, panels]) =>
  Object.entries(panels).map(([panel, rows]) => [board, panel, rows] as const),
);
test.each(trouble)('in the minute of trouble: %s: %s', async (board, panel, rows) => {
  const minute = { ...ALL, fromMs: FROM_MS + 600_000, toMs: TO_MS + 600_000 };
  expectRows(await answer(sqlOf(board, panel), minute), rows);
});

test('the lines of the heat map are named by their upper bounds, from the lowest up', async () => {
  const sql = expandSql(sqlOf('Latency', 'Requests by duration A'), ALL);
  const { columns } = await clickhouse.table(sql);
  expect(columns.map(({ name }) => name)).toEqual(['point', ...HEATMAP_LINES]);
});

test('sums over a range are the same to 10 s, wherever it begins and ends', async () => {
  const firstS = Math.floor((TO_MS - 10 * 86_400_000) / 3_600_000) * 3_600;
  const steps = 1_500;
  await clickhouse.command(
    `INSERT INTO routes_10s (time, route, consumer, direction, status_class, requests)
     SELECT ${firstS} + number * 10, 'shop/x', 'each', 'edge', '2xx', 1 FROM numbers(${steps})`,
  );
  // In seconds: within a minute, an hour, over its edge, whole hours, and hours with both ends.
  const ranges = [
    ...[
      [0, 0],
      [1, 9],
      [20, 40],
      [55, 65],
      [60, 119],
      [61, 3_500],
      [3_599, 3_600],
    ],
    ...[
      [0, 3_599],
      [3_600, 10_799],
      [10, 7_230],
      [3_590, 7_200],
      [5_011, 14_444],
      [0, 14_999],
    ],
  ];
  for (const [from = 0, to = 0] of ranges) {
    const range = { ...ALL, fromMs: (firstS + from) * 1_000, toMs: (firstS + to) * 1_000 };
    const rows = await answer(sqlOf('API analytics', 'Requests A'), range);
    const inRange = Array.from({ length: steps }, (_, step) => step * 10).filter(
      (at) => at >= from && at <= to,
    );
    expect([from, to, rows]).toEqual([from, to, [[inRange.length]]]);
  }
});

describe('a board reads the rollup that fits its range', () => {
  const HOUR_MS = 3_600_000;
  /** What is put into one table comes into the coarser ones too, and into no finer one. */
  const only = (table: string, consumer: string, agoMs: number) =>
    clickhouse.command(
      `INSERT INTO ${table} (time, route, consumer, direction, status_class, requests)
       VALUES (${Math.floor((TO_MS - agoMs) / HOUR_MS) * 3_600}, 'shop/x', '${consumer}', 'edge',
         '2xx', 7)`,
    );
  const consumers = async (rangeMs: number): Promise<unknown[]> => {
    const range = { ...ALL, fromMs: TO_MS - rangeMs, intervalMs: rangeMs / 1_000 };
    const rows = await answer(sqlOf('Consumers', 'Requests per second by consumer A'), range);
    const names = new Set(rows.map(([, consumer]) => String(consumer)));
    return [...names].filter((name) => name.startsWith('only')).toSorted();
  };

  test('up to 6 hours, up to 14 days, and beyond', async () => {
    await only('routes_10s', 'only-10s', 2 * HOUR_MS);
    await only('routes_1m', 'only-1m', 2 * HOUR_MS);
    await only('routes_1h', 'only-1h', 2 * HOUR_MS);
    await only('routes_1h', 'only-old', 20 * 24 * HOUR_MS);
    expect(await consumers(6 * HOUR_MS)).toEqual(['only-10s']);
    expect(await consumers(6 * HOUR_MS + 10_000)).toEqual(['only-10s', 'only-1m']);
    expect(await consumers(13 * 24 * HOUR_MS)).toEqual(['only-10s', 'only-1m']);
    expect(await consumers(15 * 24 * HOUR_MS)).toEqual(['only-10s', 'only-1h', 'only-1m']);
    expect(await consumers(30 * 24 * HOUR_MS)).toEqual([
      ...['only-10s', 'only-1h', 'only-1m', 'only-old'],
    ]);
  });

  test('points are whole rows of it, whatever Grafana would like', async () => {
    const points = async (rangeMs: number): Promise<number[]> => {
      const range = { ...ALL, fromMs: TO_MS - rangeMs, intervalMs: 1_000 };
      const rows = await answer(sqlOf('API analytics', 'Requests per second by route A'), range);
      return rows.map(([point]) => Date.parse(String(point)));
    };
    for (const [rangeMs, stepMs] of [
      [6 * HOUR_MS, 10_000],
      [24 * HOUR_MS, 60_000],
      [30 * 24 * HOUR_MS, HOUR_MS],
    ] as const) {
      const found = await points(rangeMs);
      expect(found.length).toBeGreaterThan(0);
      expect(found.map((ms) => ms % stepMs)).toEqual(found.map(() => 0));
    }
  });
});

describe('what is chosen in the variables', () => {
  const chosen = (variables: Expansion['variables']): Expansion => ({
    ...ALL,
    variables: { ...ALL.variables, ...variables },
  });

  test('narrows routes and consumers', async () => {
    const acme = chosen({ route: ['shop/storefront'], consumer: ['shop/acme', 'shop/globex'] });
    const sql = sqlOf('API analytics', 'Top consumers A');
    expectRows(await answer(sql, acme), [
      ['shop/acme', 66, 66 / 60, 6 / 66, 0, shownMs(100)],
      ['shop/globex', 20, 20 / 60, 0, 20, shownMs(1)],
    ]);
    const unnamed = chosen({ route: ['no route'], consumer: ['anonymous'] });
    expectRows(await answer(sql, unnamed), [['anonymous', 10, 10 / 60, 0, 0, shownMs(1)]]);
    const nobody = chosen({ route: ["it's none"] });
    expect(await answer(sqlOf('API analytics', 'Requests A'), nobody)).toEqual([[0]]);
    expect(await answer(sqlOf('API analytics', 'Error rate A'), nobody)).toEqual([[0]]);
    expect(await answer(sqlOf('API analytics', 'Latency A'), nobody)).toEqual([[0, 0, 0]]);
  });

  test('counts one direction at a time', async () => {
    const sql = sqlOf('API analytics', 'Requests A');
    expect(await answer(sql, chosen({ direction: ['outbound'] }))).toEqual([[100]]);
    expect(await answer(sql, chosen({ direction: ['inbound'] }))).toEqual([[2]]);
  });

  test('narrows proxies', async () => {
    const b = chosen({ proxy: ['b'] });
    expectRows(await answer(sqlOf('Pipeline health', 'Lag by proxy A'), b), [
      [point(0), 'b', 1],
      [point(40), 'b', 1],
    ]);
    const workers = await answer(sqlOf('Pipeline health', 'Accounting by worker A'), b);
    expect(workers.map(([proxy]) => proxy)).toEqual(['b']);
    expect(await answer(sqlOf('Pipeline health', 'Age of the newest data A'), b)).toEqual([
      [14, null],
    ]);
  });

  test('tells callers of a service from what it calls', async () => {
    const storefront = chosen({ service: ['shop/storefront'] });
    expectRows(await answer(sqlOf('Service', 'Who calls it A'), storefront), [
      ['Gateway/shop/edge', 'shop/storefront', 110, 6 / 110, shownMs(100), 0],
    ]);
    expectRows(await answer(sqlOf('Service', 'What it calls A'), storefront), [
      ['shop/storefront', 'shop/catalog', 96, 0, shownMs(5), 3],
    ]);
  });

  test('narrows services', async () => {
    const payments = chosen({ service: ['shop/payments'] });
    expectRows(await answer(sqlOf('Mesh health', 'Services A'), payments), [
      ['shop/payments', 6, 6 / 60, 4 / 6, shownMs(2), shownMs(8), shownMs(8), 0, 2, 0],
    ]);
  });
});

const tables = Object.values(BOARDS).flatMap((board) =>
  board.rows
    .flatMap(({ panels }) => panels)
    .flatMap((panel) =>
      panel.kind === 'table' && panel.queries.every(isSql)
        ? [[board.title, panel.title, panel] as const]
        : [],
    ),
);
test.each(tables)('every number of the table has a unit: %s: %s', async (_board, _title, panel) => {
  for (const { sql } of panel.queries.filter(isSql)) {
    const { columns } = await clickhouse.table(expandSql(sql, ALL));
    const numbers = columns.filter(({ type }) => /^(Nullable\()?(U?Int|Float|Decimal)/.test(type));
    const without = numbers.filter(({ name }) => panel.units[name] === undefined);
    expect(without).toEqual([]);
  }
});

test('points are whole steps of the rollup, whatever interval Grafana asks for', async () => {
  const sql = queries.find(({ panel }) => panel === 'Bytes')?.sql ?? '';
  const seconds = async (intervalMs: number) =>
    (await answer(sql, { ...ALL, intervalMs })).map(([time]) => time);
  expect(await seconds(1_000)).toEqual([point(0), point(10), point(30), point(40)]);
  expect(await seconds(10_000)).toEqual([point(0), point(10), point(30), point(40)]);
  expect(await seconds(30_000)).toEqual([point(0), point(30)]);
});
