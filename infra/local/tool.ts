import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { spawnGuarded } from './children.ts';

/** What a tool printed, and how it ended. */
export interface ToolResult {
  readonly ok: boolean;
  readonly output: string;
}

export interface ToolOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/** The first of these commands that is on the path. */
export function findCommand(names: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    const found = folders.map((folder) => join(folder, name)).find(isExecutable);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether a file can be run. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // Not there, or not for us: both mean no.
  }
}

/**
 * Runs a tool (pip, mvn, java, …) to its end and returns what it printed. It is guarded like
 * every other process: an interrupted download leaves none behind.
 */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const folder = mkdtempSync(join(tmpdir(), 'windrose-tool-'));
  const logFile = join(folder, 'output');
  try {
    const child = spawnGuarded({ name: command, command, args, ...pick(options), logFile });
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 600_000);
    const exit = await child.exited;
    clearTimeout(timer);
    return { ok: exit.code === 0, output: readFileSync(logFile, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pick(options: ToolOptions): { env?: NodeJS.ProcessEnv; cwd?: string } {
  return {
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  };
}
