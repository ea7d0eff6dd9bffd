import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { natsUrl } from '#test/parts.ts';
import { isAlive } from '#test/processes.ts';
import { onTestFinished } from 'vitest';

export const CONFIG_MAIN = fileURLToPath(
  new URL('../../../services/config/main.ts', import.meta.url),
);

/** The service as a process of its own; killed after the test. */
export async function spawnService(
  mesh: string,
  flags: readonly string[] = [],
): Promise<{ child: ReturnType<typeof spawn>; url: string }> {
  const args = [
    CONFIG_MAIN,
    '--mesh',
    mesh,
    '--nats',
    natsUrl(),
    '--listen',
    '127.0.0.1:0',
    ...flags,
  ];
  const env = { ...process.env, WINDROSE_LOG_LEVEL: 'error', WINDROSE_INSECURE_UNSIGNED: 'true' };
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  onTestFinished(() => {
    if (child.pid !== undefined && isAlive(child.pid)) child.kill('SIGKILL');
  });
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^ready (http:\S+)$/.exec(line)?.[1];
    if (url !== undefined) return { child, url };
  }
  throw new Error('the service ended before it was ready');
}
