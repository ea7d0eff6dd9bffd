// The processes of a bench: each kind of work in one of its own, pinned, its time read from /proc.
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

export const PROXY_CPU = 0;
export const LOAD_CPU = 1;
/** What ends a bench from outside. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** What Linux counts processor time in, on every machine it runs on today (USER_HZ). */
const TICK_US = 10_000;
const END_TIMEOUT_MS = 15_000;

/** Ends by itself when its parent is gone: it has to listen to `disconnect`. */
export function forkHelper(file: string): ChildProcess {
  return fork(file, { execArgv: ['--no-warnings'] });
}

/** The next message of a helper. */
export function answerOf<T>(child: ChildProcess, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit);
    };
    const fail = (why: string): void => {
      settle();
      reject(new Error(why));
    };
    const onMessage = (answer: unknown): void => {
      settle();
      resolve(answer as T);
    };
    const onExit = (): void => fail('a helper of the bench ended');
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    child.once('message', onMessage).once('exit', onExit);
  });
}

/** On a core of its own where that can be had; else the scheduler decides, and figures waver. */
export function pin({ pid }: ChildProcess, cpu: number): void {
  if (availableParallelism() < 2 || pid === undefined) return;
  spawnSync('taskset', ['-apc', String(cpu), String(pid)], { stdio: 'ignore' });
}

/** User and system time of all its threads until now, without its children. */
export function cpuUsOf({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

export async function end(child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(timer);
}
