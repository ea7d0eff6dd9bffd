import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnGuarded } from '../children.ts';
import { PartError } from '../errors.ts';
import { type RunningPart, launch } from '../part.ts';
import { clickhouseAnswers } from '../probe.ts';
import { LOCAL_HOST, clickhouseSettings } from '../settings.ts';

const PACKAGE = '@chdb/lib-linux-x64-gnu';
const SERVER = fileURLToPath(new URL('server.ts', import.meta.url));

/** The ClickHouse library, which npm brings along on Linux x64. */
export function findClickhouse(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
    return join(dirname(manifest), 'libchdb.so');
  } catch {
    throw new PartError(
      "ClickHouse, which stores every request's record, comes with Windrose only on Linux x64 " +
        `(here: ${process.platform} ${process.arch}): name your own server in CLICKHOUSE_URL, ` +
        'for example http://default:password@127.0.0.1:8123',
    );
  }
}

/** What a local ClickHouse needs. */
export interface ClickhouseOptions {
  readonly library: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly httpPort: number;
  readonly nativePort: number;
  readonly env: NodeJS.ProcessEnv;
  readonly died?: ((error: PartError) => void) | undefined;
}

/** Starts ClickHouse on 127.0.0.1 and waits until it answers. */
export function startClickhouse(options: ClickhouseOptions): Promise<RunningPart> {
  const { library, dataDir, logFile, httpPort, nativePort } = options;
  mkdirSync(dataDir, { recursive: true });
  const address = `http://${LOCAL_HOST}:${httpPort}`;
  const settings = { ...clickhouseSettings, ...asServer };
  const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  return launch({
    name: 'clickhouse',
    address,
    logFile,
    ports: [httpPort, nativePort],
    readyTimeoutMs: 60_000,
    spawn: () =>
      spawnGuarded({
        name: 'ClickHouse',
        command: process.execPath,
        args: [
          '--no-warnings',
          SERVER,
          library,
          dataDir,
          String(httpPort),
          String(nativePort),
          ...flags,
        ],
        env: { ...options.env, TZ: 'UTC' },
        cwd: dataDir,
        logFile,
      }),
    probe: () => clickhouseAnswers(address),
    died: options.died,
  });
}

/** Where clickhouse-local's defaults differ from the server's: the server's. */
const asServer: Readonly<Record<string, string>> = {
  implicit_select: '0',
  allow_introspection_functions: '0',
  'logger.console': '1',
  // clickhouse-local ignores `logger.level` and then logs at trace: 6 MB a minute under the demo
  // (ClickHouse issue 121022). Its warnings are about its own pools, 30 a second.
  'log-level': 'error',
};
