// What a gateway that takes part in a comparison of peers is told, in its environment.
import { readFileSync } from 'node:fs';

export interface Route {
  id: string;
  /** `*`: every host. */
  host: string;
  prefix: string;
  /** host:port */
  upstream: string;
}

export interface Key {
  client: string;
  key: string;
}

export interface Contract {
  port: number;
  /** `bare`: routes and nothing else; `full`: keys, limits, a log, metrics, retries, circuits. */
  scenario: 'bare' | 'full';
  routes: readonly Route[];
  keys: readonly Key[];
  /** Tokens a second, and burst, of each client. */
  rate: number;
  accessLog: string;
  metricsPort: number;
  stateDir: string;
  /** Our own addition: HTTPS beside it, on a port and with a certificate (files of PEM). */
  tls?: { port: number; cert: string; key: string };
}

export function readContract(env: NodeJS.ProcessEnv): Contract {
  const need = (name: string): string => {
    const value = env[name];
    if (value === undefined || value === '') throw new Error(`${name} is not set`);
    return value;
  };
  const number = (name: string): number => {
    const value = Number(need(name));
    if (!Number.isSafeInteger(value)) throw new Error(`${name} is not a whole number`);
    return value;
  };
  const scenario = need('SCENARIO');
  if (scenario !== 'bare' && scenario !== 'full') throw new Error(`no scenario ${scenario}`);
  return {
    scenario,
    port: number('PORT'),
    routes: readJson(need('ROUTES_FILE')) as Route[],
    keys: scenario === 'full' ? (readJson(need('KEYS_FILE')) as Key[]) : [],
    rate: number('RATE'),
    accessLog: need('ACCESS_LOG'),
    metricsPort: number('METRICS_PORT'),
    stateDir: need('STATE_DIR'),
    ...(env['TLS_PORT'] === undefined
      ? {}
      : { tls: { port: number('TLS_PORT'), cert: need('CERT_FILE'), key: need('KEY_FILE') } }),
  };
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
