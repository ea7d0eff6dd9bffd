import { describe, expect, it } from 'vitest';
import { FakeClock } from '#platform/clock.ts';
import type { LimitConfig } from '#proxy/policy/rate-limit/config.ts';
import { rateLimitGate } from '#proxy/policy/rate-limit/gate.ts';
import { BUCKETS_MAX, Limiter } from '#proxy/policy/rate-limit/limiter.ts';
import { World, exchange, own, service } from '../support/world.ts';

const config: LimitConfig = {
  id: 'p#burst@t',
  policy: 'RateLimitPolicy/shop/p',
  name: 'burst',
  key: [],
  requests: 10,
  perMs: 1_000,
  burst: 5,
};

describe('Limiter', () => {
  const takeAll = (limiter: Limiter, key: string, nowMs: number): number => {
    let taken = 0;
    for (; limiter.waitMs(key, nowMs) === 0; taken++) limiter.take(key, nowMs);
    return taken;
  };

  it('gives the burst, then the rate', () => {
    const limiter = new Limiter(config, 1);
    expect(takeAll(limiter, '', 0)).toBe(5);
    expect(limiter.waitMs('', 0)).toBeCloseTo(100);
    expect(takeAll(limiter, '', 100)).toBe(1);
    expect(takeAll(limiter, '', 400)).toBe(3);
    expect(takeAll(limiter, '', 100_000)).toBe(5);
  });

  it('keeps keys apart', () => {
    const limiter = new Limiter(config, 1);
    takeAll(limiter, 'a', 0);
    expect(limiter.waitMs('b', 0)).toBe(0);
  });

  it('is shared by the workers of a proxy, at least one request each', () => {
    expect(takeAll(new Limiter({ ...config, burst: 6 }, 2), '', 0)).toBe(3);
    expect(takeAll(new Limiter({ ...config, burst: 1 }, 8), '', 0)).toBe(1);
  });

  it('keeps a bounded number of buckets, the used ones rather than the full ones', () => {
    const limiter = new Limiter(config, 1);
    takeAll(limiter, 'busy', 0);
    for (let i = 0; i < BUCKETS_MAX; i++) limiter.take(`k${i}`, 10_000 + i / 1_000);
    expect(limiter.size).toBeLessThanOrEqual(BUCKETS_MAX);
    limiter.take('one more', 10_051);
    expect(limiter.size).toBeLessThanOrEqual(BUCKETS_MAX);
    const before = limiter.size;
    // All full by now: making room drops several at a time.
    limiter.take('much later', 1_000_000);
    expect(limiter.size).toBeLessThan(before);
  });

  it('does not gain from a clock that goes back', () => {
    const limiter = new Limiter(config, 1);
    takeAll(limiter, '', 1_000);
    expect(limiter.waitMs('', 0)).toBeGreaterThan(0);
  });
});

describe('rate-limit', () => {
  const policy = (more: object = {}) =>
    own('RateLimitPolicy', 'p', {
      targetRefs: [{ kind: 'Service', name: 'app' }],
      limits: [{ name: 'all', requests: 2, per: '1s', key: ['consumer'], ...more }],
    });
  const levelsOf = (world: World) => {
    const security = world.snapshot.services.get('shop/app')?.security;
    if (security === undefined) throw new Error('no service');
    return [security];
  };

  it('answers 429 with the seconds to wait, for each consumer on its own', () => {
    const clock = new FakeClock();
    const gate = rateLimitGate({ clock, workers: 1 });
    const world = new World(service('app'), policy());
    const ask = (consumer: string) =>
      gate.act(exchange(world.snapshot, {}, { consumer }), levelsOf(world));
    expect([ask('a'), ask('a')]).toEqual([undefined, undefined]);
    expect(ask('a')).toEqual({
      ...{ cause: 'limited', reason: 'limited' },
      status: 429,
      message: 'the limit all is used up',
      headers: [['retry-after', '1']],
    });
    expect(ask('b')).toBeUndefined();
    clock.advance(500);
    expect(ask('a')).toBeUndefined();
  });

  it('takes nothing from one limit when another is used up', () => {
    const clock = new FakeClock();
    const gate = rateLimitGate({ clock, workers: 1 });
    const world = new World(service('app'));
    const asked = () => exchange(world.snapshot);
    const wide: LimitConfig = { ...config, id: 'wide', burst: 3 };
    const narrow: LimitConfig = { ...config, id: 'narrow', burst: 1, requests: 1 };
    const both = [{ authentication: [], limits: [wide, narrow], unavailable: [] }];
    expect(gate.act(asked(), both)).toBeUndefined();
    for (let i = 0; i < 10; i++) expect(gate.act(asked(), both)?.message).toContain('used up');
    const only = [{ authentication: [], limits: [wide], unavailable: [] }];
    expect([gate.act(asked(), only), gate.act(asked(), only)]).toEqual([undefined, undefined]);
    expect(gate.act(asked(), only)?.status).toBe(429);
  });

  it('an edit keeps what is used up; a policy that is gone is forgotten', () => {
    const clock = new FakeClock();
    const gate = rateLimitGate({ clock, workers: 1 });
    const world = new World(service('app'), policy());
    const ask = () => gate.act(exchange(world.snapshot), levelsOf(world));
    expect([ask(), ask()]).toEqual([undefined, undefined]);
    world.apply(policy({ burst: 5 }));
    gate.swap(world.snapshot);
    expect(ask()?.status).toBe(429);
    world.delete({ kind: 'RateLimitPolicy', namespace: 'shop', name: 'p' });
    gate.swap(world.snapshot);
    world.apply(policy());
    gate.swap(world.snapshot);
    expect(ask()).toBeUndefined();
  });

  it('a limit that its policy no longer has is forgotten, with all its buckets', () => {
    const gate = rateLimitGate({ clock: new FakeClock(), workers: 1 });
    const world = new World(service('app'), policy());
    const ask = () => gate.act(exchange(world.snapshot), levelsOf(world));
    expect([ask(), ask(), ask()?.status]).toEqual([undefined, undefined, 429]);
    for (const name of ['other', 'all']) {
      world.apply(policy({ name }));
      gate.swap(world.snapshot);
    }
    expect(ask()).toBeUndefined();
  });

  it('keys by what it is told to', () => {
    const clock = new FakeClock();
    const world = new World(service('app'), policy({ key: ['clientAddress', 'source'] }));
    const gate = rateLimitGate({ clock, workers: 1 });
    const ask = (clientAddress: string, source: string) =>
      gate.act(exchange(world.snapshot, { clientAddress }, { source }), levelsOf(world))?.status;
    expect([ask('a', 'x'), ask('a', 'x'), ask('a', 'x')]).toEqual([undefined, undefined, 429]);
    expect([ask('a', 'y'), ask('b', 'x')]).toEqual([undefined, undefined]);
  });
});
