import type { InfoResponse } from '#contracts/api/config.ts';
import { type Client, baseUrl, createClient } from './client.ts';
import { CliError, EXIT, usage } from './errors.ts';
import type { Io } from './io.ts';
import { type TokenOptions, tokenFor } from './token.ts';

export interface ServerOptions extends TokenOptions {
  server?: string;
  mesh?: string;
}

const DEFAULT_BASE = 7_000;
const CONFIG_OFFSET = 400;
const BASE_MAX = 65_000;

/** `WINDROSE_PORT_BASE`, from which every port of `npm start` is counted. */
export function portBase(env: NodeJS.ProcessEnv): number {
  const text = env['WINDROSE_PORT_BASE']?.trim() ?? '';
  if (text === '') return DEFAULT_BASE;
  const base = Number(text);
  if (!Number.isInteger(base) || base < 1_024 || base > BASE_MAX) {
    throw usage(
      `WINDROSE_PORT_BASE ${text} is no base of ports; use a whole number from 1024 to ${BASE_MAX}`,
    );
  }
  return base;
}

/** The address of the config service: `--server`, `WINDROSE_SERVER`, or the local one. */
export function serverUrl(io: Io, options: ServerOptions): string {
  if (options.server !== undefined) return baseUrl(options.server, '--server');
  const given = io.env['WINDROSE_SERVER']?.trim() ?? '';
  if (given !== '') return baseUrl(given, 'WINDROSE_SERVER');
  return `http://127.0.0.1:${portBase(io.env) + CONFIG_OFFSET}`;
}

/** The config service; with `--mesh` only after it said that it serves that mesh. */
export async function configServer(io: Io, options: ServerOptions): Promise<Client> {
  const client = connectConfig(io, options);
  if (options.mesh !== undefined) checkMesh(client, options.mesh, await info(client));
  return client;
}

function connectConfig(io: Io, options: ServerOptions): Client {
  const url = serverUrl(io, options);
  return createClient({
    url,
    service: 'config service',
    hint: 'start it with `windrose up`, or name another by --server or WINDROSE_SERVER',
    token: tokenFor(io, options, url),
  });
}

/** Analytics or alerting: the config service knows where they are. */
export async function otherServer(
  io: Io,
  options: ServerOptions,
  name: 'analytics' | 'alerting',
): Promise<Client> {
  const config = connectConfig(io, options);
  const found = await info(config);
  if (options.mesh !== undefined) checkMesh(config, options.mesh, found);
  const url = found.addresses[name];
  if (url === undefined) {
    throw new CliError(
      EXIT.failed,
      `the config service at ${config.url} was not told where ${name} is: ` +
        `start it with --${name} URL`,
    );
  }
  return createClient({
    url: baseUrl(url, `${name} address`),
    service: `${name} service`,
    hint: `start it (\`windrose up\` does); the config service at ${config.url} says it is there`,
    token: config.token,
  });
}

export function info(client: Client): Promise<InfoResponse> {
  return client.get<InfoResponse>('/v1/info');
}

function checkMesh(client: Client, mesh: string, found: InfoResponse): void {
  if (found.mesh === mesh) return;
  throw new CliError(
    EXIT.failed,
    `the config service at ${client.url} serves the mesh ${found.mesh}, not ${mesh}`,
  );
}
