import { describe, expect, it } from 'vitest';
import type { AttemptResult } from '#proxy/exchange.ts';
import { HeaderList } from '#proxy/headers.ts';
import { Plane, failed, head, said } from './support/plane.ts';
import { NOW_MS, World, announced, gateway, own, route, rule, service } from './support/world.ts';

const A = announced('127.0.0.1');
const B = announced('127.0.0.2');

function plane(traffic: object = {}, ruleMore: object = {}, ...more: object[]): Plane {
  const targetRefs = [{ kind: 'Service', name: 'app' }];
  const world = new World(
    gateway('edge', [{}]),
    service('app'),
    route('r', { rules: [rule('/', 'app', ruleMore)] }),
    own('TrafficPolicy', 't', { targetRefs, loadBalancing: { type: 'RoundRobin' }, ...traffic }),
    ...more,
  );
  expect(world.findings).toEqual([]);
  return new Plane(world.snapshot).announce('shop/app', A, B);
}

/** Answers one after the other, the last one for ever. */
function inTurn(...answers: AttemptResult[]): () => AttemptResult {
  return () => (answers.length > 1 ? answers.shift() : answers[0]) ?? head();
}

function inFlight(from: Plane): number {
  return from.plane.endpoints().reduce((sum, endpoint) => sum + endpoint.inFlight, 0);
}

describe('retries', () => {
  it('a refused connection is tried again at another endpoint', async () => {
    const some = plane();
    some.answer = inTurn(failed('upstream_refused'), head());
    const { said: status, asked } = await some.ask({ method: 'POST', hasBody: true });
    expect([status, asked.retries, asked.retryReason]).toEqual(['200', 1, 'ConnectFailure']);
    const [first, second] = some.tries;
    expect(first?.endpoint).not.toEqual(second?.endpoint);
    expect(asked.endpoint).toBe(`${second?.endpoint.address}:9000`);
  });

  it('what may have been seen is tried again only if that is safe (F05)', async () => {
    const some = plane();
    some.answer = failed('upstream_reset', true);
    expect((await some.ask({ method: 'POST', hasBody: true })).said).toBe('502 upstream_reset');
    expect(some.tries).toHaveLength(1);
    expect((await some.ask({ method: 'GET' })).asked.retries).toBe(1);
    expect(some.tries).toHaveLength(3);
  });

  it('as often as the policy says, on what it says, throwing the bodies away', async () => {
    const some = plane({ retry: { attempts: 2, on: ['503'] } });
    let discarded = 0;
    some.answer = () => ({
      kind: 'head',
      status: 503,
      headers: new HeaderList(),
      body: { discard: () => discarded++ },
    });
    const { said: status, asked } = await some.ask();
    expect([status, asked.retries, asked.retryReason, asked.reason]).toEqual([
      '503',
      2,
      '503',
      'ok',
    ]);
    expect([some.tries.length, discarded]).toEqual([3, 2]);
    expect(inFlight(some)).toBe(0);
  });

  it('within the budget: they add at most a fifth (F24)', async () => {
    const budget = { percent: 20, minPerSecond: 0 };
    const some = plane({ retry: { attempts: 3, on: ['Reset'], budget } });
    some.answer = failed('upstream_reset', true);
    for (let i = 0; i < 500; i++) await some.ask();
    expect(some.tries.length).toBeGreaterThan(590);
    expect(some.tries.length).toBeLessThanOrEqual(600);
  });

  it.each([
    ['client_closed', 0],
    ['bad_request', 400],
    ['overloaded', 503],
  ] as const)(
    'not for what is no fault of an endpoint, which is not charged with it: %s',
    async (reason, status) => {
      const some = plane({ retry: { attempts: 3 } });
      some.answer = failed(reason);
      expect((await some.ask()).said).toBe(`${status} ${reason}`);
      expect(some.tries).toHaveLength(1);
      expect(some.plane.endpoints().map(({ consecutiveErrors }) => consecutiveErrors)).toEqual([
        0, 0,
      ]);
    },
  );
});

