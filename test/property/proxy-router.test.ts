import { expect, test } from 'vitest';
import { type CompiledSnapshot, decide, explain } from '#proxy/pure.ts';
import type { RequestView } from '#proxy/exchange.ts';
import { queryValue } from '#proxy/route/query.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import {
  NOW_MS,
  World,
  gateway,
  oneOf,
  request,
  route,
  seeded,
  service,
} from '../unit/proxy/support/world.ts';

const HOSTS = ['a.example', 'b.example', 'x.a.example', 'y.x.a.example', 'other.test'];
const HOSTNAMES = ['a.example', 'b.example', '*.example', '*.a.example', '*.x.a.example'];
const SEGMENTS = ['a', 'b', 'ab', 'c'];
const PATTERNS = ['/a/.*', '/[ab]+', '/(a|b)/c/?', '.*c'];

interface WrittenMatch {
  path?: { type: string; value: string };
  method?: string;
  headers?: { name: string; value: string; type?: string }[];
  queryParams?: { name: string; value: string; type?: string }[];
}
interface WrittenRoute {
  name: string;
  createdAt: number;
  hostnames: string[];
  rules: { matches: WrittenMatch[] }[];
}

type Random = () => number;

function somePath(random: Random): string {
  const depth = Math.floor(random() * 4);
  const end = random() < 0.2 ? '/' : '';
  const path = Array.from({ length: depth }, () => `/${oneOf(random, SEGMENTS)}`).join('');
  return path === '' ? '/' : path + end;
}

function someMatch(random: Random): WrittenMatch {
  const match: WrittenMatch = {};
  const type = oneOf(random, ['Exact', 'PathPrefix', 'PathPrefix', 'RegularExpression', '']);
  const value = type === 'RegularExpression' ? oneOf(random, PATTERNS) : somePath(random);
  if (type !== '') match.path = { type, value };
  if (random() < 0.3) match.method = oneOf(random, ['GET', 'POST']);
  if (random() < 0.3) {
    match.headers = ['X-One', 'x-two'].slice(0, 1 + Math.floor(random() * 2)).map((name) => ({
      name,
      ...oneOf(random, [{ value: '1' }, { value: '[12]', type: 'RegularExpression' }]),
    }));
  }
  if (random() < 0.2) match.queryParams = [{ name: 'q', value: oneOf(random, ['1', 'two words']) }];
  return match;
}

function someRoute(random: Random, name: string): Omit<WrittenRoute, 'createdAt'> {
  const hostnames = HOSTNAMES.filter(() => random() < 0.25);
  const rules = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    matches: Array.from({ length: Math.floor(random() * 3) }, () => someMatch(random)),
  }));
  return { name, hostnames, rules };
}

function someRequest(random: Random): RequestView {
  const headers: Record<string, string> = {};
  if (random() < 0.4) headers['x-one'] = oneOf(random, ['1', '2', '3']);
  if (random() < 0.4) headers['X-Two'] = oneOf(random, ['1', '2']);
  return request({
    host: oneOf(random, HOSTS),
    path: somePath(random),
    query: oneOf(random, ['', '?q=1', '?p=2&q=two+words', '?q=two%20words', '?Q=1']),
    method: oneOf(random, ['GET', 'POST', 'PUT']),
    headers,
  });
}

/** What Gateway API says, without any table: every match is a candidate, the best one wins. */
function reference(routes: readonly WrittenRoute[], view: RequestView): string | undefined {
  const candidates: { label: string; rank: (number | string)[] }[] = [];
  for (const { name, createdAt, hostnames, rules } of routes) {
    for (const hostname of hostnames.length === 0 ? ['*'] : hostnames) {
      if (!hostMatches(hostname, view.host)) continue;
      rules.forEach(({ matches }, ruleNumber) => {
        (matches.length === 0 ? [{}] : matches).forEach((match: WrittenMatch, matchNumber) => {
          if (!matchHolds(match, view)) return;
          const { type = 'PathPrefix', value = '/' } = match.path ?? {};
          const prefix = value.replace(/\/$/, '');
          candidates.push({
            label: `shop/${name} ${ruleNumber} ${matchNumber}`,
            rank: [
              hostname.startsWith('*') ? 1 : 0,
              -hostname.length,
              ['Exact', 'PathPrefix', 'RegularExpression'].indexOf(type),
              type === 'PathPrefix' ? -prefix.length : 0,
              match.method === undefined ? 1 : 0,
              -(match.headers?.length ?? 0),
              -(match.queryParams?.length ?? 0),
              createdAt,
              `shop/${name}`,
              ruleNumber,
              matchNumber,
            ],
          });
        });
      });
    }
  }
  candidates.sort((a, b) => compareRanks(a.rank, b.rank));
  return candidates[0]?.label;
}

