import { describe, expect, it } from 'vitest';
import type { AttemptResult, Exchange } from '#proxy/exchange.ts';
import { backoffMs } from '#proxy/policy/retry/route-retry.ts';
import { HeaderList } from '#proxy/headers.ts';
import { Plane, failed, head, said } from '../support/plane.ts';
import { World, announced, gateway, own, route, rule, seeded, service } from '../support/world.ts';

const A = announced('127.0.0.1');
const B = announced('127.0.0.2');

function plane(retry: object, ruleMore: object = {}, ...more: object[]): Plane {
  const world = new World(
    gateway('edge', [{}]),
    service('app'),
    route('r', {
      rules: [rule('/', 'app', { retry: { backoff: '100ms', ...retry }, ...ruleMore })],
    }),
    ...more,
  );
  expect(world.findings).toEqual([]);
  return new Plane(world.snapshot).announce('shop/app', A, B);
}

/** Answers one after the other, the last one for ever. */
function inTurn(...answers: AttemptResult[]): () => AttemptResult {
  return () => (answers.length > 1 ? answers.shift() : answers[0]) ?? head();
}

/** What became of a request while time goes on in steps of 10 ms, and when each try was made. */
async function ask(
  some: Plane,
  fields: Parameters<Plane['make']>[0] = {},
  more: Partial<Exchange> = {},
): Promise<{ said: string; asked: Exchange; atMs: number[]; endMs: number }> {
  const atMs: number[] = [];
  const { answer } = some;
  some.answer = (tried) => {
    atMs.push(some.clock.nowMs());
    return typeof answer === 'function' ? answer(tried) : answer;
  };
  const asked = some.make(fields, more);
  let endMs: number | undefined;
  const outcome = some.handle(asked).then((result) => {
    endMs = some.clock.nowMs();
    return result;
  });
  for (let step = 0; step < 2_000 && endMs === undefined; step++) {
    // Lets what is resolved by now be told.
    await Promise.resolve();
    await Promise.resolve();
    if (endMs === undefined) some.clock.advance(10);
  }
  const word = said(await outcome);
  some.plane.release(asked, { aborted: false });
  return { said: word, asked, atMs, endMs: endMs ?? -1 };
}

const inFlight = (some: Plane): number =>
  some.plane.endpoints().reduce((sum, endpoint) => sum + endpoint.inFlight, 0);

describe('what a rule with retry tries again', () => {
  it.each([
    [{ codes: [500], attempts: 3 }, 500, 4, '500'],
    [{ codes: [500], attempts: 3 }, 503, 1, '503'],
    [{ codes: [500, 503], attempts: 2 }, 503, 3, '503'],
    [{ codes: [500], attempts: 0 }, 500, 1, '500'],
    [{ codes: [500] }, 500, 2, '500'],
    [{ codes: [429] }, 429, 2, '429'],
    [{ attempts: 3 }, 500, 1, '500'],
  ])('%j: %d is tried %d times', async (retry, status, tries, word) => {
    const some = plane(retry);
    some.answer = () => head(status);
    const { said: told, asked } = await ask(some);
    expect([told, some.tries.length, asked.retries]).toEqual([word, tries, tries - 1]);
    expect(asked.retryReason).toBe(tries === 1 ? '' : word);
    expect(inFlight(some)).toBe(0);
  });

  it('a status with any method, since the backend refused; not with a body', async () => {
    const some = plane({ codes: [503] });
    some.answer = () => head(503);
    expect((await ask(some, { method: 'POST' })).asked.retries).toBe(1);
    expect((await ask(some, { method: 'POST', hasBody: true })).asked.retries).toBe(0);
    expect((await ask(some, { method: 'PUT', hasBody: true })).asked.retries).toBe(0);
  });

  it('a connection that did not come about, with any method and body', async () => {
    const some = plane({});
    some.answer = inTurn(failed('upstream_refused'), head());
    const { said: told, asked } = await ask(some, { method: 'POST', hasBody: true });
    expect([told, asked.retryReason]).toEqual(['200', 'ConnectFailure']);
    expect(some.tries[0]?.endpoint).not.toEqual(some.tries[1]?.endpoint);
  });

  it.each(['upstream_reset', 'upstream_timeout'] as const)(
    'what may have been seen only if twice is as good as once: %s',
    async (reason) => {
      const some = plane({ codes: [500, 502, 503, 504] });
      some.answer = failed(reason, true);
      expect((await ask(some, { method: 'GET' })).asked.retries).toBe(1);
      expect((await ask(some, { method: 'POST' })).asked.retries).toBe(0);
      expect((await ask(some, { method: 'PUT', hasBody: true })).asked.retries).toBe(0);
    },
  );

  it('not the proxy’s own answers', async () => {
    const some = plane({ codes: [500, 503] });
    some.plane.setEndpoints({ mesh: 'm', service: 'shop/app', endpoints: [], time: '' });
    const { said: told, asked } = await ask(some);
    expect([told, asked.retries]).toEqual(['503 no_endpoint', 0]);
  });

  it('throws the bodies away that it does not pass on', async () => {
    const some = plane({ codes: [500], attempts: 2 });
    let discarded = 0;
    const body = { discard: () => discarded++ };
    some.answer = () => ({ kind: 'head', status: 500, headers: new HeaderList(), body });
    await ask(some);
    expect([some.tries.length, discarded]).toEqual([3, 2]);
  });
});

