import { accessSync, constants } from 'node:fs';
import { LABEL } from '#contracts/names.ts';
import {
  BootstrapError,
  type BootstrapValues,
  type FieldSpec,
  bootstrapHelp,
  readBootstrap,
} from './bootstrap.ts';
import { sentenceOf } from './log.ts';
import { type ServiceLog, createServiceLog } from './service-log.ts';
import { startTracing } from './otel.ts';
import { runMain } from './process.ts';

/** Bootstrap fields that every service has, beside its own and `listen`. */
export const SERVICE_FIELDS = {
  mesh: { type: 'string', env: 'WINDROSE_MESH', default: 'demo', description: 'name of the mesh' },
  insecureListen: {
    type: 'boolean',
    env: 'WINDROSE_INSECURE_LISTEN',
    default: false,
    description: 'listen on other addresses than loopback although nobody is asked for a token',
  },
  tokens: {
    type: 'string',
    env: 'WINDROSE_TOKENS_FILE',
    description: 'who may use the API, and how (`windrose token new`); none: anybody on loopback',
  },
  otlp: {
    type: 'string',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    description: 'OTLP/HTTP receiver of traces, such as http://127.0.0.1:4318; none: no traces',
  },
} as const satisfies Record<string, FieldSpec>;

/** Of those that speak NATS. */
export const NATS_FIELDS = {
  nats: {
    type: 'string',
    env: 'NATS_URL',
    default: 'nats://127.0.0.1:7422',
    description: 'NATS servers with JetStream, separated by commas',
  },
  natsCreds: { type: 'string', env: 'NATS_CREDS', description: 'a .creds file for NATS' },
  natsCa: { type: 'string', env: 'NATS_CA', description: 'a CA bundle for tls:// servers' },
} as const satisfies Record<string, FieldSpec>;

/** Of those that speak to ClickHouse. */
export const CLICKHOUSE_FIELDS = {
  clickhouse: {
    type: 'string',
    env: 'CLICKHOUSE_URL',
    default: 'http://127.0.0.1:7423',
    description: 'ClickHouse over HTTP, http(s)://[user:password@]host:port',
  },
} as const satisfies Record<string, FieldSpec>;

/** Throws one sentence for what is no http(s) URL; it may hold a password, so it is not shown. */
export function checkHttpUrl(flag: string, url: string): void {
  if (/^https?:$/.test(URL.parse(url)?.protocol ?? '')) return;
  throw new BootstrapError(`${flag} is no URL; write http(s)://[user:password@]host:port`);
}

/** Throws one sentence when a file that a flag names cannot be read. */
export function checkFile(flag: string, file: string | undefined): void {
  try {
    if (file !== undefined) accessSync(file, constants.R_OK);
  } catch (error) {
    throw new BootstrapError(`${flag}: ${sentenceOf(error)}`);
  }
}

export interface RunningService {
  /** Base URL of its API. */
  url: string;
  /**
   * Resolves when it can do its work, to false when it was stopped before; rejects when it never
   * will. Absent: it works as soon as it is started.
   */
  ready?: Promise<unknown>;
  stop: () => Promise<void>;
}

/** Whoever stops a service waits for this long at most; then it ends with status 1. */
const STOP_MAX_MS = 30_000;

/**
 * Runs a service as a process: bootstrap and `--help`, log, tracing, the `ready URL` line on
 * stdout, one sentence and a status when it cannot work, an orderly end on a signal. A start that
 * yields undefined was not to serve: it has done all that was asked, and the process ends.
 */
export function runService<const S extends Record<string, FieldSpec>>(
  name: string,
  fields: S & typeof SERVICE_FIELDS,
  start: (
    values: BootstrapValues<S & typeof SERVICE_FIELDS>,
    log: ServiceLog,
  ) => Promise<RunningService | undefined>,
): void {
  const program = `windrose-${name}`;
  runMain(program, async () => {
    const argv = process.argv.slice(2);
    if (argv.includes('--help')) {
      process.stdout.write(`${bootstrapHelp(program, fields)}\n`);
      return undefined;
    }
    const values = readBootstrap({ program, fields, argv, env: process.env });
    const { mesh, otlp } = values as BootstrapValues<typeof SERVICE_FIELDS>;
    if (!new RegExp(LABEL).test(mesh)) {
      throw new BootstrapError(
        `--mesh ${mesh} is no name of a mesh: no label of lower-case letters, digits and dashes`,
      );
    }
    const log = createServiceLog({ service: name, fields: { mesh } });
    const tracing = startTracing(name, otlp);
    const service = await start(values, log);
    if (service === undefined) return undefined;
    tellReady(program, service);
    return {
      stop: async () => {
        setTimeout(() => {
          process.stderr.write(`${program}: did not end within ${STOP_MAX_MS / 1_000} s\n`);
          process.exit(1);
        }, STOP_MAX_MS).unref();
        await service.stop();
        await tracing.stop();
      },
    };
  });
}

function tellReady(program: string, { url, ready = Promise.resolve() }: RunningService): void {
  ready.then(
    (isReady) => isReady !== false && process.stdout.write(`ready ${url}\n`),
    (error: unknown) => {
      process.stderr.write(`${program}: ${sentenceOf(error)}\n`);
      process.exit(1);
    },
  );
}
