import { expect, test } from 'vitest';
import type { RequestView } from '#proxy/exchange.ts';
import { decide } from '#proxy/pure.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import {
  World,
  gateway,
  grpcRoute,
  oneOf,
  request,
  seeded,
  service,
} from '../unit/proxy/support/world.ts';

type Random = () => number;

const HOSTS = ['a.example', 'b.example', 'x.a.example'];
const HOSTNAMES = ['a.example', '*.example', '*.a.example'];
const SERVICES = ['a.One', 'a.OneMore', 'b.Two', 'One'];
const METHODS = ['Get', 'GetAll', 'Put'];

interface WrittenMatch {
  method?: { service?: string; method?: string };
  headers?: { name: string; value: string }[];
}
interface WrittenRoute {
  name: string;
  createdAt: number;
  hostnames: string[];
  rules: { matches: WrittenMatch[] }[];
}

function someMatch(random: Random): WrittenMatch {
  const named = {
    ...(random() < 0.6 ? { service: oneOf(random, SERVICES) } : {}),
    ...(random() < 0.5 ? { method: oneOf(random, METHODS) } : {}),
  };
  const headers = ['X-One', 'x-two', 'x-three'].slice(0, Math.floor(random() * 4));
  return {
    ...(Object.keys(named).length === 0 ? {} : { method: named }),
    ...(random() < 0.5 ? { headers: headers.map((name) => ({ name, value: '1' })) } : {}),
  };
}

function someRoute(random: Random, name: string): Omit<WrittenRoute, 'createdAt'> {
  const rules = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    matches: Array.from({ length: Math.floor(random() * 3) }, () => someMatch(random)),
  }));
  return { name, hostnames: HOSTNAMES.filter(() => random() < 0.3), rules };
}

function someCall(random: Random): RequestView {
  const headers = Object.fromEntries(
    ['x-one', 'x-two', 'x-three']
      .filter(() => random() < 0.6)
      .map((name) => [name, oneOf(random, ['1', '1', '2'])]),
  );
  const path = `/${oneOf(random, [...SERVICES, 'c.Three'])}/${oneOf(random, [...METHODS, 'Do'])}`;
  return request({ method: 'POST', host: oneOf(random, HOSTS), path, headers });
}

/** GRPCRouteRule.matches without any table: the number of characters decides, then headers, age. */
function reference(routes: readonly WrittenRoute[], view: RequestView): string | undefined {
  const candidates: { label: string; rank: (number | string)[] }[] = [];
  const [, calledService = '', calledMethod = ''] = view.path.split('/');
  for (const { name, createdAt, hostnames, rules } of routes) {
    for (const hostname of hostnames.length === 0 ? ['*'] : hostnames) {
      if (!hostMatches(hostname, view.host)) continue;
      rules.forEach(({ matches }, rule) => {
        (matches.length === 0 ? [{}] : matches).forEach((match: WrittenMatch, number) => {
          const { service = '', method = '' } = match.method ?? {};
          const { headers = [] } = match;
          if (service !== '' && service !== calledService) return;
          if (method !== '' && method !== calledMethod) return;
          const holds = headers.every(
            (test) => view.headers.get(test.name.toLowerCase()) === test.value,
          );
          if (!holds) return;
          candidates.push({
            label: `shop/${name} ${rule} ${number}`,
            rank: [
              ...[hostname.startsWith('*') ? 1 : 0, -hostname.length],
              ...[-service.length, -method.length, -headers.length],
              ...[createdAt, `shop/${name}`, rule, number],
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
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? 0 : (a[at] ?? 0) < (b[at] ?? 0) ? -1 : 1;
}

function hostMatches(hostname: string, host: string): boolean {
  if (hostname === '*') return true;
  return hostname.startsWith('*.') ? host.endsWith(hostname.slice(1)) : host === hostname;
}

test('calls are decided as a sorted scan of all matches of GRPCRoutes would', () => {
  const random = seeded(20260102);
  let matched = 0;
  for (let round = 0; round < 60; round++) {
    const world = new World(gateway('edge', [{}]), service('app'));
    const routes: WrittenRoute[] = [];
    const count = 1 + Math.floor(random() * 8);
    for (let index = 0; index < count; index++) {
      const made = someRoute(random, `r${Math.floor(random() * 100)}-${index}`);
      const backendRefs = [{ name: 'app', port: 80 }];
      const rules = made.rules.map((rule) => ({ ...rule, backendRefs }));
      const hosts = made.hostnames.length === 0 ? {} : { hostnames: made.hostnames };
      world.apply(grpcRoute(made.name, { ...hosts, rules }));
      routes.push({ ...made, createdAt: world.state.sequence });
      expect(world.findings).toEqual([]);
    }
    const { snapshot } = world;
    const sockets = socketTable(snapshot.listeners);
    for (let index = 0; index < 150; index++) {
      const view = someCall(random);
      const decision = decide({ snapshot, sockets, service: undefined, request: view });
      const age = decision.kind === 'rule' ? decision.match.age : undefined;
      const label = age === undefined ? undefined : `${age.route} ${age.rule} ${age.match}`;
      const expected = reference(routes, view);
      if (expected !== undefined) matched++;
      expect(label, JSON.stringify({ view, routes })).toBe(expected);
    }
  }
  expect(matched).toBeGreaterThan(4_000);
});
