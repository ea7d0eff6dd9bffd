// @ts-check
// Runs one program in the place of this one: same terminal, same signals, same exit status. For
// the layers between the user and the real program (bootstrap, `windrose`, the test runner).
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { PARENT_VARIABLE } from './lifeline.mjs';

const PARENT_POLL_MS = 500;

/**
 * Resolves with the exit status that this process should end with.
 *
 * Ctrl-C on a terminal reaches every process of the group, so SIGINT is passed on only where
 * there is no terminal; otherwise the program would get it twice. Should this process be killed,
 * the program notices by itself when it is started with lifeline.mjs.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, watchParent?: boolean }} [options]
 * @returns {Promise<number>}
 */
export function runProgram(command, args, options = {}) {
  const env = { ...(options.env ?? process.env), [PARENT_VARIABLE]: String(process.pid) };
  const child = spawn(command, args, { stdio: 'inherit', env });
  const stopForwarding = forwardSignals(child);
  const stopWatching = options.watchParent ? watchParent(() => child.kill('SIGTERM')) : () => {};
  return new Promise((resolve, reject) => {
    const settle = () => {
      stopForwarding();
      stopWatching();
    };
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      settle();
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}

/** @param {import('node:child_process').ChildProcess} child */
function forwardSignals(child) {
  const onInterrupt = () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  };
  const onTerminate = () => void child.kill('SIGTERM');
  const onHangUp = () => void child.kill('SIGHUP');
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate).on('SIGHUP', onHangUp);
  return () => {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate).off('SIGHUP', onHangUp);
  };
}

/**
 * Calls back once when this process's parent ends.
 * @param {() => void} onGone
 */
export function watchParent(onGone) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, PARENT_POLL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
