import { PathTemplates, templateProblem } from '#proxy/policy/telemetry/templates.ts';
import type { RecordRules } from '#proxy/policy/telemetry/config.ts';
import { explain } from '#proxy/pure.ts';
import { describe, expect, it } from 'vitest';
import { NOW_MS, World, gateway, own, route, rule, service } from '../support/world.ts';

const EDGE = gateway('edge', [
  { name: 'a', hostname: 'a.example' },
  { name: 'b', hostname: 'b.example' },
]);

function policy(name: string, target: object, spec: object): object {
  return own('TelemetryPolicy', name, { targetRefs: [target], ...spec });
}

const GATEWAY = { kind: 'Gateway', name: 'edge' };

function listenerRules(world: World, name: string): RecordRules | undefined {
  return world.snapshot.edge.get(`Gateway/shop/edge/${name}`)?.records;
}

describe('TelemetryPolicy', () => {
  it('without one nothing is said of how requests are recorded', () => {
    expect(listenerRules(new World(EDGE), 'a')).toBeUndefined();
  });

  it('has defaults for what it does not say', () => {
    const world = new World(
      EDGE,
      policy('some', GATEWAY, {
        sampling: { percent: 10 },
        fields: [
          { name: 'tenant', requestHeader: 'X-Tenant' },
          { name: 'cache', responseHeader: 'X-Cache', values: 3 },
        ],
      }),
    );
    expect(world.findings).toEqual([]);
    expect(listenerRules(world, 'a')).toEqual({
      policy: 'TelemetryPolicy/shop/some',
      sampling: { share: 0.1, slowerThanMs: 1_000, newRevisionMs: 60_000 },
      fields: [
        { name: 'tenant', header: 'x-tenant', of: 'request', valuesMax: 1_000 },
        { name: 'cache', header: 'x-cache', of: 'response', valuesMax: 3 },
      ],
      readsResponse: true,
      templates: undefined,
      path: 'Keep',
      clientAddress: 'Keep',
    });
  });

  it('the one of the narrower target replaces the wider one whole', () => {
    const world = new World(
      EDGE,
      service('a'),
      policy('wide', GATEWAY, { clientAddress: 'Drop', path: 'Template' }),
      policy('narrow', { ...GATEWAY, sectionName: 'b' }, { clientAddress: 'Network' }),
      policy('called', { kind: 'Service', name: 'a' }, { path: 'Template' }),
    );
    expect(world.findings).toEqual([]);
    expect(listenerRules(world, 'a')).toMatchObject({ clientAddress: 'Drop', path: 'Template' });
    expect(listenerRules(world, 'b')).toMatchObject({ clientAddress: 'Network', path: 'Keep' });
    expect(world.snapshot.services.get('shop/a')?.records).toMatchObject({ path: 'Template' });
  });

  it('of a route and its rule holds for the rule', () => {
    const named = { name: 'browse', backendRefs: [{ name: 'a', port: 80 }] };
    const world = new World(
      EDGE,
      service('a'),
      route('r', { rules: [named, { ...named, name: 'buy' }] }),
      policy('all', { kind: 'HTTPRoute', name: 'r' }, { clientAddress: 'Network' }),
      policy('one', { kind: 'HTTPRoute', name: 'r', sectionName: 'buy' }, { path: 'Template' }),
    );
    expect(world.findings).toEqual([]);
    const unit = world.snapshot.index.units.get('HTTPRoute/shop/r')?.compiled;
    const rules = unit?.kind === 'route' ? unit.route.matches.map(({ leadsTo }) => leadsTo) : [];
    expect(rules.map(({ rule, records }) => [rule, records?.path, records?.clientAddress])).toEqual(
      [
        ['browse', 'Keep', 'Network'],
        ['buy', 'Template', 'Keep'],
      ],
    );
  });

  it.each([
    [{ fields: [{ name: 'a', requestHeader: 'Authorization' }] }, 'fields[0].requestHeader'],
    [{ fields: [{ name: 'a', responseHeader: 'set-cookie' }] }, 'fields[0].responseHeader'],
  ])('%j is a secret, and refused', (spec, path) => {
    const world = new World(EDGE, policy('bad', GATEWAY, { ...spec, path: 'Template' }));
    expect(world.findings).toEqual([`TelemetryPolicy/shop/bad spec.${path} invalid_value`]);
  });

  it.each([
    [{ fields: [{ name: 'a' }] }, 'fields[0] missing_field'],
    [{ fields: [{ name: 'a', requestHeader: 'x', responseHeader: 'y' }] }, 'fields[0] conflict'],
    [
      {
        fields: [
          { name: 'a', requestHeader: 'x' },
          { name: 'a', requestHeader: 'y' },
        ],
      },
      'fields[1].name duplicate',
    ],
    [{ pathTemplates: ['/a', 'b'] }, 'pathTemplates[1] invalid_value'],
    [{ sampling: { percent: 1, slowerThan: '0s' } }, 'sampling.slowerThan invalid_value'],
  ])('%j is told', (spec, finding) => {
    const world = new World(EDGE, policy('bad', GATEWAY, { ...spec, clientAddress: 'Drop' }));
    expect(world.findings).toEqual([`TelemetryPolicy/shop/bad spec.${finding}`]);
  });
});

