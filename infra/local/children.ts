import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { PartError, lastLines } from './errors.ts';
import { ensureGuard, markedEnv, unwatch, watch } from './guarding.mjs';

/** What to start, and where its output goes. */
export interface GuardedSpec {
  /** What people call it, in sentences such as "payments ended". */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  /** The whole environment (default: this process's). */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Standard output and error are appended here. */
  readonly logFile: string;
  /** Called with every line of standard output, which also goes to the log. */
  readonly onLine?: (line: string) => void;
  /** Makes `Child.ready` wait for a line of standard output. */
  readonly ready?: { readonly line: RegExp; readonly timeoutMs: number };
}

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that does not outlive the one that started it. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves at the `ready` line (at once when none was asked for), rejects with a PartError. */
  readonly ready: Promise<void>;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** Sends a signal to the process (not to its group); without effect once it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and after `timeoutMs` (default 10 s) SIGKILL to the whole group. */
  stop(options?: { timeoutMs?: number }): Promise<Exit>;
}

const STOP_TIMEOUT_MS = 10_000;

/**
 * Starts a process in a group of its own under this process's guard: if this process dies in
 * whatever way, the group gets SIGTERM and then SIGKILL. Throws a PartError when the command
 * cannot be started.
 */
export function spawnGuarded(spec: GuardedSpec): Child {
  ensureGuard();
  const reads = spec.onLine !== undefined || spec.ready !== undefined;
  const child = spawnInto(spec, reads);
  const pid = child.pid;
  if (pid === undefined) {
    child.once('error', () => {}); // The sentence below says it.
    throw new PartError(`${spec.name} cannot be started: ${spec.command} does not run here`);
  }
  watch(pid);
  const exited = untilExit(child, pid);
  const lines = reads ? readLines(child, spec) : undefined;
  return {
    name: spec.name,
    pid,
    logFile: spec.logFile,
    ready: lines && spec.ready ? untilReady(spec, spec.ready, lines, exited) : Promise.resolve(),
    exited,
    kill: (signal) => void child.kill(signal),
    stop: (options) => stop(child, pid, exited, options?.timeoutMs ?? STOP_TIMEOUT_MS),
  };
}

function spawnInto(spec: GuardedSpec, reads: boolean): ChildProcess {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, 'a');
  try {
    return spawn(spec.command, spec.args ?? [], {
      detached: true,
      env: markedEnv(spec.env ?? process.env),
      stdio: ['ignore', reads ? 'pipe' : log, log],
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    });
  } finally {
    closeSync(log);
  }
}

function untilExit(child: ChildProcess, pid: number): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', () => {}); // A signal that could not be sent; `exit` tells the end.
    child.once('exit', (code, signal) => {
      killGroup(pid); // What the process left behind in its group ends with it.
      unwatch(pid);
      resolve({ code, signal });
    });
  });
}

type Listener = (line: string) => void;

function readLines(child: ChildProcess, spec: GuardedSpec): Set<Listener> {
  const listeners = new Set<Listener>(spec.onLine ? [spec.onLine] : []);
  if (!child.stdout) return listeners;
  const log = openSync(spec.logFile, 'a');
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => {
    append(log, line); // First: who is told of a line finds it in the log.
    for (const listener of listeners) listener(line);
  });
  reader.once('close', () => closeSync(log));
  return listeners;
}

function append(log: number, line: string): void {
  try {
    writeSync(log, `${line}\n`);
  } catch {
    // A full disk must not end the owner of the process.
  }
}

function untilReady(
  spec: GuardedSpec,
  ready: { line: RegExp; timeoutMs: number },
  lines: Set<Listener>,
  exited: Promise<Exit>,
): Promise<void> {
  const waited = new Promise<void>((resolve, reject) => {
    const fail = (what: string): void => {
      settle();
      reject(new PartError(`${spec.name} ${what}; ${logHint(spec.logFile)}`));
    };
    const onLine = (line: string): void => {
      if (!ready.line.test(line)) return;
      settle();
      resolve();
    };
    const seconds = ready.timeoutMs / 1000;
    const timer = setTimeout(() => fail(`was not ready after ${seconds} s`), ready.timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      lines.delete(onLine);
    };
    lines.add(onLine);
    void exited.then((exit) => fail(`ended before it was ready (${describeExit(exit)})`));
  });
  waited.catch(() => {}); // Who does not wait for `ready` sees the end in `exited`.
  return waited;
}

async function stop(
  child: ChildProcess,
  pid: number,
  exited: Promise<Exit>,
  timeoutMs: number,
): Promise<Exit> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => {
    killGroup(pid);
    child.kill('SIGKILL');
  }, timeoutMs);
  const exit = await exited;
  clearTimeout(timer);
  return exit;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in the group, which is what is wanted.
  }
}

/** "exit status 1" or "SIGKILL". */
export function describeExit(exit: Exit): string {
  return exit.signal ?? `exit status ${exit.code ?? 'unknown'}`;
}

/** Where to read on, with the last lines at once. */
export function logHint(logFile: string): string {
  const tail = lastLines(logFile);
  return tail === '' ? `its log is ${logFile}` : `its log ${logFile} ends with\n${tail}`;
}
