import { uniqueMesh } from '#test/parts.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Good, Selector } from '../../../services/alerting/objective.ts';
import { readCounts } from '../../../services/alerting/counts.ts';
import { type Query, readProgress } from '../../../services/alerting/rollup.ts';
import { Feed, type Requests, sqlTime } from './feed.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** The end of every window: a step after a whole minute, an hour ago. */
const UNTIL = Math.floor(Date.now() / MINUTE) * MINUTE - HOUR + 10_000;
const GOOD: Good = { by: 'class', classes: ['2xx', '4xx'] };

let feed: Feed;
let query: Query;

/** Requests from orders to payments on the route `shop/pay` unless said otherwise. */
const at = (beforeMs: number, requests: number, rest: Partial<Requests> = {}): Requests => ({
  timeMs: UNTIL - beforeMs,
  source: 'shop/orders',
  destination: 'shop/payments',
  statusClass: '2xx',
  route: 'shop/pay',
  requests,
  ...rest,
});

beforeAll(async () => {
  feed = await Feed.create(uniqueMesh());
  query = (sql, parameters) => feed.clickhouse.query(sql, parameters);
  await feed.send([
    at(4_000, 7),
    at(4_000, 3, { statusClass: '5xx' }),
    at(4_000, 2, { statusClass: '4xx' }),
    at(4_000, 5, { source: 'shop/refunds', route: 'shop/refund', statusClass: 'none' }),
    at(4_000, 1_000, { destination: 'shop/catalog', source: 'shop/storefront', route: 'shop/c' }),
    // The first step before, then the last of the minute rollup, then further back.
    at(12_000, 20),
    at(2 * MINUTE, 40, { statusClass: '5xx' }),
    at(5 * HOUR, 100),
    at(7 * HOUR, 300, { statusClass: '5xx' }),
    at(25 * HOUR, 9_999),
    at(40 * 24 * HOUR, 500),
    at(4_000, 60, { destination: 'shop/slow', route: 'shop/s', consumer: 'shop/ann' }),
    at(4_000, 30, { destination: 'shop/slow', route: 'shop/s', durationUs: 240_000 }),
    at(4_000, 8, { destination: 'shop/slow', route: 'shop/s', durationUs: 260_000 }),
    at(4_000, 2, { destination: 'shop/slow', route: 'shop/s', statusClass: '5xx' }),
    at(7 * HOUR, 100, { destination: 'shop/slow', route: 'shop/s', durationUs: 900_000 }),
    // At the very end, so outside of every window.
    at(0, 77),
  ]);
});
afterAll(() => feed.stop());

const counts = async (selector: Selector, windowsMs: number[]) => {
  const [found] = await readCounts(query, [{ selector, good: GOOD, windowsMs }], UNTIL);
  return windowsMs.map((windowMs) => {
    const { good, total } = found?.get(windowMs) ?? { good: -1, total: -1 };
    return [good, total];
  });
};

