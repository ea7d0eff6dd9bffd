import { EventLoopMeter, PERIOD_MS } from '#proxy/overload/event-loop.ts';
import { TICK_MS } from '#proxy/wheel.ts';
import { expect, test } from 'vitest';

const EVERY_MS = 100;

/** Turned so long after one another, in ms. */
function meter() {
  let nowMs = 0;
  const loop = new EventLoopMeter(EVERY_MS, nowMs);
  const after = (ms: number): number => {
    nowMs += ms;
    loop.turned(nowMs);
    return loop.report().delaySeconds;
  };
  /** On time, until so much has passed. */
  const idle = (ms: number): number => {
    let delay = 0;
    for (const endMs = nowMs + ms; nowMs < endMs;) delay = after(EVERY_MS);
    return delay;
  };
  return { after, idle, loop };
}

test('a timer that is as late as it may be is not late', () => {
  const { after } = meter();
  expect(after(EVERY_MS)).toBe(0);
  expect(after(EVERY_MS + TICK_MS)).toBe(0);
  expect(after(EVERY_MS + TICK_MS + 5)).toBe(0.005);
});

test('the longest delay is told for one to two periods, whoever asks and how often', () => {
  const { after, idle } = meter();
  after(EVERY_MS + TICK_MS + 2_000);
  expect(after(EVERY_MS + TICK_MS + 500)).toBe(2);
  expect(idle(PERIOD_MS)).toBe(2);
  expect(idle(PERIOD_MS - 5_000)).toBe(2);
  expect(idle(10_000)).toBe(0);
});

test('the time with work is of this process and only grows', () => {
  const { loop } = meter();
  const before = loop.report().activeSeconds;
  const endMs = performance.now() + 20;
  while (performance.now() < endMs);
  expect(loop.report().activeSeconds).toBeGreaterThan(before + 0.015);
});
