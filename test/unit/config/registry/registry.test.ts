import type { Endpoint, Heartbeat } from '#contracts/events.ts';
import { FakeClock } from '#platform/clock.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { GRACE_MS, Registry, TICK_MS } from '../../../../services/config/registry/registry.ts';

let clock: FakeClock;
let registry: Registry;
let changed: string[];
let refused: string[];
let held: number;
let damped: string[];
let allows: (address: string) => boolean;

beforeEach(() => {
  clock = new FakeClock();
  changed = [];
  refused = [];
  held = 0;
  damped = [];
  allows = () => true;
  registry = new Registry({
    clock,
    addresses: { allows: (address) => allows(address) },
    onChange: (service) => changed.push(service),
    onRefused: ({ proxy }, why) => refused.push(`${proxy}: ${why}`),
    onHeld: (count) => {
      held = count;
    },
    onDamped: (proxy, until) => damped.push(`${proxy} ${until === undefined ? 'taken' : 'held'}`),
  });
  registry.linkUp();
  registry.takeOver();
});

function heartbeat(proxy: string, fields: Partial<Heartbeat> & { port?: number } = {}): Heartbeat {
  const { port = 9000, ...rest } = fields;
  return {
    mesh: 'm',
    proxy,
    instance: `${proxy}-1`,
    role: 'sidecar',
    state: 'up',
    version: '0.1.0',
    workload: 'shop/reviews',
    zone: 'a',
    labels: {},
    workers: 1,
    revision: { epoch: 1, sequence: 0 },
    logDigest: '',
    startedAt: '2026-01-01T00:00:00Z',
    time: '2026-01-01T00:00:00Z',
    announces: { service: 'shop/reviews', address: '127.0.0.1', port },
    ...rest,
  };
}

/** Lets time pass; at each interval the named proxies are heard. */
function pass(ms: number, alive: Heartbeat[] = []): void {
  for (let passed = 0; passed < ms; passed += TICK_MS) {
    clock.advance(TICK_MS);
    for (const each of alive) registry.hear(each);
    registry.tick();
  }
}

const ports = (service = 'shop/reviews'): number[] =>
  registry.sets.of(service).map(({ port }) => port);
const stateOf = (proxy: string): string | undefined => registry.proxies.get(proxy)?.state;

describe('a set', () => {
  test('changes when a proxy appears, and never for an unchanged heartbeat', () => {
    registry.hear(heartbeat('r1', { port: 9001 }));
    expect(changed).toEqual(['shop/reviews']);
    registry.adopt('shop/reviews', registry.sets.of('shop/reviews'), 1);
    pass(60_000, [heartbeat('r1', { port: 9001 })]);
    expect(changed).toHaveLength(1);
    expect(ports()).toEqual([9001]);
  });

  test('that is empty is forgotten, and still published as empty', () => {
    registry.hear(heartbeat('r1'));
    registry.adopt('shop/reviews', registry.sets.of('shop/reviews'), 1);
    registry.hear(heartbeat('r1', { state: 'goodbye' }));
    expect([...registry.sets.services()]).toEqual([]);
    expect(registry.unpublishedSet('shop/reviews')).toEqual([]);
  });

  test('loses a proxy at once when it drains or says goodbye, even the last one', () => {
    registry.hear(heartbeat('r1', { port: 9001 }));
    registry.hear(heartbeat('r2', { port: 9002 }));
    registry.hear(heartbeat('r1', { port: 9001, state: 'draining' }));
    expect(ports()).toEqual([9002]);
    registry.hear(heartbeat('r2', { port: 9002, state: 'goodbye' }));
    expect(ports()).toEqual([]);
    expect(stateOf('r2')).toBe('left');
  });

  test('follows a restart to its new port at once, and ignores the old start from then on', () => {
    registry.hear(heartbeat('r1', { port: 9001, instance: 'old' }));
    registry.hear(heartbeat('r1', { port: 9002, instance: 'new' }));
    expect(ports()).toEqual([9002]);
    expect(registry.hear(heartbeat('r1', { port: 9001, instance: 'old' }))).toBe('retired');
    expect(registry.hear(heartbeat('r1', { instance: 'old', state: 'goodbye' }))).toBe('retired');
    expect(ports()).toEqual([9002]);
  });

  test('does not take a late heartbeat of a start that said goodbye', () => {
    registry.hear(heartbeat('r1', { state: 'goodbye' }));
    expect(registry.hear(heartbeat('r1'))).toBe('retired');
    expect(ports()).toEqual([]);
  });

  test('follows a proxy to another service', () => {
    registry.hear(heartbeat('r1'));
    const announces = { service: 'shop/orders', address: '127.0.0.1', port: 9000 };
    registry.hear(heartbeat('r1', { instance: 'x', announces }));
    expect(ports('shop/reviews')).toEqual([]);
    expect(ports('shop/orders')).toEqual([9000]);
  });
});