describe('counts of requests in windows', () => {
  test('of a service, whoever calls it', async () => {
    const selector: Selector = { by: 'service', service: 'shop/payments' };
    expect(await counts(selector, [10_000, 20_000, 5 * MINUTE, 6 * HOUR, 8 * HOUR])).toEqual([
      [9, 17],
      [29, 37],
      [29, 77],
      [129, 177],
      // From the minute rollup and the tail after its last whole minute.
      [129, 477],
    ]);
    expect(await counts(selector, [24 * HOUR])).toEqual([[129, 477]]);
    // The last from the hour rollup, and the tails after its last whole hour and minute.
    const days = [30, 31, 35, 45].map((each) => each * 24 * HOUR);
    expect(await counts(selector, days)).toEqual([
      [10_128, 10_476],
      [10_128, 10_476],
      [10_128, 10_476],
      [10_628, 10_976],
    ]);
  });

  test('of an edge', async () => {
    const edge = (source: string): Selector => ({
      by: 'edge',
      source,
      destination: 'shop/payments',
    });
    expect(await counts(edge('shop/orders'), [10_000, 8 * HOUR])).toEqual([
      [9, 12],
      [129, 472],
    ]);
    expect(await counts(edge('shop/refunds'), [10_000])).toEqual([[0, 5]]);
  });

  test('of a route', async () => {
    expect(await counts({ by: 'route', route: 'shop/c' }, [10_000])).toEqual([[1_000, 1_000]]);
    expect(await counts({ by: 'route', route: 'shop/refund' }, [10_000, 9 * HOUR])).toEqual([
      [0, 5],
      [0, 5],
    ]);
  });

  test('of a consumer', async () => {
    const selector: Selector = { by: 'consumer', consumer: 'shop/ann' };
    expect(await counts(selector, [10_000, 8 * HOUR])).toEqual([
      [60, 60],
      [60, 60],
    ]);
  });

  test('that were fast enough, of all or of some status classes', async () => {
    const fast = async (atMostMs: number, of?: string[]): Promise<unknown> => {
      const good: Good = { by: 'duration', atMostUs: atMostMs * 1_000, ...(of && { of }) };
      const selector: Selector = { by: 'service', service: 'shop/slow' };
      const windowsMs = [10_000, 8 * HOUR];
      const [found] = await readCounts(query, [{ selector, good, windowsMs }], UNTIL);
      return [...(found?.values() ?? [])].map(({ good: fine, total }) => [fine, total]);
    };
    expect(await fast(250)).toEqual([
      [92, 100],
      [92, 200],
    ]);
    expect(await fast(250, ['2xx'])).toEqual([
      [90, 98],
      [90, 198],
    ]);
    expect(await fast(0.5)).toEqual([
      [0, 100],
      [0, 200],
    ]);
    expect(await fast(1_000)).toEqual([
      [100, 100],
      [200, 200],
    ]);
  });

  test('of many objectives at once are those of each by itself', async () => {
    const selectors: Selector[] = [
      { by: 'service', service: 'shop/payments' },
      { by: 'service', service: 'shop/none' },
      ...Array.from({ length: 9 }, (_, i): Selector => ({ by: 'service', service: `shop/s${i}` })),
      { by: 'edge', source: 'shop/refunds', destination: 'shop/payments' },
      { by: 'route', route: 'shop/pay' },
      { by: 'consumer', consumer: 'shop/ann' },
    ];
    const goods: Good[] = [
      GOOD,
      { by: 'class', classes: ['5xx'] },
      { by: 'duration', atMostUs: 250_000 },
      { by: 'duration', atMostUs: 500 },
    ];
    const requests = selectors.flatMap((selector) =>
      goods.map((good, i) => {
        // Each with windows of its own, more than one query asks for.
        const own = Array.from({ length: 20 }, (_, at) => (i * 20 + at + 1) * 10_000);
        return { selector, good, windowsMs: [...own, 7 * HOUR + i * MINUTE, 8 * HOUR] };
      }),
    );
    let queries = 0;
    const counted: Query = (sql, parameters) => {
      queries += 1;
      return query(sql, parameters);
    };
    const together = await readCounts(counted, requests, UNTIL);
    const asked = queries;
    for (const [i, request] of requests.entries()) {
      const [alone] = await readCounts(counted, [request], UNTIL);
      expect(together[i]).toEqual(alone);
      expect([...(alone?.keys() ?? [])]).toEqual(request.windowsMs);
    }
    expect(asked).toBeLessThan((queries - asked) / 4);
  });

  test('of what was never called', async () => {
    expect(await counts({ by: 'service', service: 'shop/none' }, [10_000])).toEqual([[0, 0]]);
  });
});

test('progress is what the ledger says of each worker, and whether it has ended', async () => {
  const mesh = await Feed.create(uniqueMesh());
  const read = () => readProgress((sql, parameters) => mesh.clickhouse.query(sql, parameters));
  try {
    expect(await read()).toEqual([]);
    const nowMs = Math.floor(Date.now() / 10_000) * 10_000;
    const block = (stream: string, instance: string, seq: number, ageMs: number, end = 0) => {
      const time = sqlTime(nowMs - ageMs);
      return { stream, instance, seq, max_time: time, time, end };
    };
    await mesh.clickhouse.insertRows(
      'blocks',
      [
        block('metrics', 'a', 1, 20_000),
        block('metrics', 'a', 2, 10_000),
        block('access', 'a', 1, 0),
        block('metrics', 'b', 1, 30_000),
        block('metrics', 'b', 2, 29_000, 1),
        block('metrics', 'old', 1, 4_000_000),
      ],
      'progress',
    );
    const found = await read();
    expect(found.toSorted((a, b) => a.newestMs - b.newestMs)).toEqual([
      { newestMs: nowMs - 29_000, ended: true },
      { newestMs: nowMs - 10_000, ended: false },
    ]);
  } finally {
    await mesh.stop();
  }
});
