import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';

/** Environment variable with the marks of all guarded owners above a process. */
export const MARKS_VARIABLE = 'WINDROSE_GUARDED_BY';

const GUARD_FILE = fileURLToPath(new URL('guard.mjs', import.meta.url));
const GRACE_MS = 5_000;

const mark = `windrose-${process.pid}-${randomUUID()}`;
const watched = new Set<number>();
let guard: ChildProcess | undefined;

/**
 * Starts this process's guard if it has none yet. Called before a child is spawned: a child that
 * this process has no time left to announce is then found by its mark.
 */
export function ensureGuard(): void {
  if (guard) return;
  const { [MARKS_VARIABLE]: _marks, ...env } = process.env;
  const started = spawn(process.execPath, ['--no-warnings', GUARD_FILE, mark, String(GRACE_MS)], {
    detached: true,
    env, // Without marks: an outer guard must not end this one before its work is done.
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard = started;
  started.unref();
  started.stdin?.on('error', () => {}); // A dead guard is replaced below.
  if (started.stdin && 'unref' in started.stdin) (started.stdin as { unref(): void }).unref();
  const replace = (): void => {
    if (guard !== started) return;
    guard = undefined;
    if (watched.size > 0) ensureGuard();
  };
  started.once('error', () => {}).once('exit', replace);
  for (const pid of watched) tell('+', pid);
}

/** Has the guard end this process group should this process die. */
export function watch(pid: number): void {
  watched.add(pid);
  tell('+', pid);
}

/** The process group has ended. */
export function unwatch(pid: number): void {
  watched.delete(pid);
  tell('-', pid);
}

/** The environment for a child of this process. */
export function markedEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const outer = process.env[MARKS_VARIABLE];
  return { ...env, [MARKS_VARIABLE]: outer === undefined ? mark : `${outer} ${mark}` };
}

/** This process's mark: whatever carries it in its environment descends from this process. */
export function ownMark(): string {
  return mark;
}

// A write to a pipe with room reaches the kernel before it returns, so that what is written
// here is read by the guard even if this process is killed right after.
function tell(sign: '+' | '-', pid: number): void {
  guard?.stdin?.write(`${sign}${pid}\n`);
}
