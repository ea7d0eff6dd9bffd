// @ts-check
// A guard ends the processes of an owner that died without ending them itself (kill -9, a crash,
// a closed terminal). It is started by infra/local/children.ts in a session of its own, so that
// Ctrl-C does not reach it, and holds the reading end of a pipe to its owner:
//   +PID  watch this process group      -PID  it has ended
// The kernel closes the pipe however the owner ends. Then everything still there gets SIGTERM,
// and SIGKILL after the grace time. On Linux every descendant that carries the owner's mark in
// its environment is ended too, which covers a child that its owner had no time to announce.
//
//   node guard.mjs MARK GRACE_MS
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [mark = '', graceMs = '5000'] = process.argv.slice(2);
/** @type {Set<number>} */
const groups = new Set();

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => {}); // Only the pipe decides when a guard ends.
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const pid = Number(line.slice(1));
  if (!Number.isSafeInteger(pid) || pid < 2) return;
  if (line.startsWith('+')) groups.add(pid);
  else groups.delete(pid);
});
lines.on('close', () => void endAll());

async function endAll() {
  const deadline = Date.now() + Number(graceMs);
  send('SIGTERM');
  while (send(0) && Date.now() < deadline) await sleep(50);
  // A killed process may linger as a zombie where nobody reaps it: that is not ours to wait for.
  for (let tries = 0; tries < 100 && send('SIGKILL'); tries++) await sleep(20);
  process.exit(0);
}

/**
 * Signals everything that is left and says whether there was anything.
 * @param {NodeJS.Signals | 0} signal
 */
function send(signal) {
  let found = false;
  for (const group of groups) found = kill(-group, signal) || found;
  for (const pid of marked()) found = kill(pid, signal) || found;
  return found;
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals | 0} signal
 */
function kill(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false; // It has ended.
  }
}

/** The processes that carry the owner's mark. */
function marked() {
  if (process.platform !== 'linux' || mark === '') return [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && isMarked(pid));
}

/** @param {number} pid */
function isMarked(pid) {
  if (pid === process.pid) return false;
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
  } catch {
    return false; // It has ended, or belongs to another user.
  }
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
