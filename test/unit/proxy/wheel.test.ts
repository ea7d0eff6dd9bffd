import { expect, test } from 'vitest';
import { FakeClock } from '#platform/clock.ts';
import { TICK_MS, Wheel, WheelTimer } from '#proxy/wheel.ts';
import { seeded } from './support/world.ts';

const HORIZON_MS = 20_480;

class World {
  readonly clock = new FakeClock();
  readonly wheel = new Wheel(this.clock);
  readonly calledMs: number[] = [];

  timer(): WheelTimer {
    return new WheelTimer(() => this.calledMs.push(this.clock.nowMs()));
  }

  /** How late a timer of this delay is; -1 when it calls more than once. */
  lateMs(delayMs: number): number {
    const start = this.clock.nowMs();
    const before = this.calledMs.length;
    this.wheel.set(this.timer(), delayMs);
    this.clock.advance(delayMs + 1_000);
    const [calledMs = Number.POSITIVE_INFINITY, ...others] = this.calledMs.slice(before);
    return others.length > 0 ? -1 : calledMs - start - delayMs;
  }
}

function expectOnTime(lateMs: number, what: string): void {
  expect(lateMs, what).toBeGreaterThanOrEqual(0);
  expect(lateMs, what).toBeLessThanOrEqual(TICK_MS);
}

test.each([0, 1, 9.5, 10, 10.1, 999, 20_460, 20_480, 20_490, 60_000, 300_000, 86_400_000])(
  'a timer of %d ms is never early, and late by a tick at most',
  (delayMs) => {
    const world = new World();
    expectOnTime(world.lateMs(delayMs), 'at first');
    world.clock.advance(3.7);
    expectOnTime(world.lateMs(delayMs), 'between ticks');
    expect(world.wheel.size).toBe(0);
  },
);

test('what is cleared or never due is not called', () => {
  const world = new World();
  const { wheel } = world;
  const timer = world.timer();
  wheel.set(timer, 50);
  expect([timer.isSet, wheel.size]).toEqual([true, 1]);
  wheel.clear(timer);
  wheel.clear(timer);
  expect([timer.isSet, wheel.size]).toEqual([false, 0]);
  wheel.set(timer, Number.POSITIVE_INFINITY);
  expect(wheel.size).toBe(0);
  world.clock.advance(1_000_000);
  expect(world.calledMs).toEqual([]);
});

test('a timer that is set again is moved, to earlier or later', () => {
  const world = new World();
  const timer = world.timer();
  world.wheel.set(timer, 100);
  world.wheel.set(timer, 50_000);
  world.clock.advance(1_000);
  expect(world.calledMs).toEqual([]);
  world.wheel.set(timer, 20);
  expect(world.wheel.size).toBe(1);
  world.clock.advance(100_000);
  expect(world.calledMs).toEqual([1_020]);
});

test('what is called may set itself, and clear or set others due at once', () => {
  const { wheel, clock } = new World();
  const called: string[] = [];
  const victim = new WheelTimer(() => called.push('victim'));
  const late = new WheelTimer(() => called.push(`late ${clock.nowMs()}`));
  const repeating = new WheelTimer(() => {
    called.push(`repeating ${clock.nowMs()}`);
    if (clock.nowMs() < 40) wheel.set(repeating, 10);
    wheel.clear(victim);
    wheel.set(late, 5);
  });
  wheel.set(victim, 20);
  wheel.set(repeating, 20);
  clock.advance(1_000);
  expect(called).not.toContain('victim');
  expect(called.filter((each) => each.startsWith('r'))).toEqual([
    'repeating 20',
    'repeating 30',
    'repeating 40',
  ]);
  expect(called.filter((each) => each.startsWith('l'))).toEqual(['late 30', 'late 40', 'late 50']);
  expect(wheel.size).toBe(0);
});

test('a timer of no delay that sets itself again does not stop the clock', () => {
  const { wheel, clock } = new World();
  let count = 0;
  const timer = new WheelTimer(() => {
    count++;
    wheel.set(timer, 0);
  });
  wheel.set(timer, 0);
  clock.advance(1_000);
  expect(count).toBe(100);
});

/** A clock whose timers come late, as they do behind a stalled event loop. */
class StallingClock extends FakeClock {
  offsetMs = 0;

  override nowMs(): number {
    return super.nowMs() + this.offsetMs;
  }
}

test.each([1_000, 15_000, HORIZON_MS, 60_000, 3_600_000])(
  'after the time jumps by %i ms what is due is called once, and nothing else',
  (jumpMs) => {
    const clock = new StallingClock();
    const wheel = new Wheel(clock);
    const called: number[] = [];
    const delays = [30, 900, 14_000, 20_000, 30_000, 59_000, 3_590_000, 5_000_000];
    for (const delay of delays) wheel.set(new WheelTimer(() => called.push(delay)), delay);
    clock.offsetMs = jumpMs;
    clock.advance(30);
    const due = delays.filter((delay) => delay <= jumpMs + 30);
    expect(called.toSorted((a, b) => a - b)).toEqual(due);
    expect(wheel.size).toBe(delays.length - due.length);
    clock.advance(6_000_000);
    expect(called.toSorted((a, b) => a - b)).toEqual(delays);
  },
);

/** Sets, moves and clears at random; how late the latest call was, -1 for one that was early. */
function latestMs(seed: number, longestMs: number, stepMs: number): number {
  const random = seeded(seed);
  const { wheel, clock } = new World();
  const dueMs = new Map<WheelTimer, number>();
  let latest = 0;
  const timers = Array.from({ length: 50 }, () => {
    const timer: WheelTimer = new WheelTimer(() => {
      const late = clock.nowMs() - (dueMs.get(timer) ?? Number.POSITIVE_INFINITY);
      latest = late < 0 || latest < 0 ? -1 : Math.max(latest, late);
      dueMs.delete(timer);
    });
    return timer;
  });
  for (let round = 0; round < 2_000; round++) {
    const timer = timers[Math.floor(random() * timers.length)];
    if (timer === undefined) continue;
    if (random() < 0.3) {
      wheel.clear(timer);
      dueMs.delete(timer);
    } else {
      const delayMs = random() ** 3 * longestMs;
      wheel.set(timer, delayMs);
      dueMs.set(timer, clock.nowMs() + delayMs);
    }
    clock.advance(random() * stepMs);
    expect(wheel.size).toBe(dueMs.size);
    for (const due of dueMs.values()) if (due + 2 * TICK_MS < clock.nowMs()) return Infinity;
  }
  clock.advance(longestMs + 1_000);
  expect([wheel.size, dueMs.size]).toEqual([0, 0]);
  return latest;
}

test.each([
  [1, 1_000, 50],
  [2, 60_000, 500],
  [3, 300_000, 100],
  [4, 300_000, 5_000],
  [5, 25_000, 2_000],
])('seed %i: up to %i ms, steps of up to %i ms: all on time', (seed, longestMs, stepMs) => {
  expectOnTime(latestMs(seed, longestMs, stepMs), `seed ${seed}`);
});

test('a near timer set while only a far one waits is late by a tick at most', () => {
  const world = new World();
  world.wheel.set(new WheelTimer(() => {}), 60_000);
  world.clock.advance(20_001);
  expectOnTime(world.lateMs(1_000), 'near');
});
