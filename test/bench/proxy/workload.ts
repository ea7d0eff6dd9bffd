// What is configured and asked for, as the peers' own comparison has it.
import { hash } from 'node:crypto';
import type { Key, Route } from '../peer/contract.ts';

export type Scenario = 'bare' | 'full';

const ROUTES_FULL = 100;
const KEYS = 1_000;
const HOSTS = 10;
const REQUESTS = 1_000;
/** Not multiples of anything above: neighbours in time are no neighbours in a table. */
const ROUTE_STEP = 37;
const KEY_STEP = 7;
const HEADERS = [
  'User-Agent: bench/1.0',
  'Accept: */*',
  'Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789',
  'X-Trace: 1234567890',
];

export interface Workload {
  routes: readonly Route[];
  keys: readonly Key[];
  requests: readonly string[];
}

export function workload(scenario: Scenario, upstream: string): Workload {
  const keys = Array.from({ length: KEYS }, (_, i) => ({
    client: `client${String(i).padStart(4, '0')}`,
    key: hash('sha256', `key${i}`).slice(0, 32),
  }));
  if (scenario === 'bare') {
    const routes = [{ id: 'r0', host: '*', prefix: '/', upstream }];
    return { routes, keys: [], requests: [requestText('/api/users/42?x=1', 'h0.test', keys[0])] };
  }
  const routes = Array.from({ length: ROUTES_FULL }, (_, i) => ({
    id: `r${i}`,
    host: `h${i % HOSTS}.test`,
    prefix: `/r${i}/`,
    upstream,
  }));
  const requests = Array.from({ length: REQUESTS }, (_, i) => {
    const route = routes[(i * ROUTE_STEP) % routes.length];
    return requestText(`${route?.prefix}users/42`, route?.host ?? '', keys[(i * KEY_STEP) % KEYS]);
  });
  return { routes, keys, requests };
}

export function requestText(target: string, host: string, key: Key | undefined): string {
  const lines = [`GET ${target} HTTP/1.1`, `Host: ${host}`, ...HEADERS];
  if (key !== undefined) lines.push(`x-api-key: ${key.key}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