describe('an address', () => {
  test('that the mesh does not allow is refused, and said once per start', () => {
    allows = (address) => address !== '127.0.0.1';
    registry.hear(heartbeat('r1'));
    registry.hear(heartbeat('r1'));
    expect(ports()).toEqual([]);
    expect(refused).toHaveLength(1);
    registry.hear(heartbeat('r1', { instance: 'again' }));
    expect(refused).toHaveLength(2);
  });

  test('goes at once when the mesh no longer allows it', () => {
    registry.hear(heartbeat('r1'));
    registry.setAddresses({ allows: () => false });
    expect(ports()).toEqual([]);
  });

  test('belongs to one proxy: a live owner keeps it, a silent one loses it', () => {
    registry.hear(heartbeat('old', { port: 9000 }));
    const announces = { service: 'shop/orders', address: '127.0.0.1', port: 9000 };
    registry.hear(heartbeat('new', { announces }));
    expect(refused[0]).toContain('announced by old');
    expect(ports('shop/orders')).toEqual([]);
    pass(TICK_MS * 2);
    registry.hear(heartbeat('new', { announces }));
    expect(ports('shop/orders')).toEqual([9000]);
    expect(ports('shop/reviews')).toEqual([]);
  });
});

describe('silence', () => {
  const ten = Array.from({ length: 10 }, (_, i) => heartbeat(`r${i}`, { port: 9000 + i }));

  test('takes away at most 20 % per interval, and never the last endpoint', () => {
    for (const each of ten) registry.hear(each);
    pass(GRACE_MS);
    expect(ports()).toHaveLength(10);
    pass(TICK_MS);
    expect(ports()).toHaveLength(8);
    expect(held).toBe(8);
    pass(TICK_MS);
    expect(ports()).toHaveLength(7);
    pass(60 * TICK_MS);
    expect(ports()).toHaveLength(1);
    expect(held).toBe(1);
  });

  test('takes the silent ones only, and marks them gone', () => {
    for (const each of ten) registry.hear(each);
    pass(GRACE_MS + TICK_MS, ten.slice(1));
    expect(ports()).not.toContain(9000);
    expect(ports()).toHaveLength(9);
    expect(stateOf('r0')).toBe('gone');
    expect(stateOf('r1')).toBe('up');
    expect(held).toBe(0);
  });

  test('counts for nothing while the link is down, nor for 15 s after it is back', () => {
    for (const each of ten) registry.hear(each);
    registry.linkDown();
    pass(10 * 60_000);
    expect(ports()).toHaveLength(10);
    registry.linkUp();
    pass(GRACE_MS - TICK_MS);
    expect(ports()).toHaveLength(10);
    expect(stateOf('r0')).toBe('up');
    pass(TICK_MS, ten);
    pass(TICK_MS, ten);
    expect(ports()).toHaveLength(10);
  });

  test('counts for nothing when this process itself stood still', () => {
    for (const each of ten) registry.hear(each);
    pass(GRACE_MS, ten);
    clock.advance(60_000);
    registry.tick();
    expect(ports()).toHaveLength(10);
    expect(stateOf('r0')).toBe('up');
  });

  test('ends when the proxy is heard again', () => {
    for (const each of ten) registry.hear(each);
    pass(GRACE_MS + TICK_MS, ten.slice(1));
    registry.hear(heartbeat('r0', { port: 9000 }));
    expect(ports()).toHaveLength(10);
    expect(stateOf('r0')).toBe('up');
  });

  test('is forgotten after an hour', () => {
    registry.hear(heartbeat('r0', { state: 'goodbye' }));
    pass(60 * 60_000 + GRACE_MS);
    expect(stateOf('r0')).toBeUndefined();
  });
});