describe('time', () => {
  it('the route bounds the request, and a try what is left of it', async () => {
    const some = plane({ retry: { attempts: 5, on: ['Reset'] } }, { timeouts: { request: '1s' } });
    some.answer = () => {
      some.clock.advance(400);
      return failed('upstream_reset', true);
    };
    const { said: status, asked } = await some.ask();
    expect(some.tries.map(({ limits }) => limits.headTimeoutMs)).toEqual([1_000, 600, 200]);
    expect([status, asked.retries, asked.deadlineMs]).toEqual(['502 upstream_reset', 2, 1_000]);
  });

  it('a limit longer than a timer takes is none, and does not fire at once', async () => {
    const timeouts = { request: '1000h', backendRequest: '999h' };
    const { asked } = await plane({}, { timeouts }).ask();
    expect(asked.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('the time that is used up is the request’s, not the upstream’s', async () => {
    const some = plane({}, { timeouts: { request: '1s' } });
    some.answer = () => {
      some.clock.advance(1_000);
      return failed('upstream_timeout', true);
    };
    expect((await some.ask()).said).toBe('504 request_timeout');
  });

  it('a deadline that came with the request counts too', async () => {
    const some = plane({}, { timeouts: { request: '10s' } });
    await some.ask({}, { deadlineMs: 300 });
    expect(some.tries[0]?.limits).toEqual({ connectTimeoutMs: 300, headTimeoutMs: 300 });
    expect((await some.ask({}, { deadlineMs: 0 })).said).toBe('504 request_timeout');
    expect(some.tries).toHaveLength(1);
  });

  it('each try has its own bound', async () => {
    const some = plane(
      { retry: { attempts: 1, on: ['504'], perTry: '2s' }, timeouts: { connect: '1s' } },
      { timeouts: { backendRequest: '3s' } },
    );
    some.answer = inTurn(failed('upstream_timeout', true), head());
    expect((await some.ask()).asked.retryReason).toBe('504');
    expect(some.tries.map(({ limits }) => limits)).toEqual([
      { connectTimeoutMs: 1_000, headTimeoutMs: 2_000 },
      { connectTimeoutMs: 1_000, headTimeoutMs: 2_000 },
    ]);
  });
});

describe('outliers', () => {
  it('an endpoint that fails five times in a row is left out (F04)', async () => {
    const some = plane({ retry: { attempts: 0 } });
    some.answer = ({ endpoint }) => (endpoint.address === A.address ? head(500) : head());
    const ejected: boolean[] = [];
    for (let i = 0; i < 20; i++) ejected.push((await some.ask()).asked.ejected);
    expect(ejected.filter(Boolean)).toHaveLength(1);
    expect(some.tries.slice(10).every(({ endpoint }) => endpoint.address === B.address)).toBe(true);
  });

  it('a body that breaks off counts, a whole one makes good', async () => {
    const some = plane({
      loadBalancing: { type: 'RoundRobin' },
      outlier: { consecutiveErrors: 2 },
    });
    const run = async (aborted: boolean) => {
      const asked = some.make();
      await some.handle(asked);
      some.plane.release(asked, { aborted });
      return asked.ejected;
    };
    // Turns: A and B alternate, so each sees two of them.
    expect([await run(true), await run(false), await run(true), await run(false)]).toEqual([
      false,
      false,
      true,
      false,
    ]);
    expect(some.plane.endpoints().filter(({ state }) => state === 'ejected')).toHaveLength(1);
  });
});

describe('circuit', () => {
  it('a full service answers at once, and takes requests again when others are over', async () => {
    const some = plane({ circuit: { requests: 2 } });
    const first = some.make();
    const second = some.make();
    await some.handle(first);
    await some.handle(second);
    expect((await some.ask()).said).toBe('503 circuit_open');
    expect(inFlight(some)).toBe(2);
    some.plane.release(first, { aborted: false });
    expect((await some.ask()).said).toBe('200');
    some.plane.release(second, { aborted: false });
    expect(inFlight(some)).toBe(0);
  });

  it('gives the place back whatever happens', async () => {
    const some = plane({ circuit: { requests: 1 }, retry: { attempts: 0 } });
    for (const result of [failed('upstream_reset', true), failed('upstream_invalid', true)]) {
      some.answer = result;
      expect((await some.ask()).said).toMatch(/^502/);
    }
    some.announce('shop/app');
    expect((await some.ask()).said).toBe('503 no_endpoint');
    some.announce('shop/app', A);
    some.answer = head();
    expect((await some.ask()).said).toBe('200');
  });
});

describe('faults', () => {
  const fault = (spec: object, expires = '2026-01-01T01:00:00Z') =>
    own('FaultPolicy', 'f', { targetRefs: [{ kind: 'Service', name: 'app' }], expires, ...spec });

  it('abort instead of the upstream, until they expire', async () => {
    const some = plane({}, {}, fault({ abort: { percent: 100, status: 418 } }));
    expect((await some.ask()).said).toBe('418 fault_injected');
    expect(some.tries).toHaveLength(0);
    some.clock.advance(3_600_000);
    expect((await some.ask()).said).toBe('200');
  });

  it('delay before the upstream, within the deadline', async () => {
    const some = plane(
      {},
      { timeouts: { request: '1s' } },
      fault({ delay: { percent: 100, fixed: '300ms' } }),
    );
    const asked = some.make();
    const pending = some.handle(asked);
    expect(some.tries).toHaveLength(0);
    some.clock.advance(299);
    await Promise.resolve();
    expect(some.tries).toHaveLength(0);
    some.clock.advance(1);
    expect(said(await pending)).toBe('200');
    expect(asked.queueMs).toBe(300);
    expect(some.tries[0]?.limits.headTimeoutMs).toBe(700);

    const late = some.make({}, { deadlineMs: some.clock.nowMs() + 100 });
    const hopeless = some.handle(late);
    some.clock.advance(100);
    expect(said(await hopeless)).toBe('504 request_timeout');
    expect(some.clock.wallMs()).toBe(NOW_MS + 400);
  });

  it('act in their share', async () => {
    const some = plane({}, {}, fault({ abort: { percent: 20, status: 503 } }));
    let aborted = 0;
    for (let i = 0; i < 1_000; i++) if ((await some.ask()).asked.reason !== 'ok') aborted++;
    expect(Math.abs(aborted - 200)).toBeLessThan(40);
  });
});
