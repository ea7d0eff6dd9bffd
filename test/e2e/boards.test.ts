import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO_KEYS } from '#demo/topology.ts';
import { eventually } from '#test/eventually.ts';
import { type TestShop, sendThroughEdge, startTestShop } from '#test/shop.ts';
import { BOARDS, queriesOf } from '../../dashboards/grafana/boards.ts';
import { expandSql } from '../../dashboards/grafana/macros.ts';

/** What this test sends: browsing by all consumers, and what the edge refuses. */
const BROWSED = 60;
const WITHOUT_KEY = 7;
const NO_ROUTE = 5;
const EDGE = BROWSED + WITHOUT_KEY + NO_ROUTE;
const STEP_MS = 10_000;

type Cell = string | number | null;
type Row = Record<string, Cell>;

const queries = Object.values(BOARDS).flatMap(queriesOf);

let test: TestShop;
let fromMs: number;
let sent: Record<number, number>;
beforeAll(async () => {
  test = await startTestShop();
  // Rollups hold whole steps of ten seconds: what this test sends begins with one of its own.
  const startMs = (Math.floor(Date.now() / STEP_MS) + 1) * STEP_MS;
  await eventually(() => (Date.now() >= startMs ? true : undefined), {
    timeoutMs: STEP_MS + 1_000,
    what: 'the next step of the rollups',
  });
  fromMs = startMs;
  const { edge } = test.shop.urls;
  const stranger = { headers: { 'x-api-key': 'none' } };
  sent = {
    ...(await sendThroughEdge(edge, BROWSED)).byStatus,
    ...(await sendThroughEdge(edge, WITHOUT_KEY, stranger)).byStatus,
    ...(await sendThroughEdge(edge, NO_ROUTE, { path: '/nowhere' })).byStatus,
  };
  await eventually(
    async () => {
      const [rollup] = await ask('API analytics', 'Requests');
      const [records] = await test.sql<{ n: number }>(
        `SELECT count() AS n FROM records WHERE direction = 'edge'
         AND time >= fromUnixTimestamp64Milli(${fromMs})`,
      );
      return firstOf(rollup) === EDGE && records?.n === EDGE ? true : undefined;
    },
    { timeoutMs: 30_000, what: 'all of it in ClickHouse' },
  );
}, 150_000);
afterAll(() => test?.stop());

function firstOf(row: Row | undefined): Cell | undefined {
  return row === undefined ? undefined : Object.values(row)[0];
}

function answer(sql: string, sinceMs = fromMs): Promise<Row[]> {
  return test.sql<Row>(
    expandSql(sql, {
      fromMs: sinceMs,
      toMs: Date.now() + STEP_MS,
      intervalMs: 15_000,
      variables: {
        ...{ direction: ['edge'], route: 'all', consumer: 'all', service: 'all', proxy: 'all' },
      },
    }),
  );
}

function ask(board: string, panel: string): Promise<Row[]> {
  const found = queries.find((query) => query.board === board && query.panel === panel);
  if (found === undefined) throw new Error(`${board} has no panel ${panel}`);
  return answer(found.sql);
}

/** Rows as lists, by the value of their first column. */
async function table(board: string, panel: string): Promise<Map<Cell, Cell[]>> {
  const rows = await ask(board, panel);
  return new Map(rows.map((row) => [firstOf(row) ?? null, Object.values(row)]));
}

/** What tells of failures only, of which this traffic has none. */
const QUIET = ['Why retries were made', 'Ejected endpoints'];
/** Revisions came before the traffic: they are marks of the time since the mesh began. */
const HOUR_MS = 3_600_000;

describe('boards over real traffic', () => {
  it.each(queries.map((query) => [query.board, `${query.panel} ${query.refId}`, query] as const))(
    '%s: %s has an answer',
    async (_board, _panel, query) => {
      const sinceMs = query.refId === 'annotation' ? fromMs - HOUR_MS : fromMs;
      const rows = await answer(query.sql, sinceMs);
      if (QUIET.includes(query.panel)) expect(rows).toEqual([]);
      else expect(rows.length).toBeGreaterThan(0);
    },
  );

  it('count every request at the edge, once', async () => {
    expect(sent).toEqual({ 200: BROWSED, 401: WITHOUT_KEY, 404: NO_ROUTE });
    expect(firstOf((await ask('API analytics', 'Requests'))[0])).toBe(EDGE);
    expect(firstOf((await ask('API analytics', 'Error rate'))[0])).toBe(0);
    const rows = (await ask('API analytics', 'Routes')).map((row) => Object.values(row));
    // A request without a key never got as far as a service.
    const shown = rows.map((row) => row.slice(0, 3));
    expect(shown.toSorted((a, b) => Number(a[2]) - Number(b[2]))).toEqual([
      ['no route', '-', NO_ROUTE],
      ['shop/storefront', '-', WITHOUT_KEY],
      ['shop/storefront', 'shop/storefront', BROWSED],
    ]);
  });

  it('tell the consumers apart', async () => {
    const consumers = await table('API analytics', 'Top consumers');
    const each = BROWSED / Object.keys(DEMO_KEYS).length;
    for (const name of Object.keys(DEMO_KEYS)) {
      expect(consumers.get(`shop/${name}`)?.[1]).toBe(each);
    }
    expect(consumers.get('anonymous')?.[1]).toBe(WITHOUT_KEY + NO_ROUTE);
  });

  it('say why requests ended otherwise', async () => {
    const reasons = await table('API analytics', 'Why requests ended otherwise');
    expect(reasons.get('unauthenticated')?.slice(1, 3)).toEqual(['shop/storefront', WITHOUT_KEY]);
    expect(reasons.get('no_route')?.slice(1, 3)).toEqual(['no route', NO_ROUTE]);
  });

  it('show who calls whom, from the callers alone', async () => {
    const rows = (await ask('Mesh health', 'Edges')).map((row) => Object.values(row));
    const requests = Object.fromEntries(rows.map(([from, to, count]) => [`${from} ${to}`, count]));
    expect(requests['Gateway/shop/edge shop/storefront']).toBe(BROWSED);
    expect(requests['shop/storefront shop/catalog']).toBe(BROWSED);
    expect(requests['shop/storefront shop/reviews']).toBe(BROWSED);
  });

  it('account for every worker', async () => {
    const rows = await ask('Mesh health', 'Accounting by worker');
    const proxies = new Set(rows.map((row) => firstOf(row)));
    for (const name of ['edge', 'storefront-1', 'catalog-1', 'reviews-v1-1']) {
      expect(proxies).toContain(name);
    }
  });
});
