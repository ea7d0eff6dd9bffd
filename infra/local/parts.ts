import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import { findClickhouse, startClickhouse } from './clickhouse/clickhouse.ts';
import { PartError, sentence } from './errors.ts';
import { ADDRESS_VARIABLES, useExternal } from './external.ts';
import type { FetchContext } from './fetch.ts';
import { startKafka } from './kafka/broker.ts';
import { type KafkaProgram, fetchKafka } from './kafka/fetch.ts';
import { tryLock } from './lock.mjs';
import { fetchNats, startNats } from './nats/server.ts';
import { type PartName, type RunningPart, TITLES } from './part.ts';
import type { PartPorts } from './ports.ts';
import { type Progress, silent } from './progress.ts';

export type { PartName, RunningPart } from './part.ts';
export { type PartPorts, demoPorts, freePorts } from './ports.ts';
export type { ProgressLine } from './progress.ts';
export { PartError } from './errors.ts';

/** All parts, in the order in which they are shown. */
export const PART_NAMES: readonly PartName[] = ['nats', 'kafka', 'clickhouse'];

/** Where downloads lie: in the checkout, shared by the demo and the tests. */
export const DEFAULT_CACHE_DIR = fileURLToPath(new URL('../../.windrose/parts', import.meta.url));

export interface StartOptions {
  /** Data and logs of the parts; used by one process at a time. */
  readonly dataDir: string;
  readonly cacheDir?: string;
  readonly ports: PartPorts;
  /** Start these only. */
  readonly only?: readonly PartName[];
  readonly progress?: Progress;
  readonly env?: NodeJS.ProcessEnv;
  /** Told when a part ends without having been asked to. */
  readonly died?: (error: PartError) => void;
  /** Whose accounts and TLS a NATS that is started here has; without it everyone may do all. */
  readonly mesh?: MeshPaths | undefined;
}

export interface RunningParts {
  nats?: RunningPart;
  kafka?: RunningPart;
  clickhouse?: RunningPart;
  addresses: { NATS_URL?: string; KAFKA_BROKERS?: string; CLICKHOUSE_URL?: string };
  stop(): Promise<void>;
}

/** Starts what is asked for and not given by the operator, all at once; stops all if one fails. */
export async function startParts(options: StartOptions): Promise<RunningParts> {
  mkdirSync(options.dataDir, { recursive: true });
  const held = await tryLock(options.dataDir);
  if (!held) {
    throw new PartError(
      `${options.dataDir} is in use by another windrose: stop that one, ` +
        'or set WINDROSE_PORT_BASE to run a second one beside it',
    );
  }
  const names = options.only ?? PART_NAMES;
  const startEach = (some: readonly PartName[]): Promise<PromiseSettledResult<RunningPart>[]> =>
    Promise.allSettled(some.map((name) => startPart(name, options)));
  const isYours = (name: PartName): boolean =>
    givenAddress(name, options.env ?? process.env) !== undefined;
  // The operator's own first: nothing is fetched or started beside a server that is not there.
  const started = await startEach(names.filter(isYours));
  if (!started.some((one) => one.status === 'rejected')) {
    started.push(...(await startEach(names.filter((name) => !isYours(name)))));
  }
  const parts = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(parts.map((part) => part.stop()));
    held.release();
  };
  const failed = started.find((one) => one.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const running: RunningParts = { addresses: {}, stop };
  for (const part of parts) {
    running[part.name] = part;
    running.addresses[ADDRESS_VARIABLES[part.name]] = part.address;
  }
  return running;
}

export interface FetchOptions {
  readonly cacheDir?: string;
  readonly only?: readonly PartName[];
  readonly progress?: Progress;
  readonly env?: NodeJS.ProcessEnv;
}

/** Downloads what the parts need, without starting anything. */
export async function fetchParts(options: FetchOptions = {}): Promise<void> {
  const context = contextOf(options);
  const fetches = (options.only ?? PART_NAMES)
    .filter((name) => givenAddress(name, context.env) === undefined)
    .map((name) => FETCHES[name](context));
  for (const one of await Promise.allSettled(fetches)) {
    if (one.status === 'rejected') throw one.reason;
  }
}

const FETCHES: Readonly<Record<PartName, (context: FetchContext) => Promise<unknown>>> = {
  nats: fetchNats,
  kafka: fetchKafka,
  clickhouse: async () => findClickhouse(),
};

async function startPart(name: PartName, options: StartOptions): Promise<RunningPart> {
  const progress = options.progress ?? silent;
  const subject = TITLES[name];
  const startedAt = Date.now();
  try {
    const given = givenAddress(name, options.env ?? process.env);
    const part =
      given === undefined ? await startLocal(name, options) : await useExternal(name, given);
    const text = part.external
      ? `yours, at ${ADDRESS_VARIABLES[name]}`
      : `ready on ${part.address} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`;
    progress({ subject, state: 'done', text });
    return part;
  } catch (error) {
    progress({ subject, state: 'failed', text: sentence(error).split('\n')[0] ?? '' });
    throw error;
  }
}

async function startLocal(name: PartName, options: StartOptions): Promise<RunningPart> {
  const context = contextOf(options);
  const { env, progress } = context;
  const { ports, died } = options;
  const dataDir = join(options.dataDir, name);
  const logFile = join(options.dataDir, 'logs', `${name}.log`);
  const starting = (): void => {
    progress({ subject: TITLES[name], state: 'working', text: 'starting' });
  };
  const common = { dataDir, logFile, env, died };
  switch (name) {
    case 'nats': {
      const program = await fetchNats(context);
      starting();
      return startNats({ ...common, program, port: ports.nats, mesh: options.mesh });
    }
    case 'kafka': {
      const program: KafkaProgram = await fetchKafka(context);
      starting();
      return startKafka({
        ...common,
        program,
        port: ports.kafka,
        controllerPort: ports.kafkaController,
      });
    }
    case 'clickhouse': {
      const library = findClickhouse();
      starting();
      const { clickhouseHttp: httpPort, clickhouseNative: nativePort } = ports;
      return startClickhouse({ ...common, library, httpPort, nativePort });
    }
    default:
      return name satisfies never;
  }
}

function contextOf(options: FetchOptions): FetchContext {
  return {
    cacheDir: options.cacheDir ?? DEFAULT_CACHE_DIR,
    env: options.env ?? process.env,
    progress: options.progress ?? silent,
  };
}

function givenAddress(name: PartName, env: NodeJS.ProcessEnv): string | undefined {
  const given = env[ADDRESS_VARIABLES[name]]?.trim();
  return given === '' ? undefined : given;
}
