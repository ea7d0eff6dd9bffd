import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, type Exit, describeExit, spawnGuarded } from '#local/children.ts';
import { PartError } from '#local/errors.ts';
import { type Supervised, supervise } from '#local/supervise.ts';

/** One process of ours: a module of this checkout on this Node. */
export interface ProcessSpec {
  name: string;
  /** Absolute path of the module. */
  module: string;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** What a person may want to know of a process that runs on its own. */
export interface GroupEvent {
  name: string;
  kind: 'restarting' | 'cannot-restart';
  text: string;
}

export interface GroupOptions {
  logDir: string;
  env: NodeJS.ProcessEnv;
  readyTimeoutMs?: number;
  onEvent?: (event: GroupEvent) => void;
}

/** Modules that were stripped and compiled once are kept: a start costs half the CPU. */
const COMPILE_CACHE = fileURLToPath(new URL('../../.windrose/compile-cache', import.meta.url));
const READY = /^(?!.*\bnot ready\b).*\bready\b/;
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 8_000;

/**
 * Processes that are kept running: one that dies is started again and named in an event. All end
 * with the process that owns the group, however that ends (infra/local/guard.ts).
 */
export class ProcessGroup {
  readonly #options: GroupOptions;
  readonly #running = new Map<string, Supervised>();

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  /**
   * Starts a process and resolves when it has said `ready`. Rejects with a PartError, and with
   * nothing left of it, when its first start fails; from then on it is kept running.
   */
  async start(spec: ProcessSpec): Promise<void> {
    const spawn = (): Child => this.#spawn(spec);
    let first: Child | undefined;
    let starting = true;
    const supervised = supervise(
      () => {
        const child = spawn();
        first ??= child;
        return child;
      },
      {
        onExit: (exit) => {
          if (!starting) this.#tell(spec.name, 'restarting', exit);
        },
        onSpawnError: (error) => {
          const text = error instanceof Error ? error.message : String(error);
          this.#options.onEvent?.({ name: spec.name, kind: 'cannot-restart', text });
        },
      },
    );
    this.#running.set(spec.name, supervised);
    try {
      await first?.ready;
    } catch (error) {
      this.#running.delete(spec.name);
      await supervised.stop({ timeoutMs: 0 });
      throw error;
    } finally {
      starting = false;
    }
  }

  /** The process id now; undefined while it is between an end and the next start. */
  pid(name: string): number | undefined {
    return this.#find(name).current()?.pid;
  }

  names(): string[] {
    return [...this.#running.keys()];
  }

  /** Sends a signal; with SIGKILL it resolves once that process has ended (its heir may start). */
  async kill(name: string, signal: NodeJS.Signals): Promise<Exit | undefined> {
    const child = this.#find(name).current();
    child?.kill(signal);
    return signal === 'SIGKILL' ? child?.exited : undefined;
  }

  /** Resolves when a process other than `before` has said `ready`. */
  async restarted(name: string, before: number | undefined, timeoutMs: number): Promise<number> {
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline) {
      const child = this.#find(name).current();
      if (child !== undefined && child.pid !== before) {
        await child.ready;
        return child.pid;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new PartError(`${name} was not started again within ${timeoutMs / 1_000} s`);
  }

  /** Ends one process for good. */
  async stop(name: string): Promise<void> {
    const supervised = this.#find(name);
    this.#running.delete(name);
    await supervised.stop({ timeoutMs: STOP_TIMEOUT_MS });
  }

  /** Ends these together. */
  async stopEach(names: readonly string[]): Promise<void> {
    const present = names.filter((name) => this.#running.has(name));
    await Promise.all(present.map((name) => this.stop(name)));
  }

  #spawn(spec: ProcessSpec): Child {
    const { env, logDir, readyTimeoutMs = READY_TIMEOUT_MS } = this.#options;
    return spawnGuarded({
      name: spec.name,
      command: process.execPath,
      args: ['--no-warnings', spec.module, ...(spec.args ?? [])],
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...env, ...spec.env },
      logFile: join(logDir, `${spec.name}.log`),
      ready: { line: READY, timeoutMs: readyTimeoutMs },
    });
  }

  #tell(name: string, kind: GroupEvent['kind'], exit: Exit): void {
    const text = `${name} ended (${describeExit(exit)}) and is started again`;
    this.#options.onEvent?.({ name, kind, text });
  }

  #find(name: string): Supervised {
    const found = this.#running.get(name);
    if (found === undefined) throw new PartError(`there is no process ${name} here`);
    return found;
  }
}