describe('what stands in the log', () => {
  const published = [
    { address: '127.0.0.1', port: 9001, proxy: 'r1', zone: '' },
    { address: '127.0.0.1', port: 9002, proxy: 'r2', zone: '' },
  ];

  test('is kept over a restart until proxies had time to speak, then expires', () => {
    registry.adopt('shop/reviews', published, 7);
    expect(registry.unpublishedSet('shop/reviews')).toBeUndefined();
    pass(GRACE_MS, [heartbeat('r1', { port: 9001, zone: '' })]);
    expect(ports()).toEqual([9001, 9002]);
    pass(TICK_MS, [heartbeat('r1', { port: 9001, zone: '' })]);
    expect(ports()).toEqual([9001]);
  });

  test('gives way to what is heard', () => {
    registry.adopt('shop/reviews', published, 7);
    registry.hear(heartbeat('r1', { port: 9101, zone: '' }));
    expect(ports()).toEqual([9002, 9101]);
    expect(registry.unpublishedSet('shop/reviews')).toHaveLength(2);
    expect(registry.published('shop/reviews')?.sequence).toBe(7);
  });

  test('is written again when another registry wrote something else and keeps to it', () => {
    const live = heartbeat('r1', { port: 9001, zone: '' });
    registry.hear(live);
    registry.adopt('shop/reviews', published.slice(0, 1), 1);
    pass(GRACE_MS, [live]);
    changed.length = 0;
    registry.adopt('shop/reviews', [], 2);
    pass(TICK_MS, [live]);
    expect(changed).toEqual([]);
    pass(TICK_MS, [live]);
    expect(changed).toEqual(['shop/reviews']);
  });

  test('is not replaced by an older message', () => {
    registry.adopt('shop/reviews', published, 7);
    registry.adopt('shop/reviews', [], 6);
    expect(registry.published('shop/reviews')?.endpoints).toHaveLength(2);
  });
});

describe('while another registry writes', () => {
  const at = (port: number): Endpoint => {
    return { address: '127.0.0.1', port, proxy: `r${port}`, zone: 'a' };
  };
  const beat = (port: number): Heartbeat => heartbeat(`r${port}`, { port });

  beforeEach(() => registry.standDown());

  test('nothing expires, and what that one lets go of the silent is let go', () => {
    for (const port of [9001, 9002, 9003]) registry.hear(beat(port));
    pass(5 * 60_000, [beat(9001)]);
    expect(ports()).toEqual([9001, 9002, 9003]);
    registry.adopt('shop/reviews', [at(9002)], 1);
    expect(ports()).toEqual([9001, 9002]);
  });

  test('what that one still hears is kept, though it is silent here', () => {
    registry.hear(beat(9001));
    registry.hear(beat(9002));
    pass(60_000);
    expect(stateOf('r9001')).toBe('gone');
    registry.sets.remove('r9001');
    registry.adopt('shop/reviews', [at(9001), at(9002)], 1);
    expect(ports()).toEqual([9001, 9002]);
  });

  test('a take-over says what the log does not know, and empties nothing', () => {
    for (const port of [9001, 9002, 9003, 9004]) registry.hear(beat(port));
    registry.adopt('shop/reviews', [9001, 9002, 9003, 9004].map(at), 1);
    registry.adopt('shop/orders', [{ ...at(9005), proxy: 'r9005' }], 2);
    registry.hear({ ...beat(9004), state: 'goodbye' });
    pass(60_000);
    changed.length = 0;
    registry.takeOver();
    expect(changed).toEqual(['shop/reviews']);
    expect(ports()).toEqual([9001, 9002, 9003]);
    pass(GRACE_MS - TICK_MS, [beat(9001)]);
    expect(ports()).toEqual([9001, 9002, 9003]);
    pass(60 * TICK_MS, [beat(9001)]);
    expect([ports(), ports('shop/orders')]).toEqual([[9001], [9005]]);
  });
});

