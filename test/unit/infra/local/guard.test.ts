import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { GRACE_VARIABLE } from '#local/guarding.mjs';
import { tempDir } from '#test/parts.ts';
import { isAlive, until } from '#test/processes.ts';
import { expect, test } from 'vitest';

const OWNER = fileURLToPath(new URL('fixtures/owner.ts', import.meta.url));

/** Starts an owner and returns its process with the pids of its child and grandchild. */
async function startOwner(): Promise<{ kill(signal: NodeJS.Signals): void; pids: number[] }> {
  const owner = spawn(process.execPath, ['--no-warnings', OWNER, join(tempDir(), 'log')], {
    env: { ...process.env, [GRACE_VARIABLE]: '200' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
  const pids = line.split(' ').map(Number);
  expect(pids.map(isAlive)).toEqual([true, true]);
  return { kill: (signal) => void owner.kill(signal), pids };
}

test.each(['SIGKILL', 'SIGTERM', 'SIGHUP'] as const)(
  'an owner that ends by %s leaves no process, not even one that ignores SIGTERM',
  async (signal) => {
    const owner = await startOwner();
    owner.kill(signal);
    await until('all have ended', () => !owner.pids.some(isAlive), 9_000);
  },
);
