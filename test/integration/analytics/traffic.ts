import { ROLLUPS } from '#contracts/tables.ts';
import { expect } from 'vitest';
import { type TestMesh, count, message } from './mesh.ts';

/** Blocks of one worker that sends without end; each of a few rows, and as many metric rows. */
export interface Traffic {
  /** Blocks sent so far, of either stream. */
  blocks(): number;
  rows(): number;
  stop(): Promise<void>;
}

const ROWS = 40;

/**
 * Sends blocks of two workers in two partitions, one after the other, until stopped. Every block
 * comes twice now and then, as a producer's retry makes it.
 */
export function startTraffic(mesh: TestMesh): Traffic {
  let sent = 0;
  let stopped = false;
  const run = async (): Promise<void> => {
    while (!stopped) {
      const seq = sent + 1;
      const time = Date.now() * 1_000;
      for (const worker of [0, 1]) {
        const rows = Array.from({ length: ROWS }, (_, i) => ({
          time,
          request_id: `${worker}/${seq}/${i}`,
        }));
        const head = { worker, seq, served: seq * ROWS };
        const records = message('access', rows, head);
        const metrics = message('metrics', [{ time, requests: ROWS }], {
          ...{ worker, seq, served: seq },
        });
        for (let copies = seq % 3 === 0 ? 2 : 1; copies > 0; copies--) {
          await mesh.send('access', worker, records);
          await mesh.send('metrics', worker, metrics);
        }
      }
      sent = seq;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const running = run();
  return {
    blocks: () => sent * 2,
    rows: () => sent * 2 * ROWS,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

/** Every table has exactly these rows, and no request id twice. */
export async function expectExactly(mesh: TestMesh, rows: number): Promise<void> {
  expect(await count(mesh, 'records')).toBe(rows);
  expect(await count(mesh, 'records', 'uniqExact(request_id)')).toBe(rows);
  // Heartbeats count nothing.
  const { inbound: _, proxies: _proxies, ...callers } = ROLLUPS;
  for (const { table } of Object.values(callers)) {
    expect([table, await count(mesh, table, 'sum(requests)')]).toEqual([table, rows]);
    const durations = 'sum(arraySum(mapValues(durations)))';
    expect([table, await count(mesh, table, durations)]).toEqual([table, rows]);
  }
}
