// @ts-check
// This process's side of the guard (guard.mjs). Plain JavaScript, because the bootstrap guards
// the package clients it runs on the machine's own Node.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** Environment variable with the marks of all guarded owners above a process. */
export const MARKS_VARIABLE = 'WINDROSE_GUARDED_BY';
/** Environment variable with the time between SIGTERM and SIGKILL, for tests. */
export const GRACE_VARIABLE = 'WINDROSE_GUARD_GRACE_MS';

const GUARD_FILE = fileURLToPath(new URL('guard.mjs', import.meta.url));
const DEFAULT_GRACE_MS = 5000;

const mark = `windrose-${process.pid}-${randomUUID()}`;
/** @type {Set<number>} */
const watched = new Set();
/** @type {import('node:child_process').ChildProcess | undefined} */
let guard;

/**
 * Starts this process's guard if it has none yet. Called before a child is spawned: a child that
 * this process has no time left to announce is then found by its mark.
 * @param {{ graceMs?: number }} [options] time between SIGTERM and SIGKILL
 */
export function ensureGuard(options = {}) {
  if (guard) return;
  // Without marks: an outer guard must not end this one before its work is done.
  const { [MARKS_VARIABLE]: _marks, ...env } = process.env;
  const graceMs = String(options.graceMs ?? process.env[GRACE_VARIABLE] ?? DEFAULT_GRACE_MS);
  const started = spawn(process.execPath, ['--no-warnings', GUARD_FILE, mark, graceMs], {
    detached: true,
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard = started;
  started.unref();
  started.stdin.on('error', () => {}); // A dead guard is replaced below.
  if (started.stdin instanceof Socket) started.stdin.unref();
  started.once('error', () => {});
  started.once('exit', () => {
    if (guard !== started) return;
    guard = undefined;
    if (watched.size > 0) ensureGuard(options);
  });
  for (const pid of watched) tell('+', pid);
}

/**
 * Has the guard end this process group should this process die.
 * @param {number} pid
 */
export function watch(pid) {
  watched.add(pid);
  tell('+', pid);
}

/**
 * The process group has ended.
 * @param {number} pid
 */
export function unwatch(pid) {
  watched.delete(pid);
  tell('-', pid);
}

/**
 * The environment for a child of this process.
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function markedEnv(env) {
  const outer = process.env[MARKS_VARIABLE];
  return { ...env, [MARKS_VARIABLE]: outer === undefined ? mark : `${outer} ${mark}` };
}

/** This process's mark: whatever carries it in its environment descends from this process. */
export function ownMark() {
  return mark;
}

/**
 * A write to a pipe with room reaches the kernel before it returns, so that what is written here
 * is read by the guard even if this process is killed right after.
 * @param {'+' | '-'} sign
 * @param {number} pid
 */
function tell(sign, pid) {
  guard?.stdin?.write(`${sign}${pid}\n`);
}
