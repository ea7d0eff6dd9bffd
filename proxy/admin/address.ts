import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';

/** Longest path of a Unix socket that every system takes. */
const PATH_BYTES_MAX = 107;

/**
 * Where a proxy's admin socket lies: in its data directory, or, when that path is too long for a
 * socket, under a hash of it in a runtime directory that only this user may enter.
 */
export function adminSocketPath(dataDir: string): string {
  const plain = path.join(dataDir, 'admin.sock');
  if (Buffer.byteLength(plain) <= PATH_BYTES_MAX) return plain;
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 32);
  return path.join(runtimeDir(), `${hash}.sock`);
}

function runtimeDir(): string {
  const { uid } = userInfo();
  const base = process.env['XDG_RUNTIME_DIR'];
  const inBase = base === undefined || base === '' ? '' : path.join(base, 'windrose');
  const fits = inBase !== '' && Buffer.byteLength(inBase) + 40 <= PATH_BYTES_MAX;
  const dir = fits ? inBase : path.join(tmpdir(), `windrose-${uid}`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const info = lstatSync(dir);
  if (!info.isDirectory() || info.uid !== uid || (info.mode & 0o077) !== 0) {
    throw new Error(
      `${dir} is not a directory of this user alone; remove it or set another TMPDIR`,
    );
  }
  return dir;
}

/** Removes what a dead proxy left; false: a live one answers there. */
export async function freeSocketPath(file: string): Promise<boolean> {
  const live = await new Promise<boolean>((resolve) => {
    const probe = connect({ path: file });
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
    probe.once('connect', () => probe.destroy());
  });
  if (live) return false;
  try {
    unlinkSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return true;
}
