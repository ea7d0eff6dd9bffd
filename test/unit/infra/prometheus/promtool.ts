/** Prometheus' own tool, where it is installed. */
import { spawnSync } from 'node:child_process';

export function promtool(...args: string[]): { status: number | null; text: string } {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, text: error === undefined ? stdout + stderr : error.message };
}

/** Why tests with it are skipped; undefined: it is there. */
export const missing = promtool('--version').status === 0 ? undefined : 'promtool is not installed';
/** For the title of what is skipped. */
export const why = missing === undefined ? '' : ` (skipped: ${missing})`;