describe('the TrafficPolicy of the Service', () => {
  const policy = (retry: object): object =>
    own('TrafficPolicy', 't', { targetRefs: [{ kind: 'Service', name: 'app' }], retry });

  it('is replaced whole: conditions, attempts and the bound of a try', async () => {
    const some = plane({ codes: [500] }, {}, policy({ attempts: 5, on: ['503'], perTry: '1s' }));
    some.answer = () => head(503);
    expect((await ask(some)).asked.retries).toBe(0);
    some.answer = () => head(500);
    expect((await ask(some)).asked.retries).toBe(1);
    expect(some.tries[0]?.limits.headTimeoutMs).toBe(15_000);
  });

  it('keeps its budget: retries of all rules together are bounded', async () => {
    const budget = { percent: 20, minPerSecond: 0 };
    const some = plane({ codes: [500], attempts: 3 }, {}, policy({ attempts: 1, budget }));
    some.answer = () => head(500);
    for (let i = 0; i < 20; i++) await ask(some);
    expect(some.tries).toHaveLength(24);
  });
});

describe('the wait before a try', () => {
  it('is the backoff at least, and doubles', async () => {
    const some = plane({ codes: [500], attempts: 3 });
    some.answer = () => head(500);
    const { atMs, asked } = await ask(some);
    const waits = atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? 0));
    waits.forEach((wait, index) => {
      const least = 100 * 2 ** index;
      expect(wait).toBeGreaterThanOrEqual(least);
      expect(wait).toBeLessThanOrEqual(least * 1.5 + 20);
    });
    expect(asked.queueMs).toBe(atMs.at(-1));
  });

  it('grows to ten times the first and differs from one request to the next', () => {
    const retry = { attempts: 9, codes: new Set<number>(), backoffMs: 100 };
    const least = [1, 2, 3, 4, 5, 6].map((retries) => backoffMs(retry, retries, () => 0));
    expect(least).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(backoffMs(retry, 1, () => 0.999)).toBeLessThan(150);
    const random = seeded(3);
    const some = new Set(Array.from({ length: 20 }, () => backoffMs(retry, 1, random)));
    expect(some.size).toBe(20);
    const long = { ...retry, backoffMs: 90_000 };
    expect(backoffMs(long, 5, () => 0)).toBe(90_000);
    expect(backoffMs({ ...retry, backoffMs: 0 }, 5, () => 0.5)).toBe(0);
  });

  it('of 25 ms where the rule says none, and none where it says 0s', async () => {
    const told = async (backoff: object): Promise<number> => {
      const world = new World(
        gateway('edge', [{}]),
        service('app'),
        route('r', { rules: [rule('/', 'app', { retry: { codes: [500], ...backoff } })] }),
      );
      const some = new Plane(world.snapshot).announce('shop/app', A);
      some.answer = () => head(500);
      return (await ask(some)).endMs;
    };
    expect(await told({ backoff: '0s' })).toBe(0);
    expect(await told({})).toBeGreaterThanOrEqual(25);
    expect(await told({})).toBeLessThanOrEqual(50);
  });

  it('ends with the time for the request, at once', async () => {
    const some = plane(
      { codes: [500], attempts: 5, backoff: '1s' },
      { timeouts: { request: '500ms' } },
    );
    some.answer = () => head(500);
    const { said: told, endMs, asked } = await ask(some);
    expect([told, some.tries.length, asked.reason]).toEqual([
      '504 request_timeout',
      1,
      'request_timeout',
    ]);
    expect(endMs).toBeLessThanOrEqual(520);
    expect(inFlight(some)).toBe(0);
    // No endpoint is charged with it.
    const errors = some.plane.endpoints().map(({ consecutiveErrors }) => consecutiveErrors);
    expect(Math.max(...errors)).toBe(1);
    expect(Math.min(...errors)).toBe(0);
  });

  it('ends with the client, at once and without another try', async () => {
    const some = plane({ codes: [500], attempts: 5, backoff: '10s' });
    some.answer = () => head(500);
    const client: { gone: boolean; onGone: (() => void) | undefined } = {
      gone: false,
      onGone: undefined,
    };
    const asked = some.make({}, { client });
    const outcome = some.handle(asked);
    some.clock.advance(50);
    client.gone = true;
    client.onGone?.();
    expect(said(await outcome)).toBe('0 client_closed');
    some.clock.advance(60_000);
    expect([some.tries.length, inFlight(some), asked.queueMs]).toEqual([1, 0, 50]);
  });

  it('each try has the time that the rule gives to it', async () => {
    const some = plane(
      { codes: [500], attempts: 2 },
      { timeouts: { request: '15s', backendRequest: '500ms' } },
    );
    some.answer = inTurn(failed('upstream_timeout', true), head(500), head());
    const { said: told, asked } = await ask(some);
    expect([told, asked.retries]).toEqual(['200', 2]);
    expect(some.tries.map(({ limits }) => limits.headTimeoutMs)).toEqual([500, 500, 500]);
  });
});
