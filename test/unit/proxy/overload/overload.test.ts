import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Clock, FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { Overload } from '#proxy/overload/overload.ts';
import { Wheel } from '#proxy/wheel.ts';
import { describe, expect, it } from 'vitest';

const MIB = 1024 * 1024;
const log = createLog({ service: 'test', level: 'silent' });

function setUp(descriptorLimit = 1_000) {
  const fake = new FakeClock();
  // What a collection takes passes while it stands on the stack.
  let takenMs = 0;
  const clock: Clock = {
    nowMs: () => fake.nowMs() + takenMs,
    wallMs: () => fake.wallMs(),
    after: (...args) => fake.after(...args),
  };
  const wheel = new Wheel(clock);
  const memory = {
    usedBytes: 0,
    limitBytes: 100,
    /** What a collection takes away. */
    garbageBytes: 0,
    collections: 0,
    takesMs: 0,
    collect: () => {
      memory.collections++;
      memory.usedBytes -= memory.garbageBytes;
      memory.garbageBytes = 0;
      takenMs += memory.takesMs;
    },
  };
  let connections = 500;
  const asked: boolean[] = [];
  let canAccept = true;
  const overload = new Overload({
    ...{ memory, descriptors: descriptorLimit, clock, wheel, log },
    connections: () => connections,
    accept: async (accepting) => {
      asked.push(accepting);
      return canAccept;
    },
  });
  const settle = async (ms = 100): Promise<void> => {
    fake.advance(ms);
    await new Promise(setImmediate);
  };
  return {
    ...{ fake, wheel, memory, asked, overload, settle },
    setConnections: (count: number) => (connections = count),
    setCanAccept: (can: boolean) => (canAccept = can),
    /** So much in use, all of it needed. */
    use: async (bytes: number) => {
      memory.usedBytes = bytes;
      await settle(600);
      return overload.report().level;
    },
  };
}

describe('memory', () => {
  it('begins each level at its share and ends it a little lower', async () => {
    const { use } = setUp();
    const levels: number[] = [];
    for (const bytes of [91, 92, 94, 95, 97, 98, 99, 97, 95, 94, 93, 92, 91, 90, 89]) {
      levels.push(await use(bytes));
    }
    expect(levels).toEqual([0, 1, 1, 2, 2, 3, 3, 3, 2, 2, 2, 1, 1, 1, 0]);
  });

  it('says what each level is', async () => {
    const { use, overload, asked } = setUp();
    const state = () => [overload.closes, overload.sheds, overload.report().accepting];
    expect(state()).toEqual([false, false, true]);
    await use(92);
    expect(state()).toEqual([true, false, true]);
    await use(95);
    expect(state()).toEqual([true, true, true]);
    await use(98);
    expect(state()).toEqual([true, true, false]);
    await use(50);
    expect(state()).toEqual([false, false, true]);
    expect(asked).toEqual([false, true]);
    expect(overload.report().pauses).toBe(1);
  });

  it('that a collection frees is no load', async () => {
    const { memory, overload, settle } = setUp();
    memory.usedBytes = 99;
    memory.garbageBytes = 30;
    await settle();
    expect([overload.report().level, memory.collections]).toEqual([0, 1]);
    await settle(1_000);
    expect(memory.collections).toBe(1);
  });

  it('is collected for a tenth of the time at most', async () => {
    const { memory, overload, settle } = setUp();
    memory.usedBytes = 96;
    memory.takesMs = 200;
    for (let i = 0; i < 200; i++) await settle();
    expect(overload.report().level).toBe(2);
    expect(memory.collections).toBeGreaterThan(5);
    expect(memory.collections).toBeLessThanOrEqual(11);
  });

  it('that is new at the first level counts until a collection says that it is none', async () => {
    const { memory, overload, settle, use } = setUp();
    expect(await use(93)).toBe(1);
    memory.takesMs = 100;
    await settle(600);
    memory.usedBytes = 99;
    memory.garbageBytes = 40;
    await settle();
    expect(overload.report().level).toBe(3);
    await settle(1_000);
    expect(overload.report().level).toBe(0);
  });

  it('that goes on to fill behind a collection that freed little is believed', async () => {
    const { memory, overload, settle } = setUp();
    memory.usedBytes = 92;
    memory.garbageBytes = 1;
    memory.takesMs = 500;
    await settle();
    expect([overload.report().level, memory.collections]).toEqual([0, 1]);
    memory.usedBytes = 97;
    await settle();
    expect([overload.report().level, memory.collections]).toEqual([2, 1]);
  });

  it('that fills within one sample is seen by the requests that fill it', async () => {
    const { memory, overload, fake, settle } = setUp();
    memory.usedBytes = 85;
    await settle();
    memory.usedBytes = 96;
    expect(overload.sheds).toBe(false);
    fake.advance(5);
    expect(overload.sheds).toBe(true);
    expect(memory.collections).toBe(1);
  });

  it('is asked for no more after the end', async () => {
    const { overload, wheel } = setUp();
    overload.stop();
    expect(wheel.size).toBe(0);
  });
});