describe('an endpoint that comes and goes', () => {
  const calm = heartbeat('calm', { port: 9001 });
  let starts = 0;
  const comes = (): Heartbeat => heartbeat('f', { port: 9009, instance: `f-${++starts}` });
  const flap = (times: number): void => {
    for (let i = 0; i < times; i++) {
      const each = comes();
      registry.hear(each);
      registry.hear({ ...each, state: 'goodbye' });
    }
  };
  /** How long it is held out, in intervals, while it announces itself without a break. */
  const heldFor = (): number => {
    const stays = comes();
    let intervals = 0;
    for (registry.hear(stays); !ports().includes(9009); intervals++) pass(TICK_MS, [calm, stays]);
    return intervals;
  };

  test('three times is taken as before', () => {
    registry.hear(calm);
    flap(3);
    registry.hear(comes());
    expect([ports(), damped]).toEqual([[9001, 9009], []]);
  });

  test('more often is held out, for longer each time, and said', () => {
    registry.hear(calm);
    flap(4);
    registry.hear(comes());
    expect([ports(), damped]).toEqual([[9001], ['f held']]);
    const { reason, message, until = '' } = registry.announcements.withheld('f') ?? {};
    expect(reason).toBe('damped');
    expect(message).toContain(until);
    expect(Date.parse(until)).toBeGreaterThan(clock.wallMs() + 60_000);
    const first = heldFor();
    expect([damped, registry.announcements.withheld('f')]).toEqual([
      ['f held', 'f taken'],
      undefined,
    ]);
    registry.hear({ ...comes(), state: 'goodbye' });
    flap(2);
    const second = heldFor();
    flap(20);
    const longest = heldFor();
    expect(first * TICK_MS).toBeGreaterThan(60_000);
    expect(second).toBeGreaterThan(first);
    expect(longest).toBeGreaterThan(second);
    expect(longest * TICK_MS).toBeLessThanOrEqual(5 * 60_000 + TICK_MS);
  });

  test('slowly is taken each time', () => {
    registry.hear(calm);
    for (let i = 0; i < 20; i++) {
      flap(1);
      pass(60_000, [calm]);
    }
    registry.hear(comes());
    expect([ports(), damped]).toEqual([[9001, 9009], []]);
  });

  test('is never held out when it is the only one, and comes in when the others go', () => {
    registry.hear(calm);
    flap(6);
    registry.hear(comes());
    expect(ports()).toEqual([9001]);
    registry.hear({ ...calm, state: 'goodbye' });
    expect(ports()).toEqual([9009]);
    registry.hear(heartbeat('calm', { port: 9001, instance: 'again' }));
    expect(ports()).toEqual([9001, 9009]);
  });

  test('many at once: no more are held out than are taken', () => {
    const many = Array.from({ length: 10 }, (_, i) => heartbeat(`f${i}`, { port: 9000 + i }));
    for (let turn = 0; turn < 6; turn++) {
      const started = many.map((each) => ({ ...each, instance: `${each.proxy}-${turn}` }));
      for (const each of started) registry.hear(each);
      if (turn < 5) for (const each of started) registry.hear({ ...each, state: 'goodbye' });
    }
    expect([ports().length, registry.announcements.heldOut]).toEqual([5, 5]);
    for (const { proxy } of registry.sets.of('shop/reviews').slice(0, 2)) {
      const index = Number(proxy.slice(1));
      registry.hear(
        heartbeat(proxy, { port: 9000 + index, instance: `${proxy}-5`, state: 'goodbye' }),
      );
    }
    expect([ports().length, registry.announcements.heldOut]).toEqual([4, 4]);
  });

  test('is held out no longer when it leaves or falls silent', () => {
    registry.hear(calm);
    flap(6);
    registry.hear(comes());
    expect(registry.announcements.heldOut).toBe(1);
    pass(GRACE_MS + 2 * TICK_MS, [calm]);
    expect([registry.announcements.heldOut, damped.at(-1)]).toEqual([0, 'f taken']);
  });

  test('by moving from port to port is held out as well', () => {
    registry.hear(calm);
    for (let i = 0; i < 6; i++) registry.hear(heartbeat('f', { port: 9010 + i, instance: `${i}` }));
    expect([ports(), damped]).toEqual([[9001], ['f held']]);
  });
});