function compareRanks(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at] ?? 0, b[at] ?? 0];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

function hostMatches(hostname: string, host: string): boolean {
  if (hostname === '*') return true;
  return hostname.startsWith('*.') ? host.endsWith(hostname.slice(1)) : host === hostname;
}

function matchHolds(match: WrittenMatch, view: RequestView): boolean {
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  const { path } = view;
  if (type === 'Exact' && path !== value) return false;
  if (type === 'RegularExpression' && !new RegExp(`^(?:${value})$`).test(path)) return false;
  const prefix = value.replace(/\/$/, '');
  if (type === 'PathPrefix' && path !== prefix && !path.startsWith(`${prefix}/`)) return false;
  if (match.method !== undefined && match.method !== view.method) return false;
  const test = (wanted: { value: string; type?: string }, found: string | undefined): boolean =>
    found !== undefined &&
    (wanted.type === undefined ? found === wanted.value : /^[12]$/.test(found));
  return (
    (match.headers ?? []).every((h) => test(h, view.headers.get(h.name.toLowerCase()))) &&
    (match.queryParams ?? []).every((q) => test(q, queryValue(view.query, q.name)))
  );
}

function decided(snapshot: CompiledSnapshot, view: RequestView): string | undefined {
  const sockets = socketTable(snapshot.listeners);
  const decision = decide({ snapshot, sockets, service: undefined, request: view });
  if (decision.kind !== 'rule') return undefined;
  const { route: name, rule, match } = decision.match.age;
  return `${name} ${rule} ${match}`;
}

test('the compiled router decides as a sorted scan of all rules would', () => {
  const random = seeded(20260101);
  let matched = 0;
  for (let round = 0; round < 40; round++) {
    const world = new World(gateway('edge', [{}]), service('app'));
    const routes: WrittenRoute[] = [];
    const count = 1 + Math.floor(random() * 12);
    for (let index = 0; index < count; index++) {
      const made = someRoute(random, `r${Math.floor(random() * 100)}-${index}`);
      const { name, hostnames, rules } = made;
      // Some come together with others: then only the name tells which comes first.
      const batch = random() < 0.3 ? [made, someRoute(random, `q${index}`)] : [made];
      world.apply(...batch.map((one) => route(one.name, specOf(one))));
      for (const one of batch) routes.push({ ...one, createdAt: world.state.sequence });
      expect(world.findings, JSON.stringify({ name, hostnames, rules })).toEqual([]);
    }
    for (let index = 0; index < 150; index++) {
      const view = someRequest(random);
      const expected = reference(routes, view);
      if (expected !== undefined) matched++;
      expect(decided(world.snapshot, view), JSON.stringify({ view, routes })).toBe(expected);
    }
  }
  // The generator must not drift into cases where nothing matches anything.
  expect(matched).toBeGreaterThan(3_000);
});

function specOf({ hostnames, rules }: Omit<WrittenRoute, 'createdAt'>): object {
  const backendRefs = [{ name: 'app', port: 80 }];
  return {
    ...(hostnames.length === 0 ? {} : { hostnames }),
    rules: rules.map((rule) => ({ ...rule, backendRefs })),
  };
}

test('explain names the rule that serves', () => {
  const random = seeded(7);
  const world = new World(gateway('edge', [{}]), service('app'));
  for (let index = 0; index < 20; index++) {
    const made = someRoute(random, `r${index}`);
    world.apply(route(made.name, specOf(made)));
  }
  for (let index = 0; index < 500; index++) {
    const view = someRequest(random);
    const headers: Record<string, string> = { host: view.host };
    view.headers.forEach((name, value) => {
      headers[name] = value;
    });
    const url = `http://127.0.0.1${view.path}${view.query}`;
    const asked = { method: view.method, url, headers };
    const told = explain(world.snapshot, asked, { wallMs: NOW_MS }).match;
    const served = decided(world.snapshot, view)?.split(' ');
    expect(told && [told.route, told.rule]).toEqual(served?.slice(0, 2));
  }
});