describe('descriptors', () => {
  it('keeps a quarter of them, within reason, from clients', () => {
    const max = (limit: number): number => setUp(limit).overload.descriptorsMax;
    expect([max(64), max(1_024), max(1_048_576)]).toEqual([32, 768, 1_047_552]);
    expect(max(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });

  it('pause accepting once, until enough connections are gone', async () => {
    const { overload, setConnections, settle, asked } = setUp(1_024);
    overload.descriptorsShort();
    overload.descriptorsShort();
    await settle();
    expect([overload.report().accepting, overload.report().pauses]).toEqual([false, 1]);
    for (const count of [500, 600, 373]) {
      setConnections(count);
      await settle(1_000);
      expect(overload.report().accepting).toBe(false);
    }
    setConnections(372);
    await settle();
    expect(overload.report()).toMatchObject({ accepting: true, pauses: 1, level: 0 });
    expect(asked).toEqual([false, true]);
  });

  it('that something else has taken: accepting goes on when no connection is left', async () => {
    const { overload, setConnections, settle } = setUp(1_024);
    setConnections(20);
    overload.descriptorsShort();
    await settle();
    setConnections(1);
    await settle();
    expect(overload.report().accepting).toBe(false);
    setConnections(0);
    await settle();
    expect(overload.report().accepting).toBe(true);
  });

  it('asks again while sockets cannot come back', async () => {
    const { overload, setConnections, settle, asked, setCanAccept } = setUp(1_024);
    overload.descriptorsShort();
    await settle(0);
    setConnections(10);
    setCanAccept(false);
    await settle();
    await settle();
    expect(overload.report().accepting).toBe(false);
    setCanAccept(true);
    await settle();
    expect(overload.report().accepting).toBe(true);
    expect(asked).toEqual([false, true, true, true]);
  });
});

describe('the memory of V8', () => {
  const file = fileURLToPath(import.meta.resolve('#proxy/overload/memory.ts'));
  const limitOf = (...flags: string[]): number => {
    const print = `import { V8Memory } from ${JSON.stringify(file)};
      process.stdout.write(String(new V8Memory().limitBytes));`;
    const args = ['--no-warnings', ...flags, '--input-type=module', '-e', print];
    return Number(execFileSync(process.execPath, args).toString()) / MIB;
  };

  it.each([
    [64, []],
    [200, []],
    [200, ['--max-semi-space-size=4']],
    [3_000, ['--max_semi_space_size=64']],
  ])('has what fits into an old generation of %i MiB as its limit, with %j', (oldMib, more) => {
    expect(limitOf(`--max-old-space-size=${oldMib}`, ...more)).toBeCloseTo(0.96 * oldMib, 3);
  });
});
