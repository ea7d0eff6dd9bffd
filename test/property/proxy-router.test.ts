import { afterAll, expect, test } from 'vitest';
import type { RequestView } from '#proxy/exchange.ts';
import { type CompiledSnapshot, decide, explain } from '#proxy/pure.ts';
import { type SocketTable, socketTable } from '#proxy/route/sockets.ts';
import { rankAll, scan } from '../unit/proxy/support/naive-router.ts';
import {
  type Random,
  type WrittenRoute,
  someListeners,
  someRequest,
  someRoute,
  specOf,
} from '../unit/proxy/support/some-routes.ts';
import {
  NOW_MS,
  World,
  gateway,
  oneOf,
  route,
  seeded,
  service,
} from '../unit/proxy/support/world.ts';

const CASES = 100_000;
const REQUESTS_PER_WORLD = 200;
const TIMEOUT_MS = 60_000;

const told = { cases: 0, matched: 0 };
afterAll(() => {
  process.stdout.write(`${told.cases} requests decided as by a scan, ${told.matched} matched\n`);
});

interface Made {
  world: World;
  listeners: Record<string, string | undefined>;
  routes: WrittenRoute[];
}

/** Routes come alone or together, of two namespaces, and change later: all that tells their age. */
function someWorld(random: Random): Made {
  const listeners = someListeners(random);
  const sections = Object.keys(listeners);
  const world = new World(
    gateway(
      'edge',
      sections.map((name) => ({
        ...{ name, allowedRoutes: { namespaces: { from: 'All' } } },
        ...(listeners[name] === undefined ? {} : { hostname: listeners[name] }),
      })),
    ),
    ...[service('app'), service('bank/app')],
  );
  const routes = new Map<string, WrittenRoute>();
  const share = oneOf(random, [0, 0.2, 0.2, 0.9]);
  const steps = 1 + Math.floor(random() * 12);
  for (let step = 0; step < steps; step++) {
    const batch = new Map<string, Omit<WrittenRoute, 'createdAt'>>();
    for (let left = oneOf(random, [1, 1, 2, 6]); left > 0; left--) {
      const name = `${oneOf(random, ['shop', 'bank'])}/r${Math.floor(random() * 30)}`;
      batch.set(name, someRoute(random, name, sections, share));
    }
    world.apply(...[...batch].map(([name, made]) => route(name, specOf(made))));
    for (const [name, made] of batch) {
      const createdAt = routes.get(name)?.createdAt ?? world.state.sequence;
      routes.set(name, { ...made, createdAt });
    }
  }
  return { world, listeners, routes: [...routes.values()] };
}

function decided(
  snapshot: CompiledSnapshot,
  sockets: SocketTable,
  request: RequestView,
): string | undefined {
  const decision = decide({ snapshot, sockets, service: undefined, request });
  if (decision.kind !== 'rule') return undefined;
  const { route: name, rule, match } = decision.match.age;
  return `${name} ${rule} ${match}`;
}

test(
  'the compiled router decides as a sorted scan of all rules would',
  () => {
    const random = seeded(20260101);
    while (told.cases < CASES) {
      const { world, listeners, routes } = someWorld(random);
      const ranking = rankAll(routes);
      const sockets = socketTable(world.snapshot.listeners);
      for (let index = 0; index < REQUESTS_PER_WORLD; index++) {
        const view = someRequest(random);
        const expected = scan(ranking, listeners, view);
        const found = decided(world.snapshot, sockets, view);
        // Written out for the one that fails only: it is long.
        if (found !== expected) {
          const headers = view.headers.toRaw();
          expect(found, JSON.stringify({ listeners, view, headers, routes })).toBe(expected);
        }
        told.cases++;
        if (expected !== undefined) told.matched++;
      }
    }
    // The generator must not drift into cases where nothing matches, or everything.
    expect(told.matched).toBeGreaterThan(CASES / 4);
    expect(told.matched).toBeLessThan(CASES * 0.9);
  },
  TIMEOUT_MS,
);

test('explain names the rule that serves', () => {
  const random = seeded(7);
  for (let round = 0; round < 10; round++) {
    const { world } = someWorld(random);
    const sockets = socketTable(world.snapshot.listeners);
    for (let index = 0; index < 100; index++) {
      const view = someRequest(random);
      if (view.path === '*') continue; // No URL has it.
      const headers: Record<string, string> = { host: view.host };
      view.headers.forEach((name) => {
        headers[name] = view.headers.get(name) ?? '';
      });
      const url = `http://127.0.0.1${view.path}${view.query}`;
      const asked = { method: view.method, url, headers };
      const answer = explain(world.snapshot, asked, { wallMs: NOW_MS }).match;
      const served = decided(world.snapshot, sockets, view)?.split(' ');
      expect(answer && [answer.route, answer.rule]).toEqual(served?.slice(0, 2));
    }
  }
});
