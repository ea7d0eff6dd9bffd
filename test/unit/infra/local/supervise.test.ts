import { setImmediate } from 'node:timers/promises';
import type { Child, Exit } from '#local/children.ts';
import { supervise } from '#local/supervise.ts';
import { expect, test, vi } from 'vitest';

interface FakeChild extends Child {
  end(exit?: Exit): void;
}

function fakeChild(pid: number): FakeChild {
  const { promise: exited, resolve } = Promise.withResolvers<Exit>();
  const end = (exit: Exit = { code: 1, signal: null }): void => resolve(exit);
  return {
    name: 'it',
    pid,
    logFile: '',
    ready: Promise.resolve(),
    exited,
    kill: () => end(),
    stop: () => {
      end({ code: 0, signal: null });
      return exited;
    },
    end,
  };
}

test('waits 100 ms, doubling up to 5 s, and 100 ms again after a steady life', async () => {
  const children: FakeChild[] = [];
  const delays: number[] = [];
  const start = (): Child => {
    const child = fakeChild(children.length + 1);
    children.push(child);
    return child;
  };
  const waits: number[] = [];
  const sleep = (ms: number): Promise<void> => {
    waits.push(ms);
    return setImmediate();
  };
  let now = 0;
  const onExit = (_exit: Exit, delayMs: number): void => void delays.push(delayMs);
  const supervised = supervise(start, { now: () => now, onExit, sleep });
  for (let round = 1; round <= 8; round++) {
    children.at(-1)?.end();
    await vi.waitUntil(() => children.length === round + 1);
  }
  expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(waits).toEqual(delays);
  now += 10_000;
  children.at(-1)?.end();
  await vi.waitUntil(() => children.length === 10);
  expect(delays.at(-1)).toBe(100);
  expect(supervised.current()?.pid).toBe(10);
  await supervised.stop();
  expect(children).toHaveLength(10);
});

test('a start that fails is tried again, and stop ends the waiting', async () => {
  let starts = 0;
  const first = fakeChild(1);
  const errors: unknown[] = [];
  const supervised = supervise(
    () => {
      starts += 1;
      if (starts === 1) return first;
      throw new Error('no memory');
    },
    { onSpawnError: (error) => void errors.push(error), sleep: () => setImmediate() },
  );
  first.end();
  await vi.waitUntil(() => errors.length >= 2);
  expect(supervised.current()).toBeUndefined();
  await supervised.stop();
});
