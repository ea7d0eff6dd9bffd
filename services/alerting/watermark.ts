/** Up to when the data is complete. Pure. */
import { ROLLUP_STEP_MS } from '#contracts/metrics.ts';

/** A worker that is further behind than this is not waited for. */
export const LATE_MAX_MS = 15_000;

/** The newest metric block that is stored of one worker. */
export interface WorkerProgress {
  /** End of the newest metric window in it, ms since 1970. */
  newestMs: number;
  /** The worker has ended: it will send no more and holds nobody up. */
  ended: boolean;
}

/**
 * End of the newest rollup step to which every worker has contributed, in ms since 1970; undefined
 * without any data.
 *
 * It is reckoned from the data and not from the clock: when the pipeline stands still so does the
 * watermark, and silence is never taken for recovery. A worker that falls behind the newest by
 * more than 15 s (idle, gone or late) is not waited for. Times in the future (a proxy whose clock
 * is ahead) count as now.
 */
export function watermarkOf(workers: readonly WorkerProgress[], nowMs: number): number | undefined {
  const capped = workers.map(({ newestMs, ended }) => ({
    newestMs: Math.min(newestMs, nowMs),
    ended,
  }));
  if (capped.length === 0) return undefined;
  const newestMs = Math.max(...capped.map((worker) => worker.newestMs));
  const awaited = capped.filter(
    (worker) => !worker.ended && worker.newestMs >= newestMs - LATE_MAX_MS,
  );
  const completeMs = Math.min(newestMs, ...awaited.map((worker) => worker.newestMs));
  return Math.floor(completeMs / ROLLUP_STEP_MS) * ROLLUP_STEP_MS;
}
