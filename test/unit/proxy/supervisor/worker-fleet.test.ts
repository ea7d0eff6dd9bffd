import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import type { StateEntry } from '#platform/state.ts';
import type { ProxySettings } from '#proxy/bootstrap.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { FromWorker, ToWorker } from '#proxy/supervisor/protocol.ts';
import { WorkerFleet } from '#proxy/supervisor/worker-fleet.ts';
import { APPLY_TIMEOUT_MS } from '#proxy/supervisor/worker-process.ts';
import type { Applied, WorkerReport } from '#proxy/fleet.ts';
import { NOTHING_SHUT } from '#proxy/snapshot/shut.ts';
import type { RequestSeries } from '#proxy/telemetry/index.ts';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

const SERIES: RequestSeries = {
  ...{ direction: 'edge', route: 'r', service: 's', statusClass: '2xx', reason: 'ok' },
  ...{
    requests: 0,
    retries: 0,
    bytesIn: 0,
    bytesOut: 0,
    durationUsSum: 0,
    durations: [],
    exemplars: [],
  },
};

/** A child process that says what the test lets it say. */
class FakeWorker extends EventEmitter {
  readonly pid = 1;
  connected = true;
  readonly asked: ToWorker[] = [];

  send(message: ToWorker): boolean {
    this.asked.push(message);
    return true;
  }

  /** Prepares every candidate that is still open, and serves what is committed then. */
  async serve(problems: ResourceProblem[] = []): Promise<void> {
    for (let step = 0; step < 2; step++) {
      for (const message of this.asked.splice(0)) {
        const { type } = message;
        if (type === 'prepare') {
          this.say({ type: 'prepared', id: message.id, problems, failed: [] });
        } else if (type === 'commit') {
          this.say({ type: 'applied', id: message.id, problems, applyMs: 1 });
        }
      }
      await new Promise(setImmediate);
    }
  }

  /** Answers the questions about itself. */
  tell(worker: number, requests: number): void {
    const series = { ...SERIES, requests };
    for (const message of this.asked.splice(0)) {
      if (message.type !== 'report') continue;
      const report = { worker, series: { requests: [series] } } as unknown as WorkerReport;
      this.say({ type: 'report', id: message.id, report });
    }
  }

  say(message: FromWorker): void {
    this.emit('message', message);
  }

  kill(): boolean {
    this.connected = false;
    this.emit('exit', null, 'SIGKILL');
    return true;
  }
}

function setUp(workers: number) {
  const spawned: FakeWorker[] = [];
  const crashed: number[] = [];
  const clock = new FakeClock();
  const log = createLog({ service: 'test', level: 'silent' });
  const fleet = new WorkerFleet({
    settings: { scope: { workers } } as ProxySettings,
    clock,
    log,
    crashed: (worker) => crashed.push(worker),
    spawn: () => {
      const worker = new FakeWorker();
      spawned.push(worker);
      return worker as unknown as ChildProcess;
    },
  });
  const last = (): FakeWorker => {
    const worker = spawned.at(-1);
    if (worker === undefined) throw new Error('no worker was started');
    return worker;
  };
  const entries = new Map<ResourceKey, StateEntry>();
  const apply = async (): Promise<Applied> => {
    await fleet.prepare({ entries, revision: { epoch: 1, sequence: 1 }, shut: NOTHING_SHUT });
    return fleet.commit(entries);
  };
  return { fleet, clock, log, spawned, crashed, last, apply };
}

const PROBLEM: ResourceProblem = {
  resource: 'Gateway/shop/edge',
  path: '',
  reason: 'cannot_apply',
  message: 'the port is taken',
};

it('a broken certificate is logged once for all workers, and again when it breaks again', () => {
  const { log, spawned } = setUp(2);
  const errors = vi.spyOn(log, 'error');
  const all = (problem: string | undefined): void => {
    const read = { name: 'shop/web', problem, isKept: true };
    for (const worker of spawned) worker.say({ type: 'certificate', read });
  };
  const message = 'a certificate cannot be used and its old one is kept';
  for (const problem of ['torn', undefined, 'torn', 'gone']) all(problem);
  expect(errors.mock.calls).toEqual(
    ['torn', 'torn', 'gone'].map((problem) => [{ certificate: 'shop/web', problem }, message]),
  );
});