describe('explain', () => {
  it('says how a request is recorded, last of all', () => {
    const world = new World(
      EDGE,
      service('a'),
      route('r', { rules: [rule('/', 'a')] }),
      policy('wide', GATEWAY, {
        sampling: { percent: 5, slowerThan: '250ms' },
        fields: [{ name: 'tenant', requestHeader: 'X-Tenant' }],
        pathTemplates: ['/orders/{id}'],
        ...{ path: 'Template', clientAddress: 'Network' },
      }),
    );
    const request = { method: 'GET', url: 'http://a.example:80/orders/7' };
    expect(explain(world.snapshot, request, { wallMs: NOW_MS }).steps.at(-1)).toEqual({
      phase: 'record',
      name: 'TelemetryPolicy/shop/wide',
      effect:
        '5 % are recorded, and errors, what takes over 250 ms, and all in the first 60 s of a ' +
        'revision; with tenant (request header x-tenant); as /orders/{id}; without its path; ' +
        "with the network of the client's address",
    });
  });
});

describe('path templates', () => {
  const templates = new PathTemplates([
    '/orders',
    '/orders/{id}',
    '/orders/{id}/items/{item}',
    '/orders/latest',
    '/orders/latest/{more...}',
    '/files/{path...}',
    '/{tenant}/users/{user}',
    '/',
  ]);

  it.each([
    ['/orders', '/orders'],
    ['/orders/7', '/orders/{id}'],
    ['/orders/latest', '/orders/latest'],
    ['/orders/latest/x/y', '/orders/latest/{more...}'],
    ['/orders/7/items/9', '/orders/{id}/items/{item}'],
    // Text comes first, and what it cannot finish goes back to the parameter or to the rest.
    ['/orders/latest/items/9', '/orders/latest/{more...}'],
    ['/files/a/b/c', '/files/{path...}'],
    ['/files/', '/files/{path...}'],
    ['/files', '/files/{path...}'],
    ['/acme/users/bob', '/{tenant}/users/{user}'],
    ['/orders/users/bob', '/{tenant}/users/{user}'],
    ['/', '/'],
    ['/orders/', undefined],
    ['/orders//items/9', undefined],
    ['/elsewhere', undefined],
  ])('%s is %s', (path, template) => {
    expect(templates.find(path)).toBe(template);
  });

  it('looks at each element of a template once, however a path is made', () => {
    const deep = new PathTemplates(
      Array.from({ length: 60 }, (_, i) => `${'/{a}'.repeat(i)}${'/a'.repeat(60 - i)}/end`),
    );
    const startMs = performance.now();
    for (let i = 0; i < 1_000; i++) expect(deep.find('/a'.repeat(60))).toBeUndefined();
    // Trying every way through them would take 2 ** 60 steps.
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  it.each([
    ['orders', /begins with/],
    ['/{id', /no element/],
    ['/{id}s', /no element/],
    ['/{rest...}/more', /no element/],
    ['/a?b', /no element/],
    [`/${'a/'.repeat(64)}`, /64 elements/],
  ])('%s is none', (template, problem) => {
    expect(templateProblem(template)).toMatch(problem);
  });
});
