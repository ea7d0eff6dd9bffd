import { RE2JS } from 're2js';
import { expect, test } from 'vitest';
import { decide } from '#proxy/pure.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import { importDocuments } from '../../services/cli/import/import.ts';
import { World, gateway, oneOf, request, seeded, service } from '../unit/proxy/support/world.ts';

const RULES_MAX = 5;
const CASES = 1_500;
const REQUESTS = 12;
const SERVICES = ['s0', 's1', 's2', 's3', 's4'];

interface Uri {
  exact?: string;
  prefix?: string;
  regex?: string;
}
interface Match {
  uri?: Uri;
  method?: { exact: string };
  headers?: Record<string, { exact: string }>;
}
type Random = () => number;

function somePath(random: Random): string {
  const length = Math.floor(random() * 3);
  return `/${Array.from({ length }, () => oneOf(random, ['a', 'b', 'ab'])).join('/')}`;
}

function someMatch(random: Random): Match {
  const match: Match = {};
  const kind = oneOf(random, ['exact', 'prefix', 'regex', '']);
  if (kind === 'regex') {
    match.uri = { regex: oneOf(random, ['/a/.*', '/[ab]+', '.*b', '/ab?', '/(a|b)/a']) };
  } else if (kind !== '') match.uri = { [kind]: somePath(random) };
  if (random() < 0.3) match.method = { exact: oneOf(random, ['GET', 'POST']) };
  if (random() < 0.3) match.headers = { 'x-one': { exact: oneOf(random, ['1', '2']) } };
  return match;
}

/** Istio's meaning, but for its prefix of the plain text, of which every note tells. */
function holds(match: Match, path: string, method: string, header: string): boolean {
  const { exact, prefix, regex } = match.uri ?? {};
  const stem = prefix?.replace(/\/$/, '');
  return (
    (exact === undefined || exact === path) &&
    (stem === undefined || path === stem || path.startsWith(`${stem}/`)) &&
    (regex === undefined || RE2JS.compile(regex).matches(path)) &&
    (match.method === undefined || match.method.exact === method) &&
    (match.headers === undefined || match.headers['x-one']?.exact === header)
  );
}

test('the first match wins as in Istio, wherever no note says that it does not', () => {
  const random = seeded(11);
  let same = 0;
  let noted = 0;
  let changed = 0;
  for (let number = 0; number < CASES; number++) {
    const lists = Array.from({ length: 1 + Math.floor(random() * RULES_MAX) }, () =>
      Array.from({ length: Math.floor(random() * 3) }, () => someMatch(random)),
    );
    const http = lists.map((match, index) => ({
      ...(match.length === 0 ? {} : { match }),
      route: [{ destination: { host: SERVICES[index], port: { number: 80 } } }],
    }));
    const value = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'v', namespace: 'shop' },
      spec: { hosts: ['*'], gateways: ['edge'], http },
    };
    const { resources, notes } = importDocuments([{ where: 'v', value }], {});
    expect(notes.filter(({ level }) => level === 'lost')).toEqual([]);
    const services = SERVICES.map((name) => service(name));
    const world = new World(gateway('edge', [{}]), ...services, ...resources);
    expect(world.problems).toEqual([]);
    const hasNote = notes.some(({ message }) => message.startsWith('in Istio '));
    if (hasNote) noted++;
    const sockets = socketTable(world.snapshot.listeners);
    for (let count = 0; count < REQUESTS; count++) {
      const path = somePath(random);
      const method = oneOf(random, ['GET', 'POST', 'PUT']);
      const header = oneOf(random, ['1', '2', '']);
      const first = lists.findIndex(
        (list) => list.length === 0 || list.some((each) => holds(each, path, method, header)),
      );
      const headers = header === '' ? {} : { 'x-one': header };
      const view = request({ host: 'any.example', path, method, headers });
      const snapshot = world.snapshot;
      const decision = decide({ snapshot, sockets, service: undefined, request: view });
      const there = first === -1 ? undefined : `shop/${SERVICES[first] ?? ''}`;
      const here =
        decision.kind === 'rule' ? decision.match.leadsTo.backends[0]?.service : undefined;
      if (here === there) same++;
      else if (hasNote) changed++;
      else expect.fail(`${path} ${method}: ${String(here)}, in Istio ${String(there)}`);
    }
  }
  // Notes are neither everywhere nor for nothing.
  expect(noted).toBeLessThan(CASES * 0.75);
  expect(changed).toBeGreaterThan(noted * 0.2);
  expect(same).toBeGreaterThan(CASES * REQUESTS * 0.8);
}, 60_000);
