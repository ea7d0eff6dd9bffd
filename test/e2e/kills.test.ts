import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProxyList } from '#contracts/api/config.ts';
import { REQUEST_ID_SQL } from '#contracts/record.ts';
import { type Load, startLoad } from '#demo/load.ts';
import { GATEWAY_PROXY, GATEWAY_WORKERS } from '#demo/topology.ts';
import { eventually } from '#test/eventually.ts';
import { type TestShop, childrenOf, sendThroughEdge, startTestShop } from '#test/shop.ts';

/** Requests that may be in flight in a worker when it is killed: these cannot be saved. */
const IN_FLIGHT_MAX = 20;

let test: TestShop;
let load: Load;
beforeAll(async () => {
  test = await startTestShop();
  load = startLoad({ target: test.shop.urls.edge, requestsPerSecond: 40 });
}, 120_000);
afterAll(async () => {
  load?.stop();
  await test?.stop();
});

function failures(): number {
  return [...load.answers].reduce(
    (sum, [status, n]) => sum + (status >= 200 && status < 300 ? 0 : n),
    0,
  );
}

function answered(): number {
  return [...load.answers.values()].reduce((sum, n) => sum + n, 0);
}

/** Traffic went on: this many more answers came, and none of them failed. */
async function flowsOn(more: number): Promise<void> {
  const [before, failed] = [answered(), failures()];
  await eventually(() => (answered() >= before + more ? true : undefined), {
    timeoutMs: 30_000,
    what: `${more} more answers`,
  });
  expect(failures()).toBe(failed);
}

describe('kill -9 under traffic', () => {
  it('of a gateway worker: another one takes its place', async () => {
    await flowsOn(40);
    const failed = failures();
    const supervisor = test.shop.group.pid(GATEWAY_PROXY) ?? 0;
    const workers = childrenOf(supervisor);
    expect(workers).toHaveLength(GATEWAY_WORKERS);
    process.kill(workers[0] ?? 0, 'SIGKILL');
    const heirs = await eventually(
      () => {
        const now = childrenOf(supervisor);
        const all = now.length === GATEWAY_WORKERS && !now.includes(workers[0] ?? 0);
        return all ? now : undefined;
      },
      { timeoutMs: 5_000, what: 'a new worker' },
    );
    expect(heirs).toContain(workers[1]);
    expect(failures() - failed).toBeLessThanOrEqual(IN_FLIGHT_MAX);
    await flowsOn(80);
    expect(test.shop.group.pid(GATEWAY_PROXY)).toBe(supervisor);
  });

  it.each(['config', 'analytics'] as const)('of %s: traffic does not notice', async (service) => {
    const before = test.shop.group.pid(service);
    await test.shop.group.kill(service, 'SIGKILL');
    await flowsOn(80);
    await test.shop.group.restarted(service, before, 30_000);
    const response = await eventually(
      async () => {
        const answer = await fetch(`${test.shop.urls[service]}/readyz`);
        return answer.ok ? answer : undefined;
      },
      { timeoutMs: 30_000, what: `${service} to be ready` },
    );
    expect(response.status).toBe(200);
    await flowsOn(40);
  });

  it('config knows every proxy and revision again', async () => {
    const items = await eventually(
      async () => {
        const { items } = (await (
          await fetch(`${test.shop.urls.config}/v1/proxies`)
        ).json()) as ProxyList;
        return items.every((each) => each.state === 'up' && each.behind === 0) ? items : undefined;
      },
      { timeoutMs: 20_000, what: 'every proxy up' },
    );
    expect(items.length).toBeGreaterThan(1);
    const history = await test.windrose('history', '-o', 'json');
    expect(history.status).toBe(0);
  });

  it('and every record is accounted for', async () => {
    load.stop();
    const last = await sendThroughEdge(test.shop.urls.edge, 20);
    expect(last.byStatus).toEqual({ 200: 20 });
    const audit = await eventually(
      async () => {
        const result = await test.windrose('audit');
        return result.status === 0 ? result : undefined;
      },
      { timeoutMs: 40_000, what: 'an audit that adds up', everyMs: 1_000 },
    );
    expect(audit.stdout).toContain(GATEWAY_PROXY);
    const [sums] = await test.sql<{ records: number; ids: number }>(
      `SELECT count() AS records, uniqExact(${REQUEST_ID_SQL}) AS ids FROM records
       WHERE direction = 'edge'`,
    );
    // Nothing twice: every request through the edge has an id of its own.
    expect(sums?.records).toBe(sums?.ids);
  });
});
