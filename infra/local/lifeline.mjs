// @ts-check
// Loaded before a program with `node --import`: ends the program when the process that started
// it has gone without passing a signal on (kill -9). First politely, as Ctrl-C would.
import process from 'node:process';

/** Environment variable with the process id of the one whose end is also this program's. */
export const PARENT_VARIABLE = 'WINDROSE_PARENT';

const POLL_MS = 500;
const GRACE_MS = 15_000;

const parent = Number(process.env[PARENT_VARIABLE]);
delete process.env[PARENT_VARIABLE]; // It concerns this process only, not what it starts.

if (parent > 0 && isPreloaded()) {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref();
  }, POLL_MS);
  timer.unref();
}

/** Whether this module was named to Node, and not merely imported for the name above. */
function isPreloaded() {
  return process.execArgv.some((arg) => arg.includes('lifeline.mjs'));
}