describe('a worker that dies', () => {
  it('is replaced at once after a long life, and ever later when its starts fail', () => {
    const { clock, spawned, crashed, last } = setUp(1);
    clock.advance(60_000);
    last().kill();
    clock.advance(20);
    expect(spawned).toHaveLength(2);
    const waitsMs: number[] = [];
    for (let deaths = 0; deaths < 7; deaths++) {
      const before = spawned.length;
      last().kill();
      let waitedMs = 0;
      for (; spawned.length === before; waitedMs += 20) clock.advance(20);
      waitsMs.push(waitedMs);
    }
    expect(waitsMs).toEqual([80, 320, 1_280, 5_120, 10_000, 10_000, 10_000]);
    expect(crashed).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    clock.advance(60_000);
    last().kill();
    clock.advance(20);
    expect(spawned).toHaveLength(10);
  });

  it('soon after it has come to serve: is replaced at once, however often', async () => {
    const { clock, spawned, last, apply } = setUp(1);
    const applied = apply();
    await last().serve();
    await applied;
    for (let deaths = 1; deaths <= 5; deaths++) {
      last().kill();
      clock.advance(20);
      expect(spawned).toHaveLength(1 + deaths);
      await last().serve();
      await new Promise(setImmediate);
    }
  });

  it('in the middle of an update: the others carry it, the next one gets it whole', async () => {
    const { clock, spawned, apply } = setUp(2);
    const applied = apply();
    spawned[0]?.kill();
    await spawned[1]?.serve();
    expect(await applied).toMatchObject({ problems: [] });
    clock.advance(10_000);
    const asked = spawned[2]?.asked.filter(({ type }) => type === 'prepare' || type === 'commit');
    expect(asked).toMatchObject([{ type: 'prepare', isWhole: true }, { type: 'commit' }]);
  });

  it('with all others: the update counts once one that replaces them serves it', async () => {
    const { clock, spawned, apply, last } = setUp(2);
    let done = false;
    const applied = apply().finally(() => (done = true));
    for (const worker of [...spawned]) worker.kill();
    await new Promise(setImmediate);
    expect(done).toBe(false);
    clock.advance(10_000);
    await last().serve();
    expect(await applied).toMatchObject({ problems: [] });
  });

  it('and whose successor cannot open its sockets: that is told', async () => {
    const { fleet, clock, spawned, apply, last } = setUp(1);
    const told: ResourceProblem[][] = [];
    fleet.onProblems((problems) => told.push(problems));
    const applied = apply();
    await last().serve();
    await applied;
    last().kill();
    clock.advance(10_000);
    expect(spawned).toHaveLength(2);
    await last().serve([PROBLEM]);
    await new Promise(setImmediate);
    expect(told).toEqual([[PROBLEM]]);
  });
});

it('counters never go back: not when a worker is busy, nor when it dies', async () => {
  const { fleet, clock, spawned } = setUp(2);
  const total = async (...answering: number[]): Promise<number> => {
    const reports = fleet.report();
    for (const [number, worker] of spawned.entries()) {
      if (answering.includes(number)) worker.tell(number, 10 + number);
    }
    vi.advanceTimersByTime(2_000);
    const series = (await reports).flatMap((report) => report.series.requests);
    return series.reduce((sum, { requests }) => sum + requests, 0);
  };
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  expect(await total(0, 1)).toBe(21);
  expect(await total(1)).toBe(21);
  spawned[0]?.kill();
  clock.advance(10_000);
  expect(await total(1, 2)).toBe(33);
  expect(await total(1, 2)).toBe(33);
});

it('a worker that hangs under an update is ended, so that the others go on', async () => {
  const { clock, spawned, crashed, apply } = setUp(2);
  const applied = apply();
  await spawned[0]?.serve();
  await new Promise(setImmediate);
  clock.advance(APPLY_TIMEOUT_MS);
  expect(crashed).toEqual([1]);
  await new Promise(setImmediate);
  await spawned[0]?.serve();
  expect(await applied).toMatchObject({ problems: [] });
});

describe('a worker that stands still', () => {
  it('is told of after five seconds without a beat, until it moves again', () => {
    const { fleet, clock, spawned } = setUp(2);
    for (const worker of spawned) worker.say({ type: 'hello' });
    clock.advance(4_000);
    spawned[1]?.say({ type: 'beat' });
    expect(fleet.stalled()).toBeUndefined();
    clock.advance(1_000);
    expect(fleet.stalled()).toMatch(/^worker 0 .* for 5 s$/);
    clock.advance(2_000);
    expect(fleet.stalled()).toMatch(/^worker 0 .* for 7 s$/);
    for (const worker of spawned) worker.say({ type: 'beat' });
    expect(fleet.stalled()).toBeUndefined();
  });

  it('is none while it starts, and none when it is gone', () => {
    const { fleet, clock, spawned, last } = setUp(1);
    clock.advance(60_000);
    expect(fleet.stalled()).toBeUndefined();
    last().say({ type: 'hello' });
    clock.advance(5_000);
    expect(fleet.stalled()).toBeDefined();
    spawned[0]?.kill();
    expect(fleet.stalled()).toBeUndefined();
  });
});
