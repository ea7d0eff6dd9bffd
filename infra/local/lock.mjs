// @ts-check
// A lock between processes that the kernel releases when its holder ends, however it ends: there
// is no lock file that a crash could leave behind. On Linux it is an abstract Unix socket, on
// macOS the O_EXLOCK flag of open(). Plain JavaScript, because the bootstrap needs it on the
// machine's own Node.
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve as resolvePath } from 'node:path';

const O_EXLOCK = 0x20; // BSD and macOS; Node does not name it.
const RETRY_MS = 100;

/**
 * Takes the lock that belongs to a path, or returns undefined when another holds it. The path
 * need not exist on Linux; on macOS the lock lives in `PATH.lock` beside it.
 * @param {string} path
 * @returns {Promise<{ release(): void } | undefined>}
 */
export function tryLock(path) {
  return process.platform === 'linux' ? lockSocket(path) : Promise.resolve(lockFile(path));
}

/**
 * Takes the lock, waiting for it if another holds it; `onWait` is called once in that case.
 * @param {string} path
 * @param {() => void} [onWait]
 * @returns {Promise<{ release(): void }>}
 */
export async function lock(path, onWait) {
  for (let tries = 0; ; tries++) {
    const held = await tryLock(path);
    if (held) return held;
    if (tries === 0) onWait?.();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/**
 * @param {string} path
 * @returns {Promise<{ release(): void } | undefined>}
 */
function lockSocket(path) {
  const name = createHash('sha256').update(resolvePath(path)).digest('hex').slice(0, 40);
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ path: `\0windrose-${name}`, exclusive: true }, () => {
      server.unref();
      resolve({ release: () => void server.close() });
    });
  });
}

/**
 * @param {string} path
 * @returns {{ release(): void } | undefined}
 */
function lockFile(path) {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | O_EXLOCK;
  try {
    const fd = openSync(`${path}.lock`, flags);
    return { release: () => closeSync(fd) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return undefined;
    throw error;
  }
}
