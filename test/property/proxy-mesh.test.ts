import { expect, test } from 'vitest';
import { decide, explain } from '#proxy/pure.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import { Plane } from '../unit/proxy/support/plane.ts';
import {
  World,
  announced,
  gateway,
  oneOf,
  own,
  request,
  route,
  seeded,
  service,
} from '../unit/proxy/support/world.ts';

type Random = () => number;

const NAMESPACES = ['shop', 'bank', 'post'];
const PATHS = ['/a', '/a/b', '/b', '/ab'];

function someMatch(random: Random): object {
  const type = oneOf(random, ['Exact', 'PathPrefix', 'RegularExpression']);
  const value = type === 'RegularExpression' ? '/[ab]+' : oneOf(random, PATHS);
  return {
    path: { type, value },
    ...(random() < 0.3 ? { method: oneOf(random, ['GET', 'POST']) } : {}),
    ...(random() < 0.3 ? { headers: [{ name: 'x-one', value: oneOf(random, ['1', '2']) }] } : {}),
    ...(random() < 0.3 ? { queryParams: [{ name: 'q', value: '1' }] } : {}),
  };
}

/** A route for a Service of its own namespace or of another one, by all ports or one. */
function someMeshRoute(random: Random, name: string): object {
  const port = random() < 0.4 ? { port: oneOf(random, [80, 81]) } : {};
  const parent = { kind: 'Service', name: 'app', namespace: oneOf(random, NAMESPACES), ...port };
  const namespace = oneOf(random, NAMESPACES);
  const backendRefs = [{ name: 'app', namespace: oneOf(random, NAMESPACES), port: 80 }];
  if (random() < 0.15) {
    return {
      ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'TCPRoute' },
      metadata: { name, namespace },
      spec: { parentRefs: [parent], rules: [{ backendRefs }] },
    };
  }
  const rules = [{ matches: [someMatch(random)], backendRefs }];
  return route(`${namespace}/${name}`, { parentRefs: [parent], rules });
}

function someRoute(random: Random, name: string): object {
  const rules = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    matches: Array.from({ length: 1 + Math.floor(random() * 2) }, () => someMatch(random)),
    backendRefs: [{ name: 'app', port: 80 }],
  }));
  const parentRefs = [{ name: 'edge' }, { kind: 'Service', group: '', name: 'app' }];
  return route(name, { parentRefs, rules });
}

test('routes decide for a Service exactly as they do for a Gateway', () => {
  const random = seeded(1294);
  let matched = 0;
  let missed = 0;
  for (let round = 0; round < 60; round++) {
    const world = new World(gateway('edge', [{}]), service('app'));
    const count = 1 + Math.floor(random() * 6);
    for (let index = 0; index < count; index++) world.apply(someRoute(random, `r${index}`));
    const { snapshot } = world;
    const sockets = socketTable(snapshot.listeners);
    for (let asked = 0; asked < 60; asked++) {
      const fields = {
        path: oneOf(random, [...PATHS, '/', '/c', '/a/b/c']),
        method: oneOf(random, ['GET', 'POST', 'PUT']),
        query: oneOf(random, ['', '?q=1']),
        headers: random() < 0.5 ? { 'x-one': oneOf(random, ['1', '2']) } : {},
      };
      const [edge, mesh] = [
        request({ ...fields, host: 'shop.example' }),
        request({ ...fields, host: 'app', direction: 'outbound', listener: 'outbound' }),
      ].map((view) => {
        const decision = decide({ snapshot, sockets, service: 'shop/web', request: view });
        return decision.kind === 'rule' ? decision.match : decision.kind;
      });
      expect(mesh, JSON.stringify(fields)).toBe(edge);
      if (edge === 'none') missed++;
      else matched++;
    }
  }
  // Both ways are walked.
  expect(Math.min(matched, missed)).toBeGreaterThan(300);
});

test('explain tells of every call what becomes of it', async () => {
  const random = seeded(1324);
  const kinds = new Set<string>();
  for (let round = 0; round < 40; round++) {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'admin', port: 81 },
    ];
    const unknownHosts = oneOf(random, ['Allow', 'Refuse']);
    const world = new World(own('Mesh', 'demo', { outbound: { unknownHosts } }));
    for (const namespace of NAMESPACES) world.apply(service(`${namespace}/app`, ports));
    for (let index = 0; index < 8; index++) world.apply(someMeshRoute(random, `r${index}`));
    const { snapshot } = world;
    for (let asked = 0; asked < 40; asked++) {
      const from = `${oneOf(random, NAMESPACES)}/web`;
      const host = oneOf(random, ['app', 'app.shop', 'app.bank.svc', 'app.post', 'gone', 'a.test']);
      const port = [undefined, 80, 81, 82][Math.floor(random() * 4)];
      const fields = { method: oneOf(random, ['GET', 'POST']), path: oneOf(random, PATHS) };
      const headers = random() < 0.5 ? { 'x-one': oneOf(random, ['1', '2']) } : {};
      const url = `http://${host}${port === undefined ? '' : `:${port}`}${fields.path}`;
      const told = explain(snapshot, { method: fields.method, url, headers, from }, { wallMs: 0 });
      const plane = new Plane(
        snapshot,
        { role: 'sidecar', service: from },
        { lookup: (_, done) => done({ kind: 'found', addresses: ['10.0.0.1'], ttlMs: 60_000 }) },
      );
      for (const namespace of NAMESPACES) plane.announce(`${namespace}/app`, announced('10.1.1.1'));
      const outbound = { direction: 'outbound', listener: 'outbound' } as const;
      const { said, asked: done } = await plane.ask({
        ...fields,
        ...outbound,
        host,
        port,
        headers,
      });
      const { match, outcome } = told;
      expect([match?.route ?? '', match?.rule ?? ''], url).toEqual([done.route, done.rule]);
      const status = outcome.forwarded ? '200' : `${outcome.status} ${outcome.reason}`;
      expect(status, url).toBe(said);
      kinds.add(done.route === '' ? `${said} ${done.destination === ''}` : 'route');
    }
  }
  expect([...kinds].sort()).toEqual([
    ...['200 false', '200 true', '404 no_route false', '404 no_route true', 'route'],
  ]);
});
