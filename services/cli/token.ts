import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sentenceOf } from '#platform/log.ts';
import { yaml } from '#platform/yaml.ts';
import { baseUrl } from './client.ts';
import { CliError, EXIT, usage } from './errors.ts';
import { type Io, line, styleOf } from './io.ts';

export interface TokenOptions {
  token?: string;
}

/** Read by anybody but its owner, it is no secret. */
const OTHERS = 0o077;

/**
 * The token for a config service, and for the other services that it names: `--token`,
 * `WINDROSE_TOKEN`, or what the user's own file has for this very address, so that a stored token
 * goes to no other server. Undefined: none.
 */
export function tokenFor(io: Io, options: TokenOptions, server: string): string | undefined {
  const token = given(io, options) ?? stored(io, server);
  if (token !== undefined && isRemoteClear(server)) {
    const style = styleOf(io, io.err);
    line(io.err, style.yellow(`warning: the token goes to ${server} in the clear; use https`));
  }
  return token;
}

function given(io: Io, { token }: TokenOptions): string | undefined {
  if (token !== undefined) return checked(token, '--token');
  const variable = io.env['WINDROSE_TOKEN']?.trim() ?? '';
  return variable === '' ? undefined : checked(variable, 'WINDROSE_TOKEN');
}

/** `$XDG_CONFIG_HOME/windrose/tokens.yaml`, or in `~/.config`: `ADDRESS: TOKEN` lines. */
function stored(io: Io, server: string): string | undefined {
  const file = fileOf(io.env);
  if (file === undefined) return undefined;
  const text = readOwn(file);
  if (text === undefined) return undefined;
  const entries = mappingOf(file, text);
  for (const [address, token] of Object.entries(entries)) {
    if (baseUrl(address, `${file}:`) !== server) continue;
    if (typeof token !== 'string') throw usage(`${file} has no token for ${address}`);
    return checked(token, file);
  }
  return undefined;
}

function fileOf(env: NodeJS.ProcessEnv): string | undefined {
  const base =
    env['XDG_CONFIG_HOME'] ?? (env['HOME'] === undefined ? '' : join(env['HOME'], '.config'));
  return base === '' ? undefined : join(base, 'windrose', 'tokens.yaml');
}

function readOwn(file: string): string | undefined {
  try {
    const { mode } = statSync(file);
    if ((mode & OTHERS) !== 0) {
      throw new CliError(
        EXIT.failed,
        `${file} holds tokens and can be read by others: chmod 600 ${file}`,
      );
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof CliError) throw error;
    throw new CliError(EXIT.failed, `cannot read the tokens: ${sentenceOf(error)}`);
  }
}

function mappingOf(file: string, text: string): Record<string, unknown> {
  const value = parsed(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw usage(`${file} is no list of lines such as "http://127.0.0.1:7400: TOKEN"`);
}

function parsed(text: string): unknown {
  try {
    return yaml().parse(text) ?? {};
  } catch {
    return undefined; // The caller says what should stand there; an excerpt could be a token.
  }
}

/** What may stand in the header, and nothing that would break it. */
function checked(token: string, source: string): string {
  if (/^[-A-Za-z0-9._~+/]+=*$/.test(token)) return token;
  throw usage(`${source} holds no token: a token has letters, digits and -._~+/ only`);
}

function isRemoteClear(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  const isHere = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return protocol === 'http:' && !isHere;
}
