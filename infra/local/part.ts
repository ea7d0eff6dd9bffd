import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, describeExit, logHint } from './children.ts';
import { PartError } from './errors.ts';
import { assertFree } from './ports.ts';

/** The parts that Windrose needs beside itself. */
export type PartName = 'nats' | 'kafka' | 'clickhouse';

/** What people call them. */
export const TITLES: Readonly<Record<PartName, string>> = {
  nats: 'NATS',
  kafka: 'Kafka',
  clickhouse: 'ClickHouse',
};

/** A part that can be used now. */
export interface RunningPart {
  readonly name: PartName;
  /** `nats://…`, `host:port`, `http://…`, as the clients want it. */
  readonly address: string;
  /** The operator's own: reachable when it was checked, and never stopped by us. */
  readonly external: boolean;
  /** The process, while it runs. */
  readonly pid: number | undefined;
  readonly logFile: string | undefined;
  /** Sends a signal and, if it is SIGKILL or SIGTERM, waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same data and ports (stopping it first if it runs). */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** How one part is started and probed. */
export interface Recipe {
  readonly name: PartName;
  readonly address: string;
  readonly logFile: string;
  readonly ports: readonly number[];
  readonly readyTimeoutMs: number;
  spawn(): Child;
  /** One try: true when the part answers as it should. Must not throw. */
  probe(): Promise<boolean>;
  /** Told when the part ends without having been asked to. */
  readonly died?: ((error: PartError) => void) | undefined;
}

const PROBE_EVERY_MS = 25;
const STOP_TIMEOUT_MS = 15_000;

/** Starts a part and resolves once it answers. */
export async function launch(recipe: Recipe): Promise<RunningPart> {
  mkdirSync(dirname(recipe.logFile), { recursive: true });
  if (existsSync(recipe.logFile)) renameSync(recipe.logFile, `${recipe.logFile}.old`);
  let child: Child | undefined;
  let expected = false;

  const start = async (): Promise<void> => {
    for (const port of recipe.ports) await assertFree(port, TITLES[recipe.name]);
    expected = false;
    const started = recipe.spawn();
    child = started;
    try {
      await untilReady(recipe, started);
    } catch (error) {
      expected = true;
      await started.stop({ timeoutMs: 0 });
      throw error;
    }
    void started.exited.then((exit) => {
      if (child === started) child = undefined;
      if (!expected) recipe.died?.(death(recipe, 'ended by itself', describeExit(exit)));
    });
  };
  const stop = async (): Promise<void> => {
    expected = true;
    await child?.stop({ timeoutMs: STOP_TIMEOUT_MS });
    child = undefined;
  };

  await start();
  return {
    name: recipe.name,
    address: recipe.address,
    external: false,
    logFile: recipe.logFile,
    get pid() {
      return child?.pid;
    },
    async kill(signal) {
      const ends = signal === 'SIGKILL' || signal === 'SIGTERM';
      if (ends) expected = true;
      child?.kill(signal);
      if (ends) await child?.exited;
    },
    async restart() {
      await stop();
      await start();
    },
    stop,
  };
}

async function untilReady(recipe: Recipe, child: Child): Promise<void> {
  const deadline = Date.now() + recipe.readyTimeoutMs;
  let ended: string | undefined;
  void child.exited.then((exit) => {
    ended = describeExit(exit);
  });
  while (Date.now() < deadline) {
    if (ended !== undefined) throw death(recipe, 'ended while starting', ended);
    if (await recipe.probe()) return;
    await sleep(PROBE_EVERY_MS);
  }
  throw death(recipe, 'did not get ready', `after ${recipe.readyTimeoutMs / 1000} s`);
}

function death(recipe: Recipe, what: string, how: string): PartError {
  return new PartError(`${TITLES[recipe.name]} ${what} (${how}); ${logHint(recipe.logFile)}`);
}
