import {
  PartError,
  PART_NAMES,
  type PartName,
  type RunningParts,
  demoPorts,
  startParts,
} from '#local/parts.ts';
import { ADDRESS_VARIABLES } from '#local/external.ts';
import { TITLES } from '#local/part.ts';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import { orAborted } from '#demo/abort.ts';
import type { PartAddresses } from '#demo/services.ts';
import type { Progress } from '#local/progress.ts';
import type { Started, Stopping } from './stopping.ts';

export interface PartsOptions {
  dataDir: string;
  base: number;
  only: readonly PartName[];
  /** Of the mesh that a NATS started here is for. */
  keys?: MeshPaths | undefined;
  env: NodeJS.ProcessEnv;
  progress: Progress;
  say: (text: string) => void;
}

const GIVE_UP_MS = 3_000;
const RESTARTS_MAX = 3;

/** Starts the parts; one that dies later is started again, and if that fails all is stopped. */
export async function bringUpParts(
  options: PartsOptions,
  stopping: Stopping,
  started: Started,
): Promise<PartAddresses> {
  const up: { parts?: RunningParts } = {};
  let reviving: Promise<void> = Promise.resolve();
  const starting = startParts({
    dataDir: options.dataDir,
    ports: demoPorts(options.base),
    only: options.only,
    mesh: options.keys,
    progress: options.progress,
    env: options.env,
    died: (error) => {
      if (stopping.signal.aborted) return;
      if (up.parts === undefined) return stopping.fail(error);
      options.say(againText(error));
      reviving = revive(up.parts, options, reviving).catch(stopping.fail);
    },
  });
  started.add(async () => {
    const stop = starting.then(
      (running) => running.stop(),
      () => undefined,
    );
    if (up.parts !== undefined) return stop;
    // A start that is given up may still be downloading, or a broker still be coming up: it is
    // waited for a moment, and what is left then is ended by the guard (infra/local/guard.ts).
    const late = delay(GIVE_UP_MS).then(() => true);
    if ((await Promise.race([stop, late])) === true) {
      options.say('what was still starting ends with this process');
    }
    return undefined;
  });
  const parts = await orAborted(stopping.signal, starting);
  up.parts = parts;
  return { ...defaultAddresses(options.base), ...given(options.env), ...parts.addresses };
}

/** Starts again whatever is down, one call after the other. */
async function revive(
  parts: RunningParts,
  options: PartsOptions,
  before: Promise<void>,
): Promise<void> {
  await before;
  for (const name of PART_NAMES) {
    const part = parts[name];
    if (part === undefined || part.external || part.pid !== undefined) continue;
    let last: unknown;
    for (let tries = 0; tries < RESTARTS_MAX && part.pid === undefined; tries++) {
      await part.restart().catch((error: unknown) => {
        last = error;
      });
    }
    if (part.pid === undefined) {
      throw last instanceof Error ? last : new PartError(`${TITLES[name]} cannot be started again`);
    }
    options.say(`${TITLES[name]} is back on ${part.address}`);
  }
}

/** The sentence without the end of the log, which is named: the part is started again. */
export function againText(error: Error): string {
  const [first = ''] = error.message.split('\n');
  const [what, hint = ''] = first.replace(/ ends with$/, '').split('; its log ');
  return `${what} and is started again${hint === '' ? '' : `; its log is ${hint}`}`;
}

/** Where the parts of this base are, for services that are started without them. */
function defaultAddresses(base: number): PartAddresses {
  const ports = demoPorts(base);
  return {
    NATS_URL: `nats://127.0.0.1:${ports.nats}`,
    KAFKA_BROKERS: `127.0.0.1:${ports.kafka}`,
    CLICKHOUSE_URL: `http://127.0.0.1:${ports.clickhouseHttp}`,
  };
}

function given(env: NodeJS.ProcessEnv): PartAddresses {
  const names = givenParts(env).map((part) => ADDRESS_VARIABLES[part]);
  return Object.fromEntries(names.map((name) => [name, env[name]?.trim() ?? '']));
}

/** The parts that the operator names: used instead of being started. */
export function givenParts(env: NodeJS.ProcessEnv): PartName[] {
  return PART_NAMES.filter((part) => (env[ADDRESS_VARIABLES[part]]?.trim() ?? '') !== '');
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
