import { V8Memory } from '#proxy/overload/memory.ts';
import { until } from '#test/processes.ts';
import { expect, it } from 'vitest';

const MIB = 1024 * 1024;

it('counts objects that are needed, and buffers; a collection leaves only these', async () => {
  const memory = new V8Memory();
  memory.collect();
  const before = memory.usedBytes;
  const kept = Array.from({ length: 40 }, () => Buffer.alloc(MIB));
  const objects = Array.from({ length: 300_000 }, (_, i) => ({ i, text: `${i}` }));
  memory.collect();
  const withAll = memory.usedBytes - before;
  expect(withAll).toBeGreaterThan(50 * MIB);
  kept.length = 0;
  objects.length = 0;
  // Buffers are freed behind a collection, on another thread.
  await until('they are gone', () => {
    memory.collect();
    return memory.usedBytes - before < 5 * MIB;
  });
});
