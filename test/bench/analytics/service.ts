import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../support/eventually.ts';

const MAIN = fileURLToPath(new URL('../../../services/analytics/main.ts', import.meta.url));

export interface Service {
  pid: number | undefined;
  stop(): Promise<void>;
}

/** The analytics service of a mesh, in a process of its own. */
export async function startService(mesh: string, broker: string, url: string): Promise<Service> {
  const args = ['--mesh', mesh, '--listen', '127.0.0.1:0', '--kafka', broker, '--clickhouse', url];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  try {
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await eventually(() => out.includes('ready ') || undefined, {
      ...{ what: 'analytics is ready', timeoutMs: 60_000 },
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid, stop };
}
