import { setTimeout as delay } from 'node:timers/promises';
import type { Child, Exit } from './children.ts';

/** A process that is started again when it ends, until it is stopped. */
export interface Supervised {
  /** The process as it is now; undefined between an end and the next start. */
  current(): Child | undefined;
  stop(options?: { timeoutMs?: number }): Promise<void>;
}

export interface SuperviseOptions {
  /** Told of every end that was not asked for, and how long the next start waits. */
  readonly onExit?: (exit: Exit, restartInMs: number) => void;
  /** Told when a start itself failed; it is tried again all the same. */
  readonly onSpawnError?: (error: unknown, restartInMs: number) => void;
  readonly now?: () => number;
  readonly sleep?: (ms: number, options: { signal: AbortSignal }) => Promise<void>;
}

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
const STEADY_AFTER_MS = 10_000;

/**
 * Keeps one process running: started again after 100 ms, doubling up to 5 s while it keeps
 * dying young, and back to 100 ms once it has lived for 10 s. The first start's error is thrown.
 */
export function supervise(start: () => Child, options: SuperviseOptions = {}): Supervised {
  const now = options.now ?? Date.now;
  const sleep = options.sleep ?? ((ms, { signal }) => delay(ms, undefined, { signal }));
  const stopping = new AbortController();
  let child: Child | undefined = start();
  const watching = watch();

  async function watch(): Promise<void> {
    let delayMs = FIRST_DELAY_MS;
    while (!stopping.signal.aborted) {
      const startedAt = now();
      const exit = await child?.exited;
      child = undefined;
      if (stopping.signal.aborted) return;
      if (now() - startedAt >= STEADY_AFTER_MS) delayMs = FIRST_DELAY_MS;
      if (exit) options.onExit?.(exit, delayMs);
      await pause(delayMs);
      delayMs = Math.min(delayMs * 2, MAX_DELAY_MS);
      if (!stopping.signal.aborted) startAgain(delayMs);
    }
  }

  function startAgain(nextDelayMs: number): void {
    try {
      child = start();
    } catch (error) {
      options.onSpawnError?.(error, nextDelayMs);
    }
  }

  async function pause(ms: number): Promise<void> {
    try {
      await sleep(ms, { signal: stopping.signal });
    } catch {
      // Stopped while waiting: there is nothing to start.
    }
  }

  return {
    current: () => child,
    async stop(stopOptions) {
      stopping.abort();
      await child?.stop(stopOptions);
      await watching;
    },
  };
}
